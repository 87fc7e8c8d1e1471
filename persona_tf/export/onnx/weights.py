"""The weights of a PersonaTransformer as the graphs want them, in NumPy."""

import keras
import numpy as np

from persona_tf.export.onnx.graph import Map, Norm
from persona_tf.model.decoder import Decoder
from persona_tf.model.encoder import Encoder
from persona_tf.model.layers import Attention, FeedForward, Linear
from persona_tf.model.transformer import PersonaTransformer


def array(weight) -> np.ndarray:
    """A weight as float32."""
    return np.asarray(keras.ops.convert_to_numpy(weight), np.float32)


def linear_map(layer: Linear) -> Map:
    """A linear layer's map; a bias of zeros where it has none."""
    kernel = array(layer.kernel)
    return Map(kernel, array(layer.bias) if layer.use_bias else np.zeros(kernel.shape[1], np.float32))


def norm_of(layer: keras.layers.Layer) -> Norm:
    """A norm's scale and bias."""
    if isinstance(layer, keras.layers.RMSNormalization):
        return array(layer.scale), None
    return array(layer.gamma), array(layer.beta)


def end_norm_of(stack: Encoder | Decoder) -> Norm | None:
    """That of the norm at the end of a stack, which has one where norms come before."""
    return norm_of(stack.norm) if stack.norm else None


def attention_maps(layer: Attention) -> tuple[Map, Map, Map, Map]:
    """Query, key, value and output, heads padded; the query's has the division by the square root of C in it.

    Keys and values that several heads of queries share are made once for each of them.
    """
    heads, width = layer.heads, layer.width
    query = linear_map(layer.query).scaled((width // heads) ** -0.5)
    both = linear_map(layer.key_value)
    key, value = (_shared(part, layer) for part in np.split(np.concatenate([both.kernel, both.bias[None]]), 2, axis=1))
    return (
        query.heads_out(heads),
        key.heads_out(heads),
        value.heads_out(heads),
        linear_map(layer.output_projection).heads_in(heads),
    )


def _shared(rows: np.ndarray, layer: Attention) -> Map:
    """Kernel and bias, [D + 1, G * C] -> the map of N * C outputs."""
    groups = rows.reshape(len(rows), layer.kv_heads, -1)
    every = np.repeat(groups, layer.heads // layer.kv_heads, axis=1).reshape(len(rows), -1)
    return Map(every[:-1], every[-1])


def feed_forward_maps(layer: FeedForward) -> tuple[Map, Map]:
    """D -> units and back."""
    return linear_map(layer.inner), linear_map(layer.outer)


def tables_of(model: PersonaTransformer) -> dict[str, np.ndarray]:
    """What `tables.Tables` looks up, by name."""
    config, embedding = model.config, model.embedding
    tables = {
        # Scaled as `FlatEmbedding.of_tokens` does.
        "tokens": array(embedding.tokens) * np.float32(config.width**0.5),
        "kinds": array(embedding.kind_table),
        "turn_kernel": array(embedding.turn_projection.kernel),
        **_named("emote", model.emote_head),
    }
    if config.positions == "learned":
        tables["positions"] = array(embedding.position_table)
    if config.fusion == "soft":
        tables |= {**_named("query", model.selector.query), **_named("key", model.selector.key)}
        tables |= _named("gist", model.gist)
        tables["trusts"] = np.stack([array(layer.trust).reshape(-1) for layer in model.decoder.stack])
        if config.copy_head:
            tables["pointer_trust"] = array(model.copy_head.trust)
    return tables


def _named(name: str, layer: Linear) -> dict[str, np.ndarray]:
    made = linear_map(layer)
    return {f"{name}_kernel": made.kernel, f"{name}_bias": made.bias}
