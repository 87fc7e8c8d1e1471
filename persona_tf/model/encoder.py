"""The shared encoder: knowledge items and history go through the same layers, each under its own mask."""

from typing import Any

import keras
from keras import ops

from persona_tf.model.layers import Attention, FeedForward, as_bias, layer_norm


class EncoderLayer(keras.layers.Layer):
    """Self-attention and feed-forward, each with the norm before it (Xiong et al. 2020) and a residual."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.arguments = {"width": width, "heads": heads, "feed_forward": feed_forward, "dropout": dropout}
        policy = self.dtype_policy
        self.attention_norm = layer_norm("attention_norm", policy)
        self.attention = Attention(width, heads, name="attention", dtype=policy)
        self.feed_forward_norm = layer_norm("feed_forward_norm", policy)
        self.feed_forward = FeedForward(width, feed_forward, name="feed_forward", dtype=policy)
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=policy)

    def build(self, shape=None):
        """Builds the parts for inputs [B, L, D]."""
        for norm in (self.attention_norm, self.feed_forward_norm):
            norm.build((None, None, self.arguments["width"]))
        self.attention.build(shape)
        self.feed_forward.build(shape)

    def call(self, x, bias, past=None, training=False):
        """Reads on: [B, L, D] -> [B, L, D], and the keys and values of all that was read, each [B, N, P + L, C].

        Args:
          x: what is new.
          bias: float32 [B, 1, L, P + L].
          past: keys and values of what was read before, [B, N, P, C] each; None: nothing was.
        """
        normed = self.attention_norm(x)
        keys, values = self.attention.keys_values(normed)
        if past is not None:
            keys, values = (ops.concatenate(pair, axis=2) for pair in zip(past, (keys, values), strict=True))
        attended, _ = self.attention.attend(normed, keys, values, bias, exact=False)
        x = x + self.dropout(attended, training=training)
        transformed = self.feed_forward(self.feed_forward_norm(x))
        return x + self.dropout(transformed, training=training), (keys, values)

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), **self.arguments}


class Encoder(keras.layers.Layer):
    """A stack of encoder layers and a last norm."""

    def __init__(self, layers: int, width: int, heads: int, feed_forward: int, dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        sizes: dict[str, Any] = {"width": width, "heads": heads, "feed_forward": feed_forward, "dropout": dropout}
        self.arguments = {"layers": layers, **sizes}
        self.stack = [EncoderLayer(**sizes, name=f"layer_{i}", dtype=self.dtype_policy) for i in range(layers)]
        self.norm = layer_norm("norm", self.dtype_policy)

    def build(self, shape=None):
        """Builds the stack for inputs [B, L, D]."""
        for layer in self.stack:
            layer.build(shape)
        self.norm.build((None, None, self.arguments["width"]))

    def call(self, x, mask, training=False):
        """[B, L, D] under a mask [B, L, L] (who sees whom) -> [B, L, D]."""
        return self.extend(x, mask, (None,) * len(self.stack), training)[0]

    def extend(self, x, mask, past: tuple, training=False):
        """Reads on, where what was read before does not see what comes.

        Args:
          x: what is new, [B, L, D].
          mask: bool [B, L, P + L], who sees whom.
          past: for each layer keys and values [B, N, P, C]; None: nothing was read.

        Returns:
          [B, L, D], and ``past`` with what is new.
        """
        bias, reads = as_bias(mask), []
        for layer, before in zip(self.stack, past, strict=True):
            x, read = layer(x, bias, past=before, training=training)
            reads.append(read)
        return self.norm(x), tuple(reads)

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), **self.arguments}
