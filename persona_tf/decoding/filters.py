"""Filters on next-token logits: pure functions, float32 [N, V] -> [N, V]; what is filtered out becomes -inf.

They are exact over the whole vocabulary, give the same with and without XLA, and take each row for itself. Entries
that come in as -inf stay out and count nothing. Every filter leaves at least one entry of a row that has one: the
rules that ban ids (`no_repeat_ngrams`, `banned`, `banned_sequences`) let a row be as it was where they would ban all.
The order of application is left to the caller. A filter whose argument is neutral returns the logits themselves.

Shape letters: N rows, V vocabulary (static), L places for what is written, C length of a context. Id 0 is padding.
"""

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

_OUT = float("-inf")
_LEAST = np.int32(-(2**31))
_INFINITY = np.int32(0x7F800000)
"""The bit pattern of float32 infinity."""
_UNIT = 2.0**48
"""Weights are rounded to multiples of 1 / _UNIT, so that float64 adds them without an error in any order."""


def keep_first(keys: tf.Tensor, weights: tf.Tensor, amount: tf.Tensor | float) -> tf.Tensor:
    """Which entries come first and weigh ``amount`` together.

    In order of falling key, equal keys in order of id, an entry is kept while the sum of the weights of those before
    it is below ``amount``. For keys [3, 9, 3, 1], weights of 1 and amount 2, these are entries 1 and 0.

    Nothing is sorted. The key at which the sum reaches ``amount`` is found by bisection over the bit patterns of
    float32 in at most 32 rounds of comparing and adding; then one cumulative sum settles who of those with that key
    is in. Sums are exact, hence the same in any order, for integer weights and for any weights that sum to below 32.

    Args:
      keys: float32 [N, V]; -inf (and NaN) is never kept and weighs nothing; -0.0 equals 0.0.
      weights: at least 0, float [N, V].
      amount: above 0, so that at least one is kept; scalar or [N, 1].

    Returns:
      Bool [N, V].
    """
    alive = keys > _OUT
    ranks = _ranks(keys)
    nothing = tf.constant(0.0, tf.float64)
    weights = tf.where(alive, tf.round(tf.cast(weights, tf.float64) * _UNIT), nothing)
    amount = tf.cast(amount, tf.float64) * _UNIT

    def above(rank: tf.Tensor) -> tf.Tensor:
        return tf.reduce_sum(tf.where(ranks > rank, weights, nothing), axis=-1, keepdims=True)

    def halve(low: tf.Tensor, high: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # The mean rounded down, without the overflow of low + high.
        middle = tf.bitwise.bitwise_and(low, high) + tf.bitwise.right_shift(tf.bitwise.bitwise_xor(low, high), 1)
        enough = above(middle) < amount
        return tf.where(enough, low, middle + 1), tf.where(enough, middle, high)

    # The least rank with less than `amount` above it: all above are kept, none below.
    ends = tf.fill([tf.shape(keys)[0], 1], -_INFINITY), tf.fill([tf.shape(keys)[0], 1], _INFINITY)
    _, last = tf.while_loop(lambda low, high: tf.reduce_any(low < high), halve, ends, parallel_iterations=1)
    tied = tf.equal(ranks, last)
    before = above(last) + tf.cumsum(tf.where(tied, weights, nothing), axis=-1, exclusive=True)
    return alive & ((ranks > last) | (tied & (before < amount)))


def temperature(logits: tf.Tensor, value: float) -> tf.Tensor:
    """Divides by ``value`` > 0: below 1 the likely become likelier; 1: as it was."""
    _check_range("temperature", value, value > 0, "above 0")
    return logits if value == 1 else logits / value


def top_k(logits: tf.Tensor, k: int | None) -> tf.Tensor:
    """Keeps the k largest (Fan et al. 2018, arXiv 1805.04833), of equal ones those with the smaller ids; None: all."""
    if k is None or k >= logits.shape[-1]:
        return logits
    _check_range("k", k, k >= 1, "at least 1")
    return _only(keep_first(logits, tf.ones_like(logits), k), logits)


def top_p(logits: tf.Tensor, p: float) -> tf.Tensor:
    """Keeps the nucleus (Holtzman et al. 2020, arXiv 1904.09751); 1: all.

    That is the smallest set of most likely tokens whose mass reaches p, equal ones in order of id; at least one.
    Ordered by logit, which tells apart what rounds to the same probability.
    """
    _check_range("p", p, p > 0, "above 0")
    if p >= 1:
        return logits
    return _only(keep_first(logits, tf.nn.softmax(tf.cast(logits, tf.float64)), p), logits)


def min_p(logits: tf.Tensor, p: float) -> tf.Tensor:
    """Keeps what is at least p times as likely as the likeliest (Nguyen et al. 2024, arXiv 2407.01082); 0: all."""
    if p <= 0:
        return logits
    wide = tf.cast(logits, tf.float64)
    return _only(wide >= tf.reduce_max(wide, axis=-1, keepdims=True) + math.log(min(p, 1)), logits)


def typical(logits: tf.Tensor, mass: float) -> tf.Tensor:
    """Keeps the locally typical tokens (Meister et al. 2022, arXiv 2202.00666); 1: all.

    That is the smallest set of mass at least ``mass``, taken in order of rising \\|-log p - H\\|, H being the entropy
    of the row: tokens about as surprising as a token here is on average. The likeliest may be out.
    """
    _check_range("mass", mass, mass > 0, "above 0")
    if mass >= 1:
        return logits
    log_probs = tf.nn.log_softmax(tf.cast(logits, tf.float64))
    probs = tf.exp(log_probs)
    entropy = -tf.reduce_sum(tf.math.multiply_no_nan(log_probs, probs), axis=-1, keepdims=True)
    keys = tf.cast(-tf.abs(log_probs + entropy), tf.float32)
    return _only(keep_first(keys, probs, mass), logits)


def repetition_penalty(logits: tf.Tensor, written: tf.Tensor, penalty: float) -> tf.Tensor:
    """Makes the ids in ``written`` (int32 [N, L], 0 is padding) less likely (CTRL: Keskar et al. 2019, 1909.05858).

    Their positive logits are divided by ``penalty``, their negative ones multiplied; 1: as it was. How often an id was
    written does not matter. Log-probabilities are never positive, so those are multiplied, which is p ** penalty
    before the rest is scaled up; the paper's rule depends on where the logits' zero lies.
    """
    if penalty == 1:
        return logits
    penalised = tf.where(logits > 0, logits / penalty, logits * penalty)
    return tf.where(_marked(written, written > 0, logits.shape[-1]), penalised, logits)


def no_repeat_ngrams(
    logits: tf.Tensor, written: tf.Tensor, count: tf.Tensor | int, n: int, context: tf.Tensor | None = None
) -> tf.Tensor:
    """Bans every id that would complete an n-gram that was written before, or that stands in the context.

    A row whose every id would be banned, as n = 1 can do, stays as it was. Padding (0) belongs to no n-gram.

    Args:
      logits: float32 [N, V].
      written: int32 [N, L].
      count: how many places of ``written`` are written, int32 [N] or scalar.
      n: 0: nothing is banned; 1: every id that stands there; 2: after "a" whatever followed an "a"; and so on.
      context: int32 [N, C]. If given, its n-grams are banned and those of ``written`` are not.
    """
    if not n:
        return logits
    if context is None:
        places = tf.range(tf.shape(written)[1])[None]
        source = tf.where(places < tf.reshape(count, [-1, 1]), written, 0)
    else:
        source = context
    beginning = _last_written(written, count, n - 1)
    length = tf.shape(source)[1]
    padded = tf.pad(source, [[0, 0], [0, n - 1]])
    completes = padded[:, n - 1 :] > 0
    for i in range(n - 1):
        here = padded[:, i : i + length]
        completes &= (here > 0) & tf.equal(here, beginning[:, i : i + 1])
    return _without(_marked(padded[:, n - 1 :], completes, logits.shape[-1]), logits)


def banned(logits: tf.Tensor, ids: Sequence[int]) -> tf.Tensor:
    """Bans ``ids``, but in a row that has no others left.

    Raises:
      ValueError: for an id outside the vocabulary.
    """
    if not ids:
        return logits
    _check_ids(ids, 0, logits.shape[-1])
    return _without(tf.constant(np.isin(np.arange(logits.shape[-1]), ids))[None], logits)


def banned_sequences(
    logits: tf.Tensor, written: tf.Tensor, count: tf.Tensor | int, sequences: Sequence[Sequence[int]]
) -> tf.Tensor:
    """Bans the last id of each sequence where the ones before it were just written, but in a row with no others left.

    Args:
      logits: float32 [N, V].
      written: int32 [N, L].
      count: how many places of ``written`` are written, int32 [N] or scalar.
      sequences: tuples of ids above 0; that of a single id bans it everywhere.

    Raises:
      ValueError: for an empty sequence, padding in a sequence, or an id outside the vocabulary.
    """
    if not sequences:
        return logits
    for sequence in sequences:
        if not sequence:
            raise ValueError("a banned sequence needs at least one id, got an empty one; leave it out")
        _check_ids(sequence, 1, logits.shape[-1])
    most = max(map(len, sequences)) - 1
    # Right-aligned; 0, which no sequence contains, matches whatever was written.
    beginnings = tf.constant([[0] * (most + 1 - len(ids)) + list(ids[:-1]) for ids in sequences], tf.int32)
    just_written = _last_written(written, count, most)[:, None]
    completes = tf.reduce_all(tf.equal(beginnings, 0) | tf.equal(beginnings, just_written), axis=-1)
    ends = tf.broadcast_to(tf.constant([ids[-1] for ids in sequences], tf.int32), tf.shape(completes))
    return _without(_marked(ends, completes, logits.shape[-1]), logits)


def _ranks(keys: tf.Tensor) -> tf.Tensor:
    """Float32 -> int32 in the same order: positive floats are ordered as their bits are, negative ones reversely."""
    bits = tf.bitcast(keys, tf.int32)
    return tf.where(bits < 0, _LEAST - bits, bits)


def _only(kept: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.where(kept, logits, _OUT)


def _without(out: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """The logits without those that are ``out``; rows of which nothing would be left are as they were."""
    left = _only(~out, logits)
    return tf.where(tf.reduce_any(left > _OUT, axis=-1, keepdims=True), left, logits)


def _marked(ids: tf.Tensor, counts: tf.Tensor, size: int) -> tf.Tensor:
    """Bool [N, size]: which ids stand in ``ids`` (int32 [N, L]) where ``counts`` (bool [N, L]) is true."""
    rows = tf.broadcast_to(tf.range(tf.shape(ids)[0])[:, None], tf.shape(ids))
    places = tf.stack([rows, tf.where(counts, ids, 0)], axis=-1)
    return tf.scatter_nd(places, tf.cast(counts, tf.int32), [tf.shape(ids)[0], size]) > 0


def _last_written(written: tf.Tensor, count: tf.Tensor | int, size: int) -> tf.Tensor:
    """The last ``size`` of the first ``count`` ids, int32 [N, size]; 0 where there are not so many."""
    count = tf.broadcast_to(count, [tf.shape(written)[0]])
    return tf.gather(tf.pad(written, [[0, 0], [size, 0]]), count[:, None] + tf.range(size), batch_dims=1)


def _check_range(name: str, value: float, right: bool, expected: str) -> None:
    if not right:
        raise ValueError(f"{name} must be {expected}, got {value!r}")


def _check_ids(ids: Sequence[int], least: int, size: int) -> None:
    wrong = [i for i in ids if not least <= i < size]
    if wrong:
        raise ValueError(f"banned ids must lie in {least}..{size - 1}, got {wrong} in {tuple(ids)}")
