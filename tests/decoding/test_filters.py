import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, example, given

from persona_tf.decoding import filters

SIZE = 7
rows = st.one_of(
    st.lists(st.integers(-3, 3).map(float), min_size=SIZE, max_size=SIZE),  # many ties
    st.lists(st.floats(-20, 20, width=32, allow_subnormal=False), min_size=SIZE, max_size=SIZE),
    st.lists(st.sampled_from([0.0, 1.0, -np.inf]), min_size=SIZE, max_size=SIZE).filter(lambda r: max(r) > -np.inf),
)


def _softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def _kept(filtered, logits):
    """Which are left in; those must be as they were."""
    filtered, logits = np.asarray(filtered), np.asarray(logits, np.float32)
    kept = filtered > -np.inf
    np.testing.assert_array_equal(filtered[kept], logits[kept])
    return kept


@given(row=rows, p=st.floats(1e-6, 1, exclude_max=True))
@example(row=[0.0] * SIZE, p=0.5)
@example(row=[0.0] * SIZE, p=1e-6)
@example(row=[3.0, 3.0, 1.0, 1.0, 1.0, -9.0, -9.0], p=0.95)
def test_top_p_against_a_reference(row, p):
    probs = _softmax(np.array(row, np.float64))
    order = np.argsort(-np.array(row, np.float32), kind="stable")
    before = np.cumsum(probs[order]) - probs[order]
    assume(np.abs(before[1:] - p).min() > 1e-6)  # what lies on the edge may fall on either side
    wanted = np.zeros(SIZE, bool)
    wanted[order[before < p]] = True
    wanted &= np.array(row) > -np.inf
    np.testing.assert_array_equal(_kept(filters.top_p(tf.constant([row], tf.float32), p), [row])[0], wanted)


@given(row=rows, p=st.floats(1e-6, 0.999))
def test_top_p_keeps_the_smallest_set_that_reaches_p(row, p):
    kept = _kept(filters.top_p(tf.constant([row], tf.float32), p), [row])[0]
    probs = _softmax(np.array(row, np.float64))
    assert kept.any()
    assert probs[kept].sum() > p - 1e-6
    assert probs[kept].sum() - probs[kept].min() < p + 1e-6
    assert probs[kept].min() >= probs[~kept].max(initial=0) - 1e-9


def test_top_p_of_equal_ones_keeps_those_with_the_smaller_ids():
    kept = _kept(filters.top_p(tf.zeros([1, 8]), 0.375), np.zeros((1, 8)))
    assert kept.tolist() == [[True] * 3 + [False] * 5]


def test_top_p_one_keeps_all():
    logits = tf.constant([[0.0, -80.0, 5.0]])
    assert filters.top_p(logits, 1.0) is logits


def test_a_tiny_top_p_keeps_the_best():
    logits = np.random.default_rng(0).normal(size=(20, 50))
    kept = _kept(filters.top_p(tf.constant(logits, tf.float32), 1e-9), logits)
    assert kept.sum(1).tolist() == [1] * 20
    assert (kept.argmax(1) == logits.argmax(1)).all()


def test_rows_are_filtered_each_for_itself():
    logits = np.random.default_rng(0).normal(size=(20, 50)).astype(np.float32)
    for filtered in (lambda x: filters.top_p(x, 0.7), lambda x: filters.top_k(x, 5)):
        together = np.asarray(filtered(tf.constant(logits)))
        for row in range(20):
            np.testing.assert_array_equal(together[row], filtered(tf.constant(logits[row : row + 1]))[0])


@given(row=rows, k=st.integers(1, SIZE - 1))
def test_top_k_against_a_reference(row, k):
    wanted = np.zeros(SIZE, bool)
    wanted[np.argsort(-np.array(row, np.float32), kind="stable")[:k]] = True
    wanted &= np.array(row) > -np.inf
    np.testing.assert_array_equal(_kept(filters.top_k(tf.constant([row], tf.float32), k), [row])[0], wanted)


@pytest.mark.parametrize("k", [0, SIZE, SIZE + 1])
def test_top_k_that_keeps_all(k):
    logits = tf.random.stateless_normal([2, SIZE], [0, 0])
    assert filters.top_k(logits, k) is logits


@pytest.mark.parametrize("value", [0.5, 1.0, 3.0])
def test_temperature(value):
    logits = np.array([[0.0, 1.0, 3.0]], np.float32)
    found = _softmax(np.asarray(filters.temperature(tf.constant(logits), value))[0])
    powers = _softmax(logits[0]) ** (1 / value)
    np.testing.assert_allclose(found, powers / powers.sum(), rtol=1e-5)
