"""The noise of sampling: a function of (seed, step, token id), so that it needs no state and no generator.

A row's noise is the same alone and in any batch, on every backend, compiled or not: integers are hashed by operations
on uint32, and the one float operation is exact. The hash is MurmurHash3_x86_32 (Appleby 2011, public domain), with
seed 0, of the twelve bytes of (seed, step, id); counters instead of states are Salmon et al. 2011, "Parallel random
numbers: as easy as 1, 2, 3". Not for secrets.
"""

import tensorflow as tf

_BYTES = 12


def uniform(seed: tf.Tensor, index: tf.Tensor, size: int) -> tf.Tensor:
    """Noise that is uniform on the open interval (0, 1): the middles of 2 ** 23 equal parts.

    Args:
      seed: int32 [N], a row's own.
      index: the step, int32 scalar.
      size: V; a token's noise does not depend on it.

    Returns:
      Float32 [N, V].
    """
    state = tf.zeros([1, 1], tf.uint32)
    for block in (seed[:, None], index, tf.range(size)[None]):
        state = _absorb(state, tf.bitcast(tf.convert_to_tensor(block, tf.int32), tf.uint32))
    bits = _finish(tf.bitwise.bitwise_xor(state, tf.constant(_BYTES, tf.uint32)))
    # 23 bits and a half: no more have room in a float32 without rounding, which could reach 1.
    return (tf.cast(tf.bitcast(_shift_right(bits, 9), tf.int32), tf.float32) + 0.5) * 2.0**-23


def exponential(seed: tf.Tensor, index: tf.Tensor, size: int) -> tf.Tensor:
    """-log(`uniform`), float32 [N, V], above 0: the argmax of probs / exponential is a sample of probs.

    (The race of exponential clocks, the Gumbel-max trick without its second logarithm.) The noise has steps of
    2 ** -23 near 0, so tokens of a probability below about 1e-7 are drawn somewhat too seldom.
    """
    return -tf.math.log(uniform(seed, index, size))


def _absorb(state: tf.Tensor, block: tf.Tensor) -> tf.Tensor:
    """MurmurHash3's step for four bytes."""
    block = _rotate_left(block * 0xCC9E2D51, 15) * 0x1B873593
    return _rotate_left(tf.bitwise.bitwise_xor(state, block), 13) * 5 + 0xE6546B64


def _finish(bits: tf.Tensor) -> tf.Tensor:
    """MurmurHash3's finaliser: every bit in changes every bit out with a probability near one half."""
    bits = tf.bitwise.bitwise_xor(bits, _shift_right(bits, 16)) * 0x85EBCA6B
    bits = tf.bitwise.bitwise_xor(bits, _shift_right(bits, 13)) * 0xC2B2AE35
    return tf.bitwise.bitwise_xor(bits, _shift_right(bits, 16))


def _shift_right(bits: tf.Tensor, by: int) -> tf.Tensor:
    return tf.bitwise.right_shift(bits, tf.constant(by, tf.uint32))


def _rotate_left(bits: tf.Tensor, by: int) -> tf.Tensor:
    left = tf.bitwise.left_shift(bits, tf.constant(by, tf.uint32))
    return tf.bitwise.bitwise_or(left, _shift_right(bits, 32 - by))
