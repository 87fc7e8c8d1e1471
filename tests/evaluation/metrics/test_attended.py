import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.evaluation.metrics.attended import attended

KEYS = [f"persona/{i}" for i in range(6)]


@pytest.mark.parametrize(
    ("shares", "needed", "precision", "recall"),
    [
        ({"a": 0.5, "b": 0.25, "c": 0.125}, ("a", "c"), 0.625, 0.5),
        ({"a": 0.5, "b": 0.25, "c": 0.125}, ("a", "b"), 0.75, 1.0),
        ({"a": 0.5, "b": 0.5}, ("b",), 0.5, 0.0),
        ({"b": 0.5, "a": 0.5}, ("b",), 0.5, 0.0),
        ({"a": 1.0}, ("a", "a"), 1.0, 1.0),
        ({"a": 0.0, "b": 0.0}, ("a",), 0.0, 0.0),
        ({}, ("a",), 0.0, 0.0),
        ({"a": 0.25}, ("a", "b", "c", "d"), 0.25, 0.25),
    ],
)
def test_by_hand(shares, needed, precision, recall):
    assert attended(shares, needed) == (precision, recall)


def test_nothing_needed_is_an_error():
    with pytest.raises(ValueError, match="expected one needed item"):
        attended({"a": 1.0}, ())


@given(
    st.dictionaries(st.sampled_from(KEYS), st.floats(0, 1, width=16)),
    st.sets(st.sampled_from(KEYS), min_size=1),
)
def test_as_a_reference_that_looks_at_every_order(shares, needed):
    """Recall: a needed item is found if fewer than n others have as much, or it shares the last places alone."""
    whole = sum(shares.values()) or 1.0
    shares = {key: share / whole for key, share in shares.items()}
    found = attended(shares, needed)
    assert found.precision == pytest.approx(sum(share for key, share in shares.items() if key in needed))
    hits = 0
    for key in needed:
        own = shares.get(key, 0.0)
        others = sum(share >= own for other, share in shares.items() if other not in needed)
        better = sum(shares.get(other, 0.0) > own for other in needed)
        same = sorted(other for other in needed if shares.get(other, 0.0) == own)
        hits += own > 0 and others + better + same.index(key) < len(needed)
    assert found.recall == pytest.approx(hits / len(needed))
