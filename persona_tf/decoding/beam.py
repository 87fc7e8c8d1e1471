"""Beam search: of all hypotheses that are longer by one token the best go on (Sutskever et al. 2014)."""

from typing import Any

import tensorflow as tf

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.progress import Progress

_OUT = float("-inf")


def beam_ranks(progress: Progress, alpha: float) -> tf.Tensor:
    """What hypotheses are compared by: scores over their length penalty, float32 [N, K]."""
    return progress.scores / _length_penalty(_lengths(progress), alpha)


def extend_beams(
    now: Progress, owed: Any, allowed: tf.Tensor, finished: tf.Tensor, config: DecodeConfig
) -> tuple[Progress, Any, tf.Tensor, tf.Tensor]:
    """Of all hypotheses longer by one token and all finished ones the best, group after group.

    A finished hypothesis keeps its place as long as it is among the best. Groups (diverse beam search, Vijayakumar et
    al. 2018, arXiv 1610.02424) rank a token lower for each time that an earlier group has just taken it; scores stay
    log-probabilities.

    Args:
      now: the hypotheses.
      owed: a nest of tensors [N, K, ...] that goes with them.
      allowed: log-probabilities of the next token, float32 [N, K, V].
      finished: bool [N, K].
      config: how many hypotheses, groups, and so on.

    Returns:
      The parents of what was chosen and what goes with them, the tokens int32 [N, K] and the scores float32 [N, K].
      Where there are fewer continuations than hypotheses, the last scores are -inf.
    """
    size, width = allowed.shape[-1], config.hypotheses // config.groups
    done = finished[..., None]
    totals = now.scores[..., None] + tf.where(done, tf.where(tf.range(size) == 0, 0.0, _OUT), allowed)
    lengths = _lengths(now)[..., None]
    ranks = totals / _length_penalty(tf.where(done, lengths, lengths + 1), config.length_alpha)
    parents, tokens = [], []
    taken = tf.zeros_like(allowed[:, 0])
    for first in range(0, config.hypotheses, width):
        group = slice(first, first + width)
        own = ranks[:, group] - tf.where(done[:, group], 0.0, config.diversity * taken[:, None])
        best = tf.math.top_k(tf.reshape(own, [-1, width * size]), width).indices
        parents.append(best // size + first)
        tokens.append(best % size)
        if config.groups > 1:
            taken += tf.reduce_sum(tf.one_hot(tokens[-1], size), axis=1)
    parent, token = tf.concat(parents, 1), tf.concat(tokens, 1)
    scores = tf.gather(tf.gather(totals, parent, batch_dims=1), token, batch_dims=2)
    return _of_parents(now, parent), _gathered(owed, parent), token, scores


def _of_parents(now: Progress, parent: tf.Tensor) -> Progress:
    flat = tf.reshape(parent + tf.range(tf.shape(parent)[0])[:, None] * parent.shape[1], [-1])
    state = tf.nest.map_structure(lambda part: tf.gather(part, flat), now.state)
    names = ("ids", "stage", "used", "forcing", "fed", "written")
    return now._replace(state=state, **{name: _gathered(getattr(now, name), parent) for name in names})


def _gathered(nest: Any, parent: tf.Tensor) -> Any:
    return tf.nest.map_structure(lambda part: tf.gather(part, parent, batch_dims=1), nest)


def _lengths(progress: Progress) -> tf.Tensor:
    return tf.math.count_nonzero(progress.written, axis=-1, dtype=tf.int32)


def _length_penalty(lengths: tf.Tensor, alpha: float) -> tf.Tensor:
    """((1 + length) / 6) ** alpha (Wu et al. 2016, arXiv 1609.08144, with 1 for their 5)."""
    return ((1.0 + tf.cast(lengths, tf.float32)) / 6.0) ** alpha
