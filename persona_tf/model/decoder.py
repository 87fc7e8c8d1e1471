"""The decoder: sees what it has written so far, and reads the memory."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from persona_tf.model.layer_style import LayerStyle
from persona_tf.model.layers import Attention, FeedForward, as_bias, end_norm, make_norm
from persona_tf.model.memory import LayerCache
from persona_tf.model.relative_bias import stack_bias


class DecoderLayer(keras.layers.Layer):
    """Self-attention, cross-attention and feed-forward, each with a residual and, usually, the norm before it.

    With ``guided``, each head adds the log-probabilities of the sources to its attention logits, times a learned
    trust (fusion ``soft``); at first half of the heads trust them fully, the other half not at all.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        feed_forward: int,
        dropout: float = 0.0,
        guided: bool = False,
        style: LayerStyle | Mapping[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.style = style = LayerStyle.of(style)
        sizes = {"width": width, "heads": heads, "feed_forward": feed_forward, "dropout": dropout}
        self.arguments = {**sizes, "guided": guided}
        policy, kv_heads = self.dtype_policy, style.kv_heads
        self.self_norm = make_norm(style, "self_norm", policy)
        self.self_attention = Attention(width, heads, kv_heads, style.rotary, name="self_attention", dtype=policy)
        self.cross_norm = make_norm(style, "cross_norm", policy)
        # What is read comes from many items and turns, each with positions of its own.
        self.cross_attention = Attention(width, heads, kv_heads, name="cross_attention", dtype=policy)
        self.feed_forward_norm = make_norm(style, "feed_forward_norm", policy)
        self.feed_forward = FeedForward(width, feed_forward, style.activation, name="feed_forward", dtype=policy)
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=policy)

    def build(self, shape=None):
        """Builds the parts for inputs [B, T, D]."""
        for norm in (self.self_norm, self.cross_norm, self.feed_forward_norm):
            norm.build((None, None, self.arguments["width"]))
        for part in (self.self_attention, self.cross_attention, self.feed_forward):
            part.build(shape)
        if self.arguments["guided"]:
            heads = self.arguments["heads"]
            self.trust = self.add_weight(
                name="trust", shape=(heads, 1, 1), initializer=_half_ones, dtype="float32", autocast=False
            )

    def memory_bias(self, shown, source_log_probs):
        """Bool and float32 [B, T, M] -> what is added to the cross-attention's logits, [B, 1 or N, T, M]."""
        bias = as_bias(shown)
        if not self.arguments["guided"]:
            return bias
        return bias + self.trust * ops.maximum(ops.cast(source_log_probs, "float32"), -30.0)[:, None]

    def call(self, x, self_bias, memory, memory_bias, position=None, training=False):
        """[B, T, D] and memory [B, M, D] -> [B, T, D] and the cross-attention's weights [B, N, T, M]."""
        asks, exact = self.style.enter(self.self_norm, x), self.style.relative
        attended = self.self_attention(asks, self_bias, position=position, exact=exact)
        x = self.style.leave(self.self_norm, x + self.dropout(attended, training=training))
        keys, values = self.cross_attention.keys_values(memory)
        return self._read(x, keys, values, memory_bias, training)

    def start(self, memory_keys, memory_values, targets: int, length: int) -> LayerCache:
        """An empty cache for ``length`` steps of ``targets`` targets a row over what `Decoder.prepare` gave."""
        shape = ops.shape(memory_keys)
        empty = ops.zeros((shape[0] * targets, shape[1], length, shape[3]), memory_keys.dtype)
        return LayerCache(empty, empty, memory_keys, memory_values)

    def step(self, x, index, self_bias, memory_bias, cache: LayerCache):
        """Token ``index`` of Q targets [B, Q, D] -> output [B, Q, D], weights [B, N, Q, M], the new cache."""
        shape = ops.shape(x)
        alone = ops.reshape(self.style.enter(self.self_norm, x), (-1, 1, shape[2]))
        position = ops.reshape(ops.cast(index, "int32"), (1, 1))
        key, value = self.self_attention.keys_values(alone, position)
        keys = ops.slice_update(cache.keys, (0, 0, index, 0), key)
        values = ops.slice_update(cache.values, (0, 0, index, 0), value)
        exact = self.style.relative
        attended, _ = self.self_attention.attend(alone, keys, values, self_bias, exact=exact, position=position)
        x = self.style.leave(self.self_norm, x + ops.reshape(attended, shape))
        x, weights = self._read(x, cache.memory_keys, cache.memory_values, memory_bias, False)
        return x, weights, cache._replace(keys=keys, values=values)

    def _read(self, x, memory_keys, memory_values, memory_bias, training):
        style, asks = self.style, self.style.enter(self.cross_norm, x)
        read, weights = self.cross_attention.attend(asks, memory_keys, memory_values, memory_bias)
        x = style.leave(self.cross_norm, x + self.dropout(read, training=training))
        transformed = self.feed_forward(style.enter(self.feed_forward_norm, x))
        return style.leave(self.feed_forward_norm, x + self.dropout(transformed, training=training)), weights

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), **self.arguments, "style": dataclasses.asdict(self.style)}


