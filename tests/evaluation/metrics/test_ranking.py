import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.evaluation.metrics.ranking import gold_indices, gold_rank, hit, reciprocal_rank

scores = st.lists(st.integers(-3, 3), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("given_scores", "gold", "rank"),
    [
        ([0.1, 0.9, 0.5], [1], 1),
        ([0.1, 0.9, 0.5], [0], 3),
        ([0.5, 0.5, 0.5], [0], 3),  # ties go against the gold
        ([0.9, 0.7, 0.7, 0.1], [1], 3),
        ([0.9, 0.7, 0.7, 0.1], [1, 2], 2),  # true ones do not stand before each other
        ([0.9, 0.7, 0.7, 0.1], [0, 3], 1),
    ],
)
def test_ranks(given_scores, gold, rank):
    assert gold_rank(given_scores, gold) == rank
    assert reciprocal_rank(given_scores, gold) == pytest.approx(1 / rank)
    assert [hit(given_scores, gold, k) for k in (1, 2, 3)] == [rank <= k for k in (1, 2, 3)]


@given(scores, st.data())
def test_a_constant_scorer_never_profits(values, data):
    gold = data.draw(st.integers(0, len(values) - 1))
    assert gold_rank([0.0] * len(values), [gold]) == len(values)
    assert 1 <= gold_rank(values, [gold]) <= len(values)
    assert gold_rank(values, range(len(values))) == 1


@pytest.mark.parametrize(("values", "gold"), [([1.0], []), ([1.0], [1]), ([1.0], [-1]), ([float("nan")], [0])])
def test_senseless_input_is_an_error(values, gold):
    with pytest.raises(ValueError, match="gold_rank: expected"):
        gold_rank(values, gold)


def test_gold_is_found_by_its_text():
    assert gold_indices(["Sea!", "land", "the sea"], "sea") == (0, 2)
    assert gold_indices(["land"], "sea") == ()
