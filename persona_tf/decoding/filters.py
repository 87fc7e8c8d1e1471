"""Filters on next-token logits: pure functions, float32 [B, V] -> [B, V]; what is filtered out becomes -inf.

Exact over the whole vocabulary. An order of application is left to the caller; `search` takes temperature first,
then top-k, then top-p.
"""

import tensorflow as tf

_OUT = float("-inf")


def temperature(logits: tf.Tensor, value: float) -> tf.Tensor:
    """Divides by ``value`` > 0: below 1 the likely become likelier."""
    return logits / value


def top_k(logits: tf.Tensor, k: int) -> tf.Tensor:
    """Keeps the k largest (Fan et al. 2018, arXiv 1805.04833), of equal ones those with the smaller ids; 0: all."""
    if not k or k >= logits.shape[-1]:
        return logits
    kept = tf.reduce_sum(tf.one_hot(tf.math.top_k(logits, k).indices, logits.shape[-1]), axis=-2) > 0
    return tf.where(kept, logits, _OUT)


def top_p(logits: tf.Tensor, p: float) -> tf.Tensor:
    """Keeps the nucleus (Holtzman et al. 2020, arXiv 1904.09751).

    That is the smallest set of most likely tokens whose mass reaches p, equal ones in order of id; at least one.
    A token stays while the mass of those before it is below p; the sum runs in float64.
    """
    if p >= 1:
        return logits
    order = tf.argsort(logits, direction="DESCENDING", stable=True)
    sorted_probs = tf.cast(tf.nn.softmax(tf.gather(logits, order, batch_dims=1)), tf.float64)
    before = tf.cumsum(sorted_probs, axis=-1, exclusive=True)
    kept_sorted = before < tf.constant(p, tf.float64)
    kept = tf.gather(kept_sorted, tf.argsort(order, stable=True), batch_dims=1)
    return tf.where(kept, logits, _OUT)
