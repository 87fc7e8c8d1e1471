"""The writing graphs: states -> what a reply reads of them; one step of a reply.

start: ``states`` [B, M, D] -> what the step reads of the memory (see `cross_attention`): for each decoder layer
``memory_key_0`` [B, N, C, M] and ``memory_value_0`` [B, N, M, C]; ``absorbed``, int8 ``memory`` [B, M, D], the same
``memory_turned`` [B, D, M], and ``memory_scale`` [B, 1, D]. With a copy head also ``places`` [B, 2 D, M] and ``worth``
[B, M, 1], for which it wants ``previous`` [B, M, 3 D].

step: ``x`` [B * Q, D], the last word embedded; ``key_0``, ``value_0`` .. [B * Q, N, L, C], the cache, which is written
in place; ``before`` int32 [B * Q] and ``length`` int32 [], the number of words in it without the present one and with
it; what start made; ``bias``, added to attention on the memory (under ``soft`` ``bias_0`` ..); with a copy head
``written`` [B * Q, 3 D], ``ids`` int64 [B * Q, M] and ``pointer_bias`` [B, Q, M]. Gives ``log_probs`` [B * Q, V] of
the next word, ``state`` [B * Q, D] and ``attention`` [B, Q, M]: where the word comes from.
"""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto

from persona_tf.export.onnx.channels import padded_channels
from persona_tf.export.onnx.cross_attention import Absorbed, ByHeads, CrossReader
from persona_tf.export.onnx.graph import Graph, Map, beside
from persona_tf.export.onnx.reading import transform
from persona_tf.export.onnx.residual import Residual
from persona_tf.export.onnx.weights import array, attention_maps, end_norm_of, linear_map, norm_of
from persona_tf.export.onnx.whole_numbers import largest
from persona_tf.model.heads import CopyHead
from persona_tf.model.layers import Attention
from persona_tf.model.transformer import PersonaTransformer


def start_graph(model: PersonaTransformer, precision: str, absorbed: bool = False) -> onnx.ModelProto:
    """See the module's docstring."""
    graph = Graph("start", precision)
    states = graph.input("states", ["B", "M", model.config.width])
    flat = graph.node("Reshape", states, graph.sizes(-1, model.config.width))
    if absorbed:
        _whole_numbers(graph, states, model.config.width)
    else:
        _keys_values(graph, model, states, flat)
    if model.config.copy_head:
        _places(graph, model.copy_head, states, flat)
    return graph.model()


