"""States of tokens -> one vector."""

import keras
from keras import ops

from persona_tf.model.layers import MASKED
from persona_tf.retrieval.config import POOLINGS


class Pooling(keras.layers.Layer):
    """One vector for each row of states, padding left out; float32.

    ``mean``: the mean over tokens. ``cls``: the state of the first token (Devlin et al. 2019, arXiv 1810.04805).
    ``attention``: ``sum_j a_j h_j`` with ``a = softmax(q h_j)``, q learned (Lin et al. 2017, arXiv 1703.03130; differs
    from the paper in: one hop, and no layer between state and weight). q begins with zeros, which is the mean.

    Args:
      kind: one of POOLINGS.
      width: D.
    """

    def __init__(self, kind: str, width: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        if kind not in POOLINGS:
            raise ValueError(f"Pooling: kind must be one of {POOLINGS}, got {kind!r}")
        self.kind, self.width = kind, width

    def build(self, *shapes):
        """Makes q [D] where it is needed."""
        if self.kind == "attention":
            self.asks = self.add_weight(name="asks", shape=(self.width,), initializer="zeros", trainable=True)

    def call(self, states, mask, values=None):
        """States [B, L, D], mask bool [B, L] with at least one True a row -> float32 [B, D].

        Weights are told by ``states``; what is added up are ``values`` [B, L, D], or the states themselves.
        """
        values = states if values is None else values
        if self.kind == "cls":
            return values[:, 0]
        if self.kind == "attention":
            logits = ops.sum(states * self.asks, axis=-1)
            weights = ops.softmax(ops.where(mask, logits, MASKED), axis=-1)
        else:
            weights = ops.cast(mask, states.dtype)
            weights = weights / ops.maximum(ops.sum(weights, axis=-1, keepdims=True), 1.0)
        return ops.sum(values * weights[:, :, None], axis=1)

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), "kind": self.kind, "width": self.width}
