import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from persona_tf.data.corpus import PackedCorpus, Position, batches
from persona_tf.data.mixture import Mixture, _next, mixed_batches
from persona_tf.text.features import FEATURES


def _corpus(rows, mark):
    """Rows of three tokens, all of them ``mark``; the first label of row i is i."""
    splits = {axis: np.arange(rows + 1) * 3 for axis in "SHTG"}
    values = {name: np.full(3 * rows, mark, np.uint16) for name in FEATURES}
    values["target_labels"] = np.repeat(np.arange(rows), 3).astype(np.uint16)
    return PackedCorpus(values, splits)


@pytest.fixture(scope="module")
def mixture():
    return Mixture({"a": _corpus(50, 1), "b": _corpus(7, 2)}, {"a": 0.7, "b": 0.3})


def _take(stream, count):
    return [(position, batch["target_labels"][:, 0].tolist()) for position, batch in itertools.islice(stream, count)]


def test_each_source_comes_in_its_own_order_and_is_named(mixture):
    taken = _take(mixed_batches(mixture, 400, 5, Position()), 60)
    assert [position.batch for position, _ in taken] == list(range(1, 61))
    for name, corpus in mixture.parts.items():
        mine = [rows for position, rows in taken if position.source == name]
        assert mine == [rows for _, rows in _take(batches(corpus, 400, 5), len(mine))]
        assert len(mine) == pytest.approx(60 * mixture.shares[name], abs=1)


@pytest.mark.parametrize("done", [0, 1, 2, 9, 23, 24, 25, 41])
def test_a_stream_goes_on_where_it_stopped(mixture, done):
    """Beyond several epochs of the small source."""
    whole = _take(mixed_batches(mixture, 400, 5, Position()), 60)
    assert _take(mixed_batches(mixture, 400, 5, Position(0, done)), 60 - done) == whole[done:]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5), st.integers(1, 200))
def test_no_source_is_ever_ahead_by_as_much_as_one(parts, count):
    shares = {str(i): part / sum(parts) for i, part in enumerate(parts)}
    taken = dict.fromkeys(shares, 0)
    for number in range(count):
        taken[_next(shares, taken, number)] += 1
        assert min(shares[name] * (number + 1) - taken[name] for name in shares) > -1
    assert sum(taken.values()) == count


def test_a_mixture_is_as_long_as_its_parts(mixture):
    assert len(mixture) == 57
