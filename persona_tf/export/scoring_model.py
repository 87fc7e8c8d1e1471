"""A model as a compiled graph that scores what others wrote. NumPy in, NumPy out."""

import numpy as np
import tensorflow as tf

from persona_tf.model import likelihood
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text import vocabulary as v
from persona_tf.text.features import FEATURES

_SIGNATURE = {name: tf.TensorSpec([None, None], tf.int32) for name in FEATURES}


class ScoringModel:
    """Scores given targets."""

    def __init__(self, model: PersonaTransformer):
        self._model = model
        self._score = tf.function(self._score_graph, input_signature=[_SIGNATURE])

    def score(self, features: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Scores the targets of a batch of FEATURES.

        Returns, for each target token [B, T]: ``nats`` of its label, whether it is ``right``: the likeliest
        of all, ``stop_nats`` of <emote> in its place,
        ``emote_logits`` [B, T, E], and the likeliest source: ``item`` (-1: a turn) and ``turn``.
        """
        return {name: value.numpy() for name, value in self._score(features).items()}

    def _score_graph(self, features):
        outputs = self._model(features, training=False)
        stop = features | {"target_labels": tf.fill(tf.shape(features["target_labels"]), v.EMOTE)}
        sources = tf.where(outputs.memory.first[:, None, :], outputs.source_log_probs, float("-inf"))
        best = tf.argmax(sources, axis=-1, output_type=tf.int32)
        nats = likelihood.nats(outputs, features).token
        return {
            "nats": nats,
            "right": likelihood.token_is_likeliest(outputs, features, nats),
            "stop_nats": likelihood.nats(outputs, stop).token,
            "emote_logits": outputs.emote_logits,
            "item": tf.gather(outputs.memory.item, best, batch_dims=1),
            "turn": tf.gather(outputs.memory.turn, best, batch_dims=1),
        }
