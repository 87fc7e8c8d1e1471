"""The small parts that encoder and decoder are made of."""

import math
from typing import Any

import keras
from keras import ops

from persona_tf.model.layer_style import GATED, LayerStyle

MASKED = -1e9
"""Added to the attention logits of what must not be seen; finite, so that rows of pure padding stay finite too."""


class Linear(keras.layers.Layer):
    """``y = x W + b`` on the last axis, computed as one flat matrix product (faster than a batched one on CPUs).

    Args:
      units: size of the last axis of the output.
      use_bias: whether b is there.
      initializer: of W; b begins with zeros.
    """

    def __init__(self, units: int, use_bias: bool = True, initializer: str = "glorot_uniform", **kwargs):
        super().__init__(**kwargs)
        self.units, self.use_bias, self.initializer = units, use_bias, initializer

    def build(self, shape):
        """Makes the weights: kernel [in, units], as told; bias [units], zeros."""
        self.kernel = self.add_weight(
            name="kernel", shape=(shape[-1], self.units), initializer=self.initializer, trainable=True
        )
        if self.use_bias:
            self.bias = self.add_weight(name="bias", shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, x):
        """Float [..., in] -> [..., units]."""
        shape = ops.shape(x)
        y = ops.matmul(ops.reshape(x, (-1, shape[-1])), self.kernel)
        if self.use_bias:
            y = y + self.bias
        return ops.reshape(y, (*shape[:-1], self.units))

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), "units": self.units, "use_bias": self.use_bias, "initializer": self.initializer}


def sinusoids(numbers, width: int):
    """Sinusoidal embedding of whole numbers: int [...] -> float32 [..., width] (Vaswani et al. 2017).

    First all sines, then all cosines; wavelengths from 2 pi to 10,000 * 2 pi.
    """
    half = width // 2
    rates = ops.exp(ops.arange(half, dtype="float32") * (-math.log(10_000.0) / max(half - 1, 1)))
    angles = ops.cast(numbers, "float32")[..., None] * rates
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


def rotated(x, position):
    """Turns pairs of channels by an angle that grows with the position (RoPE, Su et al. 2021, arXiv 2104.09864).

    The product of a query and a key then depends on how far apart they are. Channel c of the first half is paired with
    channel c of the second; wavelengths from 2 pi to nearly 10,000 * 2 pi. Differs from the paper in: the position
    counts inside an item or turn, so that turns are told apart by the embedding of their number alone.

    Args:
      x: [B, N, L, C].
      position: int [B or 1, L].
    """
    half = x.shape[-1] // 2
    rates = ops.exp(ops.arange(half, dtype="float32") * (-math.log(10_000.0) / half))
    angles = ops.cast(position, "float32")[:, None, :, None] * rates
    first, second = ops.split(ops.cast(x, "float32"), 2, axis=-1)
    sin, cos = ops.sin(angles), ops.cos(angles)
    return ops.cast(ops.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1), x.dtype)


def as_bias(mask):
    """Boolean mask [B, Q, K] -> float32 [B, 1, Q, K], to be added to attention logits."""
    return ops.where(mask, 0.0, MASKED)[:, None]


