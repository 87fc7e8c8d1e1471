"""A bundle's model as compiled graphs: one writes targets, one scores them. NumPy in, NumPy out."""

from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.search import Stage, length, search
from persona_tf.export.bundle import Bundle
from persona_tf.model import likelihood
from persona_tf.model.fusion import Memory
from persona_tf.model.heads import next_token_log_probs
from persona_tf.text import vocabulary as v
from persona_tf.text.features import FEATURES

_SIGNATURE = {name: tf.TensorSpec([None, None], tf.int32) for name in FEATURES}
_WRITE_SIGNATURE = [
    {name: spec for name, spec in _SIGNATURE.items() if name.startswith(("knowledge", "history"))},
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([None], tf.int32),
    tf.TensorSpec([2], tf.int32),
]
"""One trace serves all shapes."""


class Written(NamedTuple):
    """Targets that were written, R of them.

    ids int32 [R, L], stops included, 0 after the last; emote_logits float32 [R, E]; attention float32 [R, M], summed
    over the tokens of reply and action.
    """

    ids: np.ndarray
    emote_logits: np.ndarray
    attention: np.ndarray


class _State(NamedTuple):
    """What the search carries: what changes of the model's cache, emote logits [R, E], attention so far [R, M]."""

    changing: Any
    emote_logits: tf.Tensor
    attention: tf.Tensor


class CompiledModel:
    """Writes and scores targets with a bundle's model.

    Args:
      bundle: the trained bot.
      decode: how words are chosen.
    """

    def __init__(self, bundle: Bundle, decode: DecodeConfig):
        self._bundle, self._decode = bundle, decode
        reply, action = Stage(v.ACTION, decode.max_reply_tokens), Stage(v.EMOTE, decode.max_action_tokens)
        speaks_only = not (bundle.example.learn_action or bundle.example.learn_emote)
        self._stages = (reply,) if speaks_only else (reply, action)
        self._write = tf.function(self._write_graph, input_signature=_WRITE_SIGNATURE)
        self._score = tf.function(self._score_graph, input_signature=[_SIGNATURE])

    def write(self, features: dict[str, np.ndarray], row: np.ndarray, turn: np.ndarray, seed: int) -> Written:
        """Writes R targets.

        Args:
          features: the knowledge and history part of FEATURES, B rows.
          row: which row a target belongs to, int32 [R].
          turn: number of its turn, int32 [R].
          seed: of the noise, if the method samples.
        """
        ids, emotes, attention = self._write(features, row, turn, np.array([seed, 0], np.int32))
        return Written(ids.numpy(), emotes.numpy(), attention.numpy())

    def score(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Scores the targets of a batch of FEATURES.

        Returns, for each target token [B, T]: ``nats`` of its label, ``stop_nats`` of <emote> in its place,
        ``emote_logits`` [B, T, E], and the likeliest source: ``item`` (-1: a turn) and ``turn``.
        """
        return {name: value.numpy() for name, value in self._score(features).items()}

    def _write_graph(self, features, row, turn, seed):
        model = self._bundle.model
        memory = Memory(*(tf.gather(part, row) for part in model.encode(features)))
        cache = model.start(memory, turn, length(self._stages) + 1)
        targets, size = tf.shape(turn)[0], tf.shape(memory.ids)[1]
        emotes = tf.zeros([targets, model.config.emotes])

        def step(ids, index, state: _State):
            outputs, after = model.step(ids, index, cache.changed(state.changing))
            emotes = tf.where((ids == v.EMOTE)[:, None], outputs.emote_logits[:, 0], state.emote_logits)
            counted = tf.cast(tf.logical_or(ids >= len(v.SPECIALS), ids == v.REPLY), tf.float32)[:, None]
            attention = state.attention + counted * _leaning(outputs)
            return next_token_log_probs(outputs)[:, 0], _State(after.changing, emotes, attention)

        state = _State(cache.changing, emotes, tf.zeros([targets, size]))
        first = tf.fill([targets], v.REPLY)
        ids, state = search(step, state, first, self._stages, len(v.SPECIALS), self._decode, seed)
        return ids, state.emote_logits, state.attention

    def _score_graph(self, features):
        outputs = self._bundle.model(features, training=False)
        stop = features | {"target_labels": tf.fill(tf.shape(features["target_labels"]), v.EMOTE)}
        sources = tf.where(outputs.memory.first[:, None, :], outputs.source_log_probs, float("-inf"))
        best = tf.argmax(sources, axis=-1, output_type=tf.int32)
        return {
            "nats": likelihood.nats(outputs, features).token,
            "stop_nats": likelihood.nats(outputs, stop).token,
            "emote_logits": outputs.emote_logits,
            "item": tf.gather(outputs.memory.item, best, batch_dims=1),
            "turn": tf.gather(outputs.memory.turn, best, batch_dims=1),
        }


def _leaning(outputs) -> tf.Tensor:
    """Where one written token comes from: the pointer as far as it copies, else the cross-attention; [R, M]."""
    if outputs.copy_gate is None:
        return outputs.attention[:, 0]
    gate = tf.sigmoid(outputs.copy_gate)
    return gate * outputs.copy_attention[:, 0] + (1 - gate) * outputs.attention[:, 0]
