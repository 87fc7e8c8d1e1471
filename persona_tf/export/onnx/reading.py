"""The reading graphs: embedded tokens -> states, with keys and values for reading on.

``x`` [G, L, D], ``bias`` [G, 1, L, P + L] (0: is seen; far below 0: is not); reading on, also ``past_key_0`` ..
[G, P, N * C]. Gives ``states`` [G, L, D] and ``key_0``, ``value_0`` .. [G, L, N * C], of what is new.
"""

import onnx

from persona_tf.export.onnx.channels import padded_channels
from persona_tf.export.onnx.graph import MICROSOFT, Graph
from persona_tf.export.onnx.residual import Residual
from persona_tf.export.onnx.weights import attention_maps, end_norm_of, feed_forward_maps, norm_of
from persona_tf.model.decoder import DecoderLayer
from persona_tf.model.encoder import EncoderLayer
from persona_tf.model.transformer import PersonaTransformer


def _pair_names(layers: int) -> list[str]:
    """key_0, value_0, key_1 ..."""
    return [f"{part}_{layer}" for layer in range(layers) for part in ("key", "value")]


def reading_graph(model: PersonaTransformer, precision: str, reads_on: bool) -> onnx.ModelProto:
    """See the module's docstring."""
    config = model.config
    width, heads = config.width, config.heads
    inner = heads * padded_channels(width // heads)
    graph = Graph("read_on" if reads_on else "read", precision)
    tokens = graph.input("x", ["G", "L", width])
    bias = graph.input("bias", ["G", 1, "L", "P + L"])
    names = _pair_names(config.encoder_layers) if reads_on else []
    past = {name: graph.input(f"past_{name}", ["G", "P", inner]) for name in names}
    in_rows = graph.node("Concat", graph.node("Shape", tokens, start=0, end=2), graph.sizes(inner), axis=0)
    flat = graph.sizes(-1, inner)
    stream = Residual(graph, graph.node("Reshape", tokens, graph.sizes(-1, width)), config.norm_place)
    for number, layer in enumerate(model.encoder.stack):
        normed = stream.enter(norm_of(layer.attention_norm))
        *maps, out = attention_maps(layer.attention)
        query, key, value = (graph.node("Reshape", part, in_rows) for part in graph.linear(normed, *maps))
        for name, part in (("key", key), ("value", value)):
            graph.output(part, f"{name}_{number}", ["G", "L", inner])
        if reads_on:
            key = graph.node("Concat", past[f"key_{number}"], key, axis=1)
            value = graph.node("Concat", past[f"value_{number}"], value, axis=1)
        inputs = (query, key, value, "", "", bias)
        seen = graph.node("MultiHeadAttention", *inputs, domain=MICROSOFT, num_heads=heads, scale=1.0)
        [made] = graph.linear(graph.node("Reshape", seen, flat), out)
        stream.leave(norm_of(layer.attention_norm), made)
        transform(graph, stream, layer)
    states = stream.end(end_norm_of(model.encoder))
    graph.output(graph.node("Reshape", states, graph.node("Shape", tokens)), "states", ["G", "L", width])
    return graph.model()


def transform(graph: Graph, stream: Residual, layer: EncoderLayer | DecoderLayer) -> None:
    """A layer's feed-forward part."""
    inner, outer = feed_forward_maps(layer.feed_forward)
    norm = norm_of(layer.feed_forward_norm)
    [hidden] = graph.linear(stream.enter(norm), inner)
    [made] = graph.linear(graph.activated(hidden, layer.feed_forward.activation), outer)
    stream.leave(norm, made)
