"""How alike two vectors are: cosine over a learned temperature, or a dot product."""

import math

import keras
from keras import ops

MOST = 100.0
"""The factor of cosines is not let beyond it (Radford et al. 2021, arXiv 2103.00020)."""


def unit(x):
    """Each vector at length 1: [..., D] -> [..., D]; zeros stay zeros."""
    return x * ops.rsqrt(ops.maximum(ops.sum(ops.square(x), axis=-1, keepdims=True), 1e-12))


class Similarity(keras.layers.Layer):
    """``cosine``: scores are ``exp(t) * cos(u, v)``, t learned. ``dot``: they are ``u v / sqrt(D)``.

    An index knows dot products only, so `context` and `fact` prepare vectors for these: their product is the cosine,
    or the whole score. `scale` then makes the score of it, which changes no order.

    Args:
      kind: one of SIMILARITIES.
      temperature: ``exp(-t)`` at the beginning.
    """

    def __init__(self, kind: str, temperature: float, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.kind, self.temperature = kind, temperature

    def build(self, shape=None):
        """Makes t, a single number."""
        if self.kind == "cosine":
            begin = keras.initializers.Constant(-math.log(self.temperature))
            # `scale` is called inside models that make bfloat16 of their weights.
            self.log_scale = self.add_weight(
                name="log_scale", shape=(), initializer=begin, trainable=True, autocast=False
            )
        self.built = True

    def context(self, vectors):
        """What is a context's part of the product: [..., D] -> [..., D]."""
        return unit(vectors) if self.kind == "cosine" else vectors * vectors.shape[-1] ** -0.5

    def fact(self, vectors):
        """What is a fact's part of the product: [..., D] -> [..., D]."""
        return unit(vectors) if self.kind == "cosine" else vectors

    def scale(self, products):
        """Products of prepared vectors -> scores, of the same shape."""
        if self.kind == "dot":
            return products
        # A factor that has gone too far may come back: the clip is not in the way of its gradient.
        factor = ops.exp(ops.convert_to_tensor(self.log_scale))
        clipped = factor + ops.stop_gradient(ops.minimum(factor, MOST) - factor)
        return products * clipped

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), "kind": self.kind, "temperature": self.temperature}
