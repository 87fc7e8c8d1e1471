"""One search loop over a step function, compiled as one graph.

A target is written in *stages* (the reply, then the action), each ended by its own stop token. The loop knows
neither model nor vocabulary: it is given a step function and a nest of tensors as its state.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from persona_tf.decoding import filters
from persona_tf.decoding.config import DecodeConfig


@dataclasses.dataclass(frozen=True)
class Stage:
    """A part of the target: ended by the token ``stop``, which comes after ``max_tokens`` tokens at the latest."""

    stop: int
    max_tokens: int


def search(
    step: Callable[[tf.Tensor, tf.Tensor, Any], tuple[tf.Tensor, Any]],
    state: Any,
    first: tf.Tensor,
    stages: tuple[Stage, ...],
    specials: int,
    config: DecodeConfig,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, Any]:
    """Writes one target a row.

    Args:
      step: (ids int32 [B], index int32 scalar, state) -> (log-probabilities of the next token float32 [B, V],
        state). Is called with every token that is written, the last stop included.
      state: any nest of tensors; comes back as the last step left it.
      first: the token that every target begins with, int32 [B].
      stages: in order.
      specials: ids below this are never chosen, but for the stop of the present stage.
      config: method and filters.
      seed: int32 [2]; with the step it decides the noise of sampling.

    Returns:
      The tokens written, int32 [B, `length` (stages)], stops included, 0 after the last stop; and the state.
    """
    most = length(stages)
    stops = tf.constant([stage.stop for stage in stages] + [0], tf.int32)
    limits = tf.constant([stage.max_tokens for stage in stages] + [0], tf.int32)
    zeros = tf.zeros_like(first)

    def unfinished(index, ids, stage, used, fed, written, state):
        return tf.logical_and(index < most + 1, tf.reduce_any(tf.logical_not(fed)))

    def write_one(index, ids, stage, used, fed, written, state):
        log_probs, state = step(ids, index, state)
        fed = tf.logical_or(fed, stage == len(stages))
        stop = tf.gather(stops, stage)
        chosen = _choose(_allowed(log_probs, stop, specials), config, seed, index)
        chosen = tf.where(used >= tf.gather(limits, stage), stop, chosen)
        chosen = tf.where(stage == len(stages), 0, chosen)
        stopped = tf.logical_and(chosen == stop, stage < len(stages))
        written = written.write(index, chosen)
        used = tf.where(stopped, 0, used + 1)
        return index + 1, chosen, stage + tf.cast(stopped, tf.int32), used, fed, written, state

    array = tf.TensorArray(tf.int32, size=most + 1, clear_after_read=False, element_shape=first.shape)
    array = array.unstack(tf.zeros([most + 1, tf.shape(first)[0]], tf.int32))
    start = (tf.constant(0), first, zeros, zeros, tf.zeros_like(first, tf.bool), array, state)
    *_, written, state = tf.while_loop(unfinished, write_one, start, parallel_iterations=1)
    return tf.transpose(written.stack())[:, :most], state


def length(stages: tuple[Stage, ...]) -> int:
    """The most tokens that can be written, stops included."""
    return sum(stage.max_tokens + 1 for stage in stages)


def _allowed(log_probs: tf.Tensor, stop: tf.Tensor, specials: int) -> tf.Tensor:
    ids = tf.range(tf.shape(log_probs)[1])[None]
    return tf.where(tf.logical_or(ids >= specials, ids == stop[:, None]), log_probs, float("-inf"))


def _choose(logits: tf.Tensor, config: DecodeConfig, seed: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    if config.method == "greedy":
        return tf.argmax(logits, axis=-1, output_type=tf.int32)
    logits = filters.temperature(logits, config.temperature)
    logits = filters.top_p(filters.top_k(logits, config.top_k), config.top_p)
    # The Gumbel-max trick: the largest of logits plus Gumbel noise is a sample of the softmax.
    uniform = tf.random.stateless_uniform(tf.shape(logits), tf.stack([seed[0], seed[1] + index]), minval=1e-20)
    return tf.argmax(logits - tf.math.log(-tf.math.log(uniform)), axis=-1, output_type=tf.int32)
