"""How a step's graph reads the memory: with float32 keys and values, or by products of whole numbers.

`ByHeads`: keys and values of each layer are made once, [B, N, C, M] and [B, N, M, C]. For many rows they are more than
the caches hold, and to read them is most of a step.

`Absorbed`: the maps of keys and values go to the other side (as in DeepSeek-V2, arXiv 2405.04434): a query is mapped
into the space of the memory's states, a query of width D for each head, and what is read is mapped back by values'
and output's maps at once. All heads and layers read the same states, which are kept once, as int8 with a scale for
each channel of each row: a 32nd of the bytes for 4 layers. Queries are quantised as they come, attention to uint8,
the largest of a head to 255.
"""

from typing import Protocol

import numpy as np
from onnx import TensorProto

from persona_tf.export.onnx.channels import padded_channels
from persona_tf.export.onnx.graph import MICROSOFT, Graph, Map
from persona_tf.export.onnx.weights import attention_maps
from persona_tf.model.config import ModelConfig
from persona_tf.model.layers import Attention


class CrossReader(Protocol):
    """Adds the reading of the memory to a step's graph."""

    def read(self, number: int, attention: Attention, normed: str) -> str:
        """Layer ``number``: [B * Q, D] -> [B * Q, D]."""
        ...

    def mean(self) -> str:
        """Of the last layer's attention, over its heads: [B, Q, M]."""
        ...


class ByHeads:
    """See the module's docstring; ``bias`` is [B, 1 or N, Q, M]."""

    def __init__(self, graph: Graph, config: ModelConfig):
        self._graph, self._heads = graph, config.heads
        self._channels = padded_channels(config.width // config.heads)
        self._pairs = [self._pair(number) for number in range(config.decoder_layers)]
        self._biases = bias_inputs(graph, config, ["B", config.heads if config.fusion == "soft" else 1, "Q", "M"])
        rows = graph.node("Shape", self._pairs[0][0], start=0, end=1)
        self._in_heads = graph.node("Concat", rows, graph.sizes(-1, self._heads, self._channels), axis=0)
        self._flat = graph.sizes(-1, self._heads * self._channels)
        self._weights = ""

    def _pair(self, number: int) -> tuple[str, str]:
        key = self._graph.input(f"memory_key_{number}", ["B", self._heads, self._channels, "M"])
        return key, self._graph.input(f"memory_value_{number}", ["B", self._heads, "M", self._channels])

    def read(self, number: int, attention: Attention, normed: str) -> str:
        """See `CrossReader`."""
        graph, (key, value) = self._graph, self._pairs[number]
        query_map, _, _, out = attention_maps(attention)
        [query] = graph.linear(normed, query_map)
        query = graph.node("Transpose", graph.node("Reshape", query, self._in_heads), perm=[0, 2, 1, 3])
        logits = graph.node("Add", graph.node("MatMul", query, key), self._biases[number])
        self._weights = graph.node("Softmax", logits, axis=-1)
        found = graph.node("Transpose", graph.node("MatMul", self._weights, value), perm=[0, 2, 1, 3])
        [made] = graph.linear(graph.node("Reshape", found, self._flat), out)
        return made

    def mean(self) -> str:
        """See `CrossReader`."""
        return self._graph.node("ReduceMean", self._weights, self._graph.sizes(1), keepdims=0)


class Absorbed:
    """See the module's docstring; ``bias`` is [B, 1 or Q * N, M]."""

    def __init__(self, graph: Graph, config: ModelConfig):
        self._graph, self._width, self._heads = graph, config.width, config.heads
        self._turned = graph.input("memory_turned", ["B", config.width, "M"], TensorProto.INT8)
        self._memory = graph.input("memory", ["B", "M", config.width], TensorProto.INT8)
        self._scale = graph.input("memory_scale", ["B", 1, config.width])
        self._biases = bias_inputs(graph, config, ["B", "R", "M"])
        self._rows = graph.node("Shape", self._scale, start=0, end=1)
        self._in_heads = graph.node("Concat", self._rows, graph.sizes(-1, config.width), axis=0)
        self._flat = graph.sizes(-1, config.heads * config.width)
        self._one, self._part = (graph.constant(np.float32(number)) for number in (1, 1 / 255))
        self._zero = graph.constant(np.uint8(0))
        self._weights = ""

    def read(self, number: int, attention: Attention, normed: str) -> str:
        """See `CrossReader`."""
        graph = self._graph
        inner, outer = absorbed_maps(attention)
        [query] = graph.linear(normed, inner)
        query = graph.node("Mul", graph.node("Reshape", query, self._in_heads), self._scale)
        whole, scale, zero = graph.nodes("DynamicQuantizeLinear", [query], 3)
        logits = graph.node("MatMulIntegerToFloat", whole, self._turned, scale, self._one, zero, domain=MICROSOFT)
        weights = graph.node("Softmax", graph.node("Add", logits, self._biases[number]), axis=-1)
        most = graph.node("ReduceMax", weights, graph.sizes(-1), keepdims=1)
        share = graph.node("QuantizeLinear", graph.node("Div", weights, most), self._part, self._zero)
        found = graph.node("MatMulIntegerToFloat", share, self._memory, self._part, self._one, domain=MICROSOFT)
        found = graph.node("Mul", graph.node("Mul", found, most), self._scale)
        self._weights = weights
        [made] = graph.linear(graph.node("Reshape", found, self._flat), outer)
        return made

    def mean(self) -> str:
        """See `CrossReader`."""
        graph = self._graph
        length = graph.node("Shape", self._memory, start=1, end=2)
        sizes = graph.node("Concat", self._rows, graph.sizes(-1, self._heads), length, axis=0)
        return graph.node("ReduceMean", graph.node("Reshape", self._weights, sizes), graph.sizes(2), keepdims=0)


def bias_inputs(graph: Graph, config: ModelConfig, shape: list[int | str]) -> list[str]:
    """What is added to the attention of each layer; under ``soft`` each has its own."""
    if config.fusion != "soft":
        return [graph.input("bias", shape)] * config.decoder_layers
    return [graph.input(f"bias_{number}", shape) for number in range(config.decoder_layers)]


def absorbed_maps(attention: Attention) -> tuple[Map, Map]:
    """D -> N * D, a query for the states themselves, and back from what each head read of them.

    q . (K s + b) = (K' q) . s + a number that is the same for all s, which softmax does not see; and attention sums to
    one, so that the values' bias comes out as it is.
    """
    heads = attention.heads
    query, key, value, out = attention_maps(attention)
    width = len(key.kernel)
    of_query, of_key, of_value = (m.kernel.reshape(width, heads, -1) for m in (query, key, value))
    kernel = np.einsum("inc,dnc->ind", of_query, of_key).reshape(width, -1)
    bias = np.einsum("nc,dnc->nd", query.bias.reshape(heads, -1), of_key).reshape(-1)
    back = np.einsum("dnc,nco->ndo", of_value, out.kernel.reshape(heads, -1, width)).reshape(-1, width)
    return Map(kernel, bias), Map(back, out.bias + value.bias @ out.kernel)
