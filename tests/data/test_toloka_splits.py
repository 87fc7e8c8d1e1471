import collections

from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data.toloka_splits import group_names, split_of


def test_splits_never_change():
    names = [f"toloka/{number:012x}" for number in range(16)]
    assert "".join(split_of(name)[1] for name in names) == "arrrrraraerrarre"


def test_a_tenth_is_valid_a_tenth_test():
    shares = collections.Counter(split_of(f"toloka/{number:012x}") for number in range(10_000))
    assert {split: round(count / 10_000, 2) for split, count in shares.items()} == {
        "train": 0.8,
        "valid": 0.1,
        "test": 0.1,
    }


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=9))
def test_groups_are_what_shared_links_connect(links):
    ids = [f"id{number:02}" for number in range(len(links))]
    groups = [{number} for number in range(len(links))]
    for _ in links:  # so many times suffice
        groups = [
            {i for i in range(len(links)) if any(not set(links[i]).isdisjoint(links[j]) for j in group)}
            for group in groups
        ]
    assert group_names(ids, links) == [min(ids[i] for i in group) for group in groups]
