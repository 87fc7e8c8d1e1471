"""NumPy's filters and noise against TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given
from hypothesis import strategies as st

from persona_tf.decoding import filters, noise, numpy_choice, numpy_noise
from persona_tf.decoding.config import DecodeConfig

int32s = st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-2, 40))
# Few values, so that many are equal.
rows = st.lists(st.sampled_from([-np.inf, -9.5, -3.0, -1.0, 0.0, 0.5, 2.0, 7.0, 1e6]), min_size=1, max_size=24)
wide = st.integers(0, 2**32 - 1).map(lambda seed: np.random.default_rng(seed).normal(0, 4, 500).tolist())
logits_rows = st.one_of(rows, wide).filter(lambda row: max(row) > -np.inf).map(np.float32)


@given(st.lists(int32s, min_size=1, max_size=3), st.integers(0, 600), st.integers(1, 40))
def test_the_noise_is_the_same_bit_for_bit(seeds, index, size):
    expected = noise.uniform(tf.constant(seeds, tf.int32), tf.constant(index), size).numpy()
    row, ids = (part.ravel() for part in np.indices(expected.shape))
    stream = numpy_noise.streams(np.int32(seeds), index + 1)[index, row]
    found = numpy_noise.uniform(stream, ids)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected.ravel())
    exact = noise.exponential(tf.constant(seeds, tf.int32), tf.constant(index), size).numpy()
    clocks = numpy_noise.exponential(stream, ids)
    np.testing.assert_allclose(clocks, exact.ravel(), rtol=1e-6, atol=1e-7)


@given(logits_rows, st.sampled_from([1, 2, 3, 10, 400]), st.floats(0.01, 24))
def test_the_same_come_first(keys, step, amount):
    weights = np.arange(len(keys)) % step + 1.0
    weights *= 16 / weights.sum()
    # Where a sum is the amount but for rounding, either may be taken: it depends on the order of adding up.
    assume(np.abs(np.cumsum(weights[np.argsort(-keys, kind="stable")]) - amount).min() > 1e-6)
    expected = filters.keep_first(tf.constant(keys[None]), tf.constant(weights[None]), amount).numpy()[0]
    np.testing.assert_array_equal(numpy_choice.keep_first(keys, weights, amount), np.flatnonzero(expected))


@given(
    logits_rows,
    st.sampled_from([None, 1, 3, 1000]),
    st.sampled_from([0.1, 0.5, 0.9, 1.0]),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([0.3, 1.0]),
)
def test_the_same_is_kept(logits, k, p, least, mass):
    config = DecodeConfig(method="sample", top_k=k, top_p=p, min_p=least, typical=mass)
    left = filters.top_p(filters.top_k(tf.constant(logits[None]), k), p)
    left = filters.typical(filters.min_p(left, least), mass).numpy()[0]
    np.testing.assert_array_equal(numpy_choice.kept(logits, config), np.flatnonzero(left > -np.inf))


@given(logits_rows, st.integers(0, 3), st.lists(st.integers(1, 3), max_size=6), st.sampled_from([1.0, 1.7]))
def test_rules_on_repetition_are_the_same(logits, n, said, penalty):
    logits = np.resize(logits, 8)
    written = np.zeros((1, 8), np.int32)
    written[0, : len(said)] = said
    expected = filters.no_repeat_ngrams(tf.constant(logits[None]), tf.constant(written), len(said), n).numpy()
    found = numpy_choice.without_repeats(logits[None], written, len(said), n)
    np.testing.assert_array_equal(found, expected)
    expected = filters.repetition_penalty(tf.constant(logits[None]), tf.constant(written), penalty).numpy()
    np.testing.assert_array_equal(numpy_choice.penalised(logits[None], written, penalty), expected)


def test_what_is_drawn_is_the_argmax_of_the_race():
    logits = np.random.default_rng(0).normal(0, 3, (50, 300)).astype(np.float32)
    seeds = np.arange(50, dtype=np.int32)
    config = DecodeConfig(method="sample", top_p=0.9, temperature=0.7)
    left = filters.top_p(filters.temperature(tf.constant(logits), 0.7), 0.9)
    clocks = noise.exponential(tf.constant(seeds), tf.constant(7), 300)
    expected = tf.argmax(left - tf.math.log(clocks), axis=-1).numpy()
    np.testing.assert_array_equal(numpy_choice.draw(logits, config, numpy_noise.streams(seeds, 8)[7]), expected)


@pytest.mark.parametrize("fields", [{}, {"method": "sample", "hypotheses": 3}])
def test_what_is_supported(fields):
    assert not numpy_choice.unsupported(DecodeConfig(**fields))