class Attention(keras.layers.Layer):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017), its projections callable one by one.

    Differs from the paper in: the attention weights see no dropout (drawing so many random numbers is dear). With fewer
    heads of keys and values than of queries, several of these share one (Ainslie et al. 2023, arXiv 2305.13245).

    Args:
      width: D, of inputs and outputs.
      heads: N; must divide D.
      kv_heads: G, of keys and values; must divide N; 0: N.
      rotary: whether queries and keys are turned by their positions, see `rotated`.
    """

    def __init__(self, width: int, heads: int, kv_heads: int = 0, rotary: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.width, self.heads, self.kv_heads, self.rotary = width, heads, kv_heads or heads, rotary
        self.query = Linear(width, name="query", dtype=self.dtype_policy)
        of_keys = width // heads * self.kv_heads
        self.key_value = Linear(2 * of_keys, name="key_value", dtype=self.dtype_policy)
        self.output_projection = Linear(width, name="output", dtype=self.dtype_policy)

    def build(self, shape):
        """Builds the projections for inputs [..., D]."""
        for part in (self.query, self.key_value, self.output_projection):
            part.build((None, None, self.width))

    def keys_values(self, x, position=None) -> tuple[Any, Any]:
        """[B, K, D] and, if rotary, positions int [B or 1, K] -> keys and values, each [B, G, K, C]."""
        # Not slices: their gradients pad and add up, which took a quarter of a training step.
        keys, values = ops.split(self.key_value(x), 2, axis=-1)
        keys, values = self._split(keys, self.kv_heads), self._split(values, self.kv_heads)
        return (rotated(keys, position) if self.rotary else keys), values

    def attend(self, x, keys, values, bias, exact=True, position=None):
        """Lets x look at keys and values.

        Args:
          x: [B, Q, D].
          keys, values: [B, G, K, C].
          bias: broadcastable to [B, N, Q, K].
          position: of x, int [B or 1, Q], if rotary.
          exact: whether the weights are made in float32, also where all else is in bfloat16. Where the bias is but a
            mask, the other way is as good, and saves a twentieth of a training step.

        Returns:
          Output [B, Q, D] and the weights [B, N, Q, K].
        """
        queries = self._split(self.query(x), self.heads) * (self.width // self.heads) ** -0.5
        if self.rotary:
            queries = rotated(queries, position)
        logits = self._regrouped(ops.matmul(self._grouped(queries), ops.transpose(keys, (0, 1, 3, 2))))
        dtype = "float32" if exact else logits.dtype
        # Keras casts float inputs of layers to the compute dtype, the bias too.
        weights = ops.softmax(ops.cast(logits, dtype) + ops.cast(bias, dtype), axis=-1)
        mixed = self._regrouped(ops.matmul(self._grouped(ops.cast(weights, values.dtype)), values))
        shape = ops.shape(x)
        joined = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (shape[0], shape[1], self.width))
        return self.output_projection(joined), weights

    def call(self, x, bias, position=None, exact=False):
        """Self-attention: [B, L, D] and, if rotary, positions int [B or 1, L] -> [B, L, D]."""
        keys, values = self.keys_values(x, position)
        return self.attend(x, keys, values, bias, exact=exact, position=position)[0]

    def _split(self, x, heads: int):
        shape = ops.shape(x)
        return ops.transpose(ops.reshape(x, (shape[0], shape[1], heads, self.width // self.heads)), (0, 2, 1, 3))

    def _grouped(self, x):
        """[B, N, Q, X] -> [B, G, N / G * Q, X]: the queries of heads that share their keys, one after the other."""
        if self.kv_heads == self.heads:
            return x
        shape = ops.shape(x)
        return ops.reshape(x, (shape[0], self.kv_heads, self.heads // self.kv_heads * shape[2], shape[3]))

    def _regrouped(self, x):
        """The inverse of `_grouped`."""
        if self.kv_heads == self.heads:
            return x
        shape = ops.shape(x)
        return ops.reshape(x, (shape[0], self.heads, shape[2] * self.kv_heads // self.heads, shape[3]))

    def get_config(self):
        """All constructor arguments."""
        sizes = {"width": self.width, "heads": self.heads, "kv_heads": self.kv_heads, "rotary": self.rotary}
        return {**super().get_config(), **sizes}


class FeedForward(keras.layers.Layer):
    """Two linear maps with a ReLU or GELU between them: D -> units -> D; ``gelu_tanh``: GELU as BERT and GPT-2 have it.

    With ``swiglu`` the inner map has twice as many units: ``silu(x U) * x V`` (Shazeer 2020, arXiv 2002.05202). Two
    thirds of the units then make as many weights. ``geglu`` is the same with ``gelu_tanh`` in the place of silu.
    """

    def __init__(self, width: int, units: int, activation: str = "relu", **kwargs):
        super().__init__(**kwargs)
        self.width, self.units, self.activation = width, units, activation
        self.inner = Linear(units * (2 if activation in GATED else 1), name="inner", dtype=self.dtype_policy)
        self.outer = Linear(width, name="outer", dtype=self.dtype_policy)

    def build(self, shape):
        """Builds both maps for inputs [..., D]."""
        self.inner.build((None, None, self.width))
        self.outer.build((None, None, self.units))

    def call(self, x):
        """[B, L, D] -> [B, L, D]."""
        return self.outer(self._activated(self.inner(x)))

    def _activated(self, x):
        if self.activation in GATED:
            gate, x = ops.split(x, 2, axis=-1)
            return (ops.silu(gate) if self.activation == "swiglu" else ops.gelu(gate)) * x
        return ops.relu(x) if self.activation == "relu" else ops.gelu(x, approximate=self.activation == "gelu_tanh")

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), "width": self.width, "units": self.units, "activation": self.activation}


def make_norm(style: LayerStyle, name: str, dtype) -> keras.layers.Layer:
    """A norm over the last axis: a layer norm, or a root mean square alone (Zhang and Sennrich 2019, arXiv 1910.07467).

    Its owner's `build` builds it: only there do its weights get their full path.
    """
    kind = keras.layers.LayerNormalization if style.norm == "layer" else keras.layers.RMSNormalization
    return kind(epsilon=style.epsilon, name=name, dtype=dtype)


def end_norm(style: LayerStyle, dtype) -> keras.layers.Layer | None:
    """The norm at the end of a stack; None where its last layer ends with one."""
    return make_norm(style, "norm", dtype) if style.norm_place == "before" else None