def _half_ones(shape, dtype=None):
    return ops.cast(ops.arange(shape[0]) < shape[0] // 2, dtype)[:, None, None]


class Decoder(keras.layers.Layer):
    """A stack of decoder layers and, where norms come before, a last norm."""

    def __init__(
        self,
        layers: int,
        width: int,
        heads: int,
        feed_forward: int,
        dropout: float = 0.0,
        guided: bool = False,
        style: LayerStyle | Mapping[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.style = LayerStyle.of(style)
        sizes: dict[str, Any] = {"width": width, "heads": heads, "feed_forward": feed_forward}
        sizes |= {"dropout": dropout, "guided": guided}
        self.arguments = {"layers": layers, **sizes}
        rest: dict[str, Any] = {"style": self.style, "dtype": self.dtype_policy}
        self.stack = [DecoderLayer(**sizes, **rest, name=f"layer_{i}") for i in range(layers)]
        self.norm = end_norm(self.style, self.dtype_policy)
        self.relative = stack_bias(self.style, heads, False, self.dtype_policy)

    def build(self, shape=None):
        """Builds the stack for inputs [B, T, D]."""
        for layer in self.stack:
            layer.build(shape)
        if self.relative:
            self.relative.build()
        if self.norm:
            self.norm.build((None, None, self.arguments["width"]))

    def call(self, x, mask, memory, shown, source_log_probs, position=None, training=False, note=None):
        """[B, T, D] -> [B, T, D] and the last cross-attention, float32 [B, T, M], averaged over heads.

        ``mask`` [B, T, T] and ``shown`` [B, T, M] say who sees whom; ``source_log_probs`` [B, T, M] guide; position
        int [B, T] is needed if rotary or relative. ``note`` is called with the states of each layer, [B, T, D], if it
        is given.
        """
        self_bias = as_bias(mask)
        if self.relative:
            self_bias = self_bias + self.relative(position, position)
        for layer in self.stack:
            memory_bias = layer.memory_bias(shown, source_log_probs)
            x, weights = layer(x, self_bias, memory, memory_bias, position=position, training=training)
            if note:
                note(x)
        return self._ended(x), ops.mean(weights, axis=1)

    def prepare(self, memory) -> tuple[tuple[Any, Any], ...]:
        """Keys and values of a memory [B, M, D] for each layer, [B, G, M, C] each; each token's are its own."""
        return tuple(layer.cross_attention.keys_values(memory) for layer in self.stack)

    def start(self, prepared: tuple[tuple[Any, Any], ...], targets: int, length: int) -> tuple[LayerCache, ...]:
        """Empty caches for ``length`` steps of ``targets`` targets a row over a memory from `prepare`."""
        return tuple(
            layer.start(*keys_values, targets, length) for layer, keys_values in zip(self.stack, prepared, strict=True)
        )

    def step(self, x, index, shown, source_log_probs, caches: tuple[LayerCache, ...]):
        """Token ``index`` of Q targets [B, Q, D] -> [B, Q, D], last cross-attention [B, Q, M], new caches."""
        length = ops.shape(caches[0].keys)[2]
        places = ops.arange(length)
        self_bias = as_bias((places <= index)[None, None])
        if self.relative:
            self_bias = self_bias + self.relative(ops.reshape(ops.cast(index, "int32"), (1, 1)), places[None])
        updated = []
        for layer, cache in zip(self.stack, caches, strict=True):
            memory_bias = layer.memory_bias(shown, source_log_probs)
            x, weights, cache = layer.step(x, index, self_bias, memory_bias, cache)
            updated.append(cache)
        return self._ended(x), ops.mean(weights, axis=1), tuple(updated)

    def _ended(self, x):
        return self.norm(x) if self.norm else x

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), **self.arguments, "style": dataclasses.asdict(self.style)}