def _keys_values(graph: Graph, model: PersonaTransformer, states: str, flat: str) -> None:
    heads = model.config.heads
    channels = padded_channels(model.config.width // heads)
    sizes = graph.node("Shape", states, start=0, end=2)
    in_heads = graph.node("Concat", sizes, graph.sizes(heads, channels), axis=0)
    for number, layer in enumerate(model.decoder.stack):
        _, *maps, _ = attention_maps(layer.cross_attention)
        key, value = (graph.node("Reshape", part, in_heads) for part in graph.linear(flat, *maps))
        key = graph.node("Transpose", key, perm=[0, 2, 3, 1])
        graph.output(key, f"memory_key_{number}", ["B", heads, channels, "M"])
        value = graph.node("Transpose", value, perm=[0, 2, 1, 3])
        graph.output(value, f"memory_value_{number}", ["B", heads, "M", channels])


def _whole_numbers(graph: Graph, states: str, width: int) -> None:
    most = graph.node("ReduceMax", graph.node("Abs", states), graph.sizes(1), keepdims=1)
    least, part = (graph.constant(np.float32(number)) for number in (1e-6, 1 / largest()))
    scale = graph.node("Mul", graph.node("Max", most, least), part)
    memory = graph.node("Cast", graph.node("Round", graph.node("Div", states, scale)), to=TensorProto.INT8)
    graph.output(memory, "memory", ["B", "M", width], TensorProto.INT8)
    turned = graph.node("Transpose", memory, perm=[0, 2, 1])
    graph.output(turned, "memory_turned", ["B", width, "M"], TensorProto.INT8)
    graph.output(scale, "memory_scale", ["B", 1, width])


def _places(graph: Graph, head: CopyHead, states: str, x: str) -> None:
    width = head.width
    previous = graph.input("previous", ["B", "M", head.CONTEXT * width])
    [key] = graph.linear(x, linear_map(head.key))
    flat = graph.node("Reshape", previous, graph.sizes(-1, head.CONTEXT * width))
    [context] = graph.linear(flat, linear_map(head.context))
    both = graph.node("Concat", key, context, axis=-1)
    sizes = graph.node("Shape", states, start=0, end=2)
    both = graph.node("Reshape", both, graph.node("Concat", sizes, graph.sizes(2 * width), axis=0))
    graph.output(graph.node("Transpose", both, perm=[0, 2, 1]), "places", ["B", 2 * width, "M"])
    worth = graph.node("MatMul", states, graph.constant(array(head.worth.kernel)))
    graph.output(worth, "worth", ["B", "M", 1])


def step_graph(model: PersonaTransformer, precision: str, absorbed: bool = False) -> onnx.ModelProto:
    """See the module's docstring."""
    config = model.config
    graph = Graph("step", precision)
    x = graph.input("x", ["B * Q", config.width])
    counts = [graph.input("before", ["B * Q"], TensorProto.INT32), graph.input("length", [], TensorProto.INT32)]
    reader: CrossReader = Absorbed(graph, config) if absorbed else ByHeads(graph, config)
    stream = Residual(graph, x, config.norm_place)
    for number, layer in enumerate(model.decoder.stack):
        own, cross = norm_of(layer.self_norm), norm_of(layer.cross_norm)
        stream.leave(own, _look_back(graph, number, layer.self_attention, stream.enter(own), counts))
        stream.leave(cross, reader.read(number, layer.cross_attention, stream.enter(cross)))
        transform(graph, stream, layer)
    state = stream.end(end_norm_of(model.decoder))
    graph.output(state, "state", ["B * Q", config.width])
    tokens = array(model.embedding.output_table).T
    [logits] = graph.linear(state, Map(tokens, np.zeros(tokens.shape[1], np.float32)))
    attention = reader.mean()
    if config.copy_head:
        log_probs, attention = _copied(graph, model, state, logits, attention)
    else:
        log_probs = graph.node("LogSoftmax", logits, axis=-1)
    graph.output(log_probs, "log_probs", ["B * Q", config.vocabulary_size])
    graph.output(attention, "attention", ["B", "Q", "M"])
    return graph.model()


def _look_back(graph: Graph, number: int, attention: Attention, normed: str, counts: list[str]) -> str:
    """Self-attention of the present word over the cache, which is written in place."""
    heads = attention.heads
    channels = padded_channels(attention.width // heads)
    shape: list[int | str] = ["B * Q", heads, "L", channels]
    *maps, out = attention_maps(attention)
    [together] = graph.linear(normed, beside(*maps))
    together = graph.node("Reshape", together, graph.sizes(-1, 1, 3 * heads * channels))
    past = [graph.input(f"{part}_{number}", shape) for part in ("key", "value")]
    new: dict[str, Sequence[int | str]] = {f"new_{name}": shape for name in past}
    sizes = {"num_heads": heads, "kv_num_heads": heads, "scale": 1.0}
    found = graph.in_place("GroupQueryAttention", [together, "", "", *past, *counts], new, **sizes)
    [made] = graph.linear(graph.node("Reshape", found, graph.sizes(-1, heads * channels)), out)
    return made


def _copied(graph: Graph, model: PersonaTransformer, state: str, logits: str, attention: str) -> tuple[str, str]:
    """Mixes in what is copied: log-probabilities, and where the word comes from."""
    config, head = model.config, model.copy_head
    width = config.width
    written = graph.input("written", ["B * Q", head.CONTEXT * width])
    ids = graph.input("ids", ["B * Q", "M"], TensorProto.INT64)
    places = graph.input("places", ["B", 2 * width, "M"])
    worth = graph.input("worth", ["B", "M", 1])
    bias = graph.input("pointer_bias", ["B", "Q", "M"])
    scale = width**-0.5
    [query] = graph.linear(state, linear_map(head.query).scaled(scale))
    [context] = graph.linear(written, linear_map(head.context).scaled(scale * float(array(head.continuity))))
    sizes = graph.node("Shape", attention, start=0, end=2)
    query = graph.node("Concat", query, context, axis=-1)
    query = graph.node("Reshape", query, graph.node("Concat", sizes, graph.sizes(2 * width), axis=0))
    pointer = graph.node("Softmax", graph.node("Add", graph.node("MatMul", query, places), bias), axis=-1)
    own = graph.float_linear(state, linear_map(head.gate))
    worth = graph.node("Reshape", graph.node("MatMul", pointer, worth), graph.sizes(-1, 1))
    logit = graph.node("Add", own, worth)
    gate, rest = graph.node("Sigmoid", logit), graph.node("Sigmoid", graph.node("Neg", logit))
    probs = graph.node("Mul", graph.node("Softmax", logits, axis=-1), rest)
    by_place = graph.node("Mul", graph.node("Reshape", pointer, graph.node("Shape", ids)), gate)
    probs = graph.node("ScatterElements", probs, ids, by_place, axis=1, reduction="add")
    log_probs = graph.node("Log", graph.node("Add", probs, graph.constant(np.float32(1e-20))))
    each = graph.node("Concat", sizes, graph.sizes(1), axis=0)
    gate, rest = (graph.node("Reshape", part, each) for part in (gate, rest))
    leaning = graph.node("Add", graph.node("Mul", gate, pointer), graph.node("Mul", rest, attention))
    return log_probs, leaning
