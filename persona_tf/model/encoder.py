"""The shared encoder: knowledge items and history go through the same layers, each under its own mask."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from persona_tf.model.layer_style import LayerStyle
from persona_tf.model.layers import Attention, FeedForward, as_bias, end_norm, make_norm
from persona_tf.model.relative_bias import stack_bias


class EncoderLayer(keras.layers.Layer):
    """Self-attention and feed-forward, each with a residual and, usually, the norm before it (Xiong et al. 2020)."""

    def __init__(
        self,
        width: int,
        heads: int,
        feed_forward: int,
        dropout: float = 0.0,
        style: LayerStyle | Mapping[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.style = style = LayerStyle.of(style)
        self.arguments = {"width": width, "heads": heads, "feed_forward": feed_forward, "dropout": dropout}
        policy = self.dtype_policy
        self.attention_norm = make_norm(style, "attention_norm", policy)
        self.attention = Attention(width, heads, style.kv_heads, style.rotary, name="attention", dtype=policy)
        self.feed_forward_norm = make_norm(style, "feed_forward_norm", policy)
        self.feed_forward = FeedForward(width, feed_forward, style.activation, name="feed_forward", dtype=policy)
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=policy)

    def build(self, shape=None):
        """Builds the parts for inputs [B, L, D]."""
        for norm in (self.attention_norm, self.feed_forward_norm):
            norm.build((None, None, self.arguments["width"]))
        self.attention.build(shape)
        self.feed_forward.build(shape)

    def call(self, x, bias, past=None, position=None, training=False):
        """Reads on: [B, L, D] -> [B, L, D], and the keys and values of all that was read, each [B, G, P + L, C].

        Args:
          x: what is new.
          bias: float32 [B, 1 or N, L, P + L].
          past: keys and values of what was read before, [B, G, P, C] each; None: nothing was.
          position: of x, int [B or 1, L], if rotary.
        """
        style = self.style
        normed = style.enter(self.attention_norm, x)
        keys, values = self.attention.keys_values(normed, position)
        if past is not None:
            keys, values = (ops.concatenate(pair, axis=2) for pair in zip(past, (keys, values), strict=True))
        attended, _ = self.attention.attend(normed, keys, values, bias, exact=style.relative, position=position)
        x = style.leave(self.attention_norm, x + self.dropout(attended, training=training))
        transformed = self.feed_forward(style.enter(self.feed_forward_norm, x))
        x = style.leave(self.feed_forward_norm, x + self.dropout(transformed, training=training))
        return x, (keys, values)

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), **self.arguments, "style": dataclasses.asdict(self.style)}


class Encoder(keras.layers.Layer):
    """A stack of encoder layers and, where norms come before, a last norm."""

    def __init__(
        self,
        layers: int,
        width: int,
        heads: int,
        feed_forward: int,
        dropout: float = 0.0,
        style: LayerStyle | Mapping[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.style = LayerStyle.of(style)
        sizes: dict[str, Any] = {"width": width, "heads": heads, "feed_forward": feed_forward, "dropout": dropout}
        self.arguments = {"layers": layers, **sizes}
        rest: dict[str, Any] = {"style": self.style, "dtype": self.dtype_policy}
        self.stack = [EncoderLayer(**sizes, **rest, name=f"layer_{i}") for i in range(layers)]
        self.norm = end_norm(self.style, self.dtype_policy)
        self.relative = stack_bias(self.style, heads, True, self.dtype_policy)

    def build(self, shape=None):
        """Builds the stack for inputs [B, L, D]."""
        for layer in self.stack:
            layer.build(shape)
        if self.relative:
            self.relative.build()
        if self.norm:
            self.norm.build((None, None, self.arguments["width"]))

    def call(self, x, mask, position=None, training=False, note=None):
        """[B, L, D] under a mask [B, L, L] (who sees whom) -> [B, L, D]; the rest as in `extend`."""
        return self.extend(x, mask, (None,) * len(self.stack), position, training=training, note=note)[0]

    def extend(self, x, mask, past: tuple, position=None, past_position=None, training=False, note=None):
        """Reads on, where what was read before does not see what comes.

        Args:
          x: what is new, [B, L, D].
          mask: bool [B, L, P + L], who sees whom.
          past: for each layer keys and values [B, G, P, C]; None: nothing was read.
          position: of x, int [B or 1, L], if rotary or relative.
          past_position: of what was read, int [B or 1, P], if relative; None: nothing was read.
          note: None, or what is called with the states of each layer, [B, L, D], before the last norm.

        Returns:
          [B, L, D], and ``past`` with what is new.
        """
        bias, reads = as_bias(mask), []
        if self.relative:
            known = position if past_position is None else ops.concatenate([past_position, position], axis=1)
            bias = bias + self.relative(position, known)
        for layer, before in zip(self.stack, past, strict=True):
            x, read = layer(x, bias, past=before, position=position, training=training)
            reads.append(read)
            if note:
                note(x)
        return (self.norm(x) if self.norm else x), tuple(reads)

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), **self.arguments, "style": dataclasses.asdict(self.style)}
