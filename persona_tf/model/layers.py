"""The small parts that encoder and decoder are made of."""

import math
from typing import Any

import keras
from keras import ops

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


def as_bias(mask):
    """Boolean mask [B, Q, K] -> float32 [B, 1, Q, K], to be added to attention logits."""
    return ops.where(mask, 0.0, MASKED)[:, None]


class Attention(keras.layers.Layer):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017), its projections callable one by one.

    Differs from the paper in: the attention weights see no dropout (drawing so many random numbers is dear).

    Args:
      width: D, of inputs and outputs.
      heads: N; must divide D.
    """

    def __init__(self, width: int, heads: int, **kwargs):
        super().__init__(**kwargs)
        self.width, self.heads = width, heads
        self.query = Linear(width, name="query", dtype=self.dtype_policy)
        self.key_value = Linear(2 * width, name="key_value", dtype=self.dtype_policy)
        self.output_projection = Linear(width, name="output", dtype=self.dtype_policy)

    def build(self, shape):
        """Builds the projections for inputs [..., D]."""
        for part in (self.query, self.key_value, self.output_projection):
            part.build((None, None, self.width))

    def keys_values(self, x) -> tuple[Any, Any]:
        """[B, K, D] -> keys and values, each [B, N, K, C]."""
        # Not slices: their gradients pad and add up, which took a quarter of a training step.
        keys, values = ops.split(self.key_value(x), 2, axis=-1)
        return self._split(keys), self._split(values)

    def attend(self, x, keys, values, bias, exact=True):
        """Lets x look at keys and values.

        Args:
          x: [B, Q, D].
          keys, values: [B, N, K, C].
          bias: broadcastable to [B, N, Q, K].
          exact: whether the weights are made in float32, also where all else is in bfloat16. Where the bias is but a
            mask, the other way is as good, and saves a twentieth of a training step.

        Returns:
          Output [B, Q, D] and the weights [B, N, Q, K].
        """
        queries = self._split(self.query(x)) * (self.width // self.heads) ** -0.5
        logits = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2)))
        dtype = "float32" if exact else logits.dtype
        # Keras casts float inputs of layers to the compute dtype, the bias too.
        weights = ops.softmax(ops.cast(logits, dtype) + ops.cast(bias, dtype), axis=-1)
        mixed = ops.matmul(ops.cast(weights, values.dtype), values)
        shape = ops.shape(x)
        joined = ops.reshape(ops.transpose(mixed, (0, 2, 1, 3)), (shape[0], shape[1], self.width))
        return self.output_projection(joined), weights

    def call(self, x, bias):
        """Self-attention: [B, L, D] -> [B, L, D]."""
        keys, values = self.keys_values(x)
        return self.attend(x, keys, values, bias, exact=False)[0]

    def _split(self, x):
        shape = ops.shape(x)
        return ops.transpose(ops.reshape(x, (shape[0], shape[1], self.heads, self.width // self.heads)), (0, 2, 1, 3))

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), "width": self.width, "heads": self.heads}


class FeedForward(keras.layers.Layer):
    """Two linear maps with a ReLU between them: D -> units -> D."""

    def __init__(self, width: int, units: int, **kwargs):
        super().__init__(**kwargs)
        self.width, self.units = width, units
        self.inner = Linear(units, name="inner", dtype=self.dtype_policy)
        self.outer = Linear(width, name="outer", dtype=self.dtype_policy)

    def build(self, shape):
        """Builds both maps for inputs [..., D]."""
        self.inner.build((None, None, self.width))
        self.outer.build((None, None, self.units))

    def call(self, x):
        """[B, L, D] -> [B, L, D]."""
        return self.outer(ops.relu(self.inner(x)))

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), "width": self.width, "units": self.units}


def layer_norm(name: str, dtype) -> keras.layers.LayerNormalization:
    """A layer norm over the last axis. Its owner's `build` builds it: only there do its weights get their full path."""
    return keras.layers.LayerNormalization(epsilon=1e-6, name=name, dtype=dtype)
