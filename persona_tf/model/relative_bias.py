"""How far apart a query and a key are, added to attention logits (T5, Raffel et al. 2020, arXiv 1910.10683)."""

import math

import keras
from keras import ops

from persona_tf.model.layer_style import LayerStyle


def buckets(apart, both_ways: bool, count: int = 32, most: int = 128):
    """Puts distances into buckets: a bucket each for those that are near, ever wider ones up to ``most``.

    Args:
      apart: position of the key minus that of the query, int.
      both_ways: whether keys that come later have buckets of their own, half of all; else they share that of 0.
      count: how many buckets there are.
      most: all from here on share the last one.

    Returns:
      int32, 0 .. count - 1, of the shape of ``apart``.
    """
    apart = ops.cast(apart, "int32")
    first = 0
    if both_ways:
        count //= 2
        first = ops.where(apart > 0, count, 0)
        apart = ops.abs(apart)
    else:
        apart = ops.maximum(-apart, 0)
    near = count // 2
    steps = ops.log(ops.cast(ops.maximum(apart, 1), "float32") / near) / math.log(most / near) * (count - near)
    far = ops.minimum(near + ops.cast(steps, "int32"), count - 1)
    return first + ops.where(apart < near, apart, far)


class RelativeBias(keras.layers.Layer):
    """A learned number for each head and bucket of distances, the same in all layers of a stack.

    Differs from the paper in: positions count inside an item or turn, so that turns are told apart by the embedding
    of their number alone.

    Args:
      heads: N.
      both_ways: see `buckets`; True where queries see keys that come later.
    """

    BUCKETS = 32

    def __init__(self, heads: int, both_ways: bool, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.both_ways = heads, both_ways

    def build(self, shape=None):
        """Makes the table [BUCKETS, N]."""
        normal = keras.initializers.RandomNormal(stddev=0.1)
        shape = (self.BUCKETS, self.heads)
        self.table = self.add_weight(name="table", shape=shape, initializer=normal, dtype="float32", autocast=False)
        self.built = True

    def call(self, query_position, key_position):
        """Positions int [B or 1, Q] and [B or 1, K] -> float32 [B or 1, N, Q, K]."""
        apart = key_position[:, None, :] - query_position[:, :, None]
        found = ops.take(self.table, buckets(apart, self.both_ways, self.BUCKETS), axis=0)
        return ops.transpose(found, (0, 3, 1, 2))

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), "heads": self.heads, "both_ways": self.both_ways}


def stack_bias(style: LayerStyle, heads: int, both_ways: bool, dtype) -> RelativeBias | None:
    """That of a stack; None where its style has none."""
    return RelativeBias(heads, both_ways, name="relative", dtype=dtype) if style.relative else None
