import struct

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.decoding import filters, noise

int32s = st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-2, 40))


def _rotate(x, by):
    return (x << by | x >> 32 - by) & 0xFFFFFFFF


def _murmur3(key, seed=0):
    """MurmurHash3_x86_32 of bytes, in Python's integers."""
    h = seed
    whole = len(key) // 4 * 4
    for (k,) in struct.iter_unpack("<I", key[:whole]):
        h ^= _rotate(k * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF
        h = (_rotate(h, 13) * 5 + 0xE6546B64) & 0xFFFFFFFF
    k = int.from_bytes(key[whole:], "little")
    h ^= _rotate(k * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF
    h ^= len(key)
    h = (h ^ h >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    h = (h ^ h >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return h ^ h >> 16


def _middle(seed, index, token):
    return ((_murmur3(struct.pack("<iii", seed, index, token)) >> 9) + 0.5) / 2**23


def _uniform(seeds, index, size):
    return noise.uniform(tf.constant(seeds, tf.int32), tf.constant(index), size).numpy()


def _chi_square_limit(freedom, deviations=4.0):
    """About the 1 - 3e-5 point of chi-square (Wilson and Hilferty 1931)."""
    return freedom * (1 - 2 / (9 * freedom) + deviations * (2 / (9 * freedom)) ** 0.5) ** 3


def _chi_square(counts, expected):
    return ((counts - expected) ** 2 / expected).sum()


def test_the_reference_is_the_published_hash():
    assert _murmur3(b"", 1) == 0x514E28B7
    assert _murmur3(b"\xff\xff\xff\xff") == 0x76293B50
    assert _murmur3(b"\x21\x43\x65\x87", 0x5082EDEE) == 0x2362F9DE
    # The verification value of SMHasher, the hash's own test suite.
    hashes = b"".join(struct.pack("<I", _murmur3(bytes(range(n)), 256 - n)) for n in range(256))
    assert _murmur3(hashes) == 0xB0F57EE3


@given(seeds=st.lists(int32s, min_size=3, max_size=3), index=int32s)
def test_uniform_against_the_reference(seeds, index):
    wanted = [[_middle(seed, index, token) for token in range(5)] for seed in seeds]
    found = _uniform(seeds, index, 5)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, wanted)


def test_the_noise_of_a_seed_never_changes():
    """Replies of a seed would change with it."""
    bits = (_uniform([0, 7], 3, 3) * 2**23 - 0.5).astype(int)
    assert bits.tolist() == [[5572644, 3952365, 4911920], [1942197, 4777564, 6999641]]


@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
def test_a_row_has_the_same_noise_alone_in_a_batch_and_compiled(compiled):
    seeds = [5, -1, 2**31 - 1, 0, 5]
    call = tf.function(lambda s, i: noise.uniform(s, i, 300), jit_compile=compiled)
    together = call(tf.constant(seeds), tf.constant(9)).numpy()
    np.testing.assert_array_equal(together, _uniform(seeds, 9, 300))
    np.testing.assert_array_equal(together[0], together[4])
    for row, seed in enumerate(seeds):
        np.testing.assert_array_equal(together[row], _uniform([seed], 9, 77 + 223)[0])
        np.testing.assert_array_equal(together[row, :77], _uniform([seed], 9, 77)[0])


def test_any_number_of_rows():
    assert _uniform([], 0, 4).shape == (0, 4)


def test_the_interval_is_open():
    """The least and the largest that 23 bits can give."""
    found = _uniform(range(1000), 0, 8000)
    assert found.min() > 0
    assert found.max() < 1
    assert found.min() < 1e-6
    assert found.max() > 1 - 1e-6
    # These are the ends: the hash is onto, and all 23 bits 0 or 1 are rounded to neither end.
    assert np.float32(0.5 * 2.0**-23) > 0
    assert np.float32((2**23 - 0.5) * 2.0**-23) < 1


@pytest.fixture(scope="module")
def block():
    """Uniform noise [32 seeds, 16 steps, 2000 ids]."""
    return np.stack([_uniform(range(32), index, 2000) for index in range(16)], axis=1)


def test_it_is_uniform(block):
    counts = np.bincount((block * 1024).astype(int).ravel(), minlength=1024)
    assert _chi_square(counts, block.size / 1024) < _chi_square_limit(1023)
    means = (block.mean(axis=-1) - 0.5) * (12 * 2000) ** 0.5
    assert np.abs(means).max() < 4.5
    assert means.var() == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize("axis", [0, 1, 2], ids=["seeds", "steps", "ids"])
@pytest.mark.parametrize("apart", [1, 2, 8])
def test_neighbours_are_independent(block, axis, apart):
    first = np.take(block, range(block.shape[axis] - apart), axis).ravel()
    second = np.take(block, range(apart, block.shape[axis]), axis).ravel()
    assert abs(((first - 0.5) * (second - 0.5)).mean() * 12 * first.size**0.5) < 4
    pairs = (first * 16).astype(int) * 16 + (second * 16).astype(int)
    assert _chi_square(np.bincount(pairs, minlength=256), first.size / 256) < _chi_square_limit(255)


def test_seed_and_step_do_not_stand_for_each_other():
    assert not np.isclose(_uniform([3], 4, 50), _uniform([4], 3, 50)).any()
    assert not np.isclose(_uniform([3], 4, 50), _uniform([7], 0, 50)).any()


def test_exponential():
    seeds = tf.range(200)
    found = noise.exponential(seeds, tf.constant(2), 2000).numpy()
    np.testing.assert_allclose(found, -np.log(_uniform(range(200), 2, 2000).astype(float)), rtol=1e-5)
    assert found.min() > 0
    ordered = np.sort(found, axis=None)
    ranks = (np.arange(found.size) + 0.5) / found.size
    assert np.abs(1 - np.exp(-ordered) - ranks).max() < 2.0 / found.size**0.5, "Kolmogorov and Smirnov"


LOGITS = np.array([0.3, -1.0, 2.0, 2.0, -4.0, 1.5, -np.inf, 0.0, 0.9, -0.5, 1.1, -2.0], np.float32)


@pytest.mark.parametrize(
    "chosen",
    [
        lambda x: x,
        lambda x: filters.temperature(x, 0.6),
        lambda x: filters.top_k(x, 4),
        lambda x: filters.top_p(x, 0.8),
        lambda x: filters.min_p(x, 0.2),
        lambda x: filters.typical(x, 0.7),
    ],
    ids=["all", "temperature", "top_k", "top_p", "min_p", "typical"],
)
def test_the_race_draws_from_the_filtered_softmax(chosen):
    filtered = chosen(tf.constant(LOGITS[None]))
    probs = tf.nn.softmax(filtered).numpy()[0].astype(float)
    counts = np.zeros(LOGITS.size)
    for index in range(5):
        race = probs / noise.exponential(tf.range(20_000), tf.constant(index), LOGITS.size).numpy()
        counts += np.bincount(race.argmax(axis=-1), minlength=LOGITS.size)
    drawn = probs > 0
    assert counts.sum() == 100_000
    assert counts[~drawn].sum() == 0
    assert _chi_square(counts[drawn], 100_000 * probs[drawn]) < _chi_square_limit(drawn.sum() - 1)
