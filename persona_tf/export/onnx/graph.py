"""A small builder of ONNX graphs. What is quantised, and how, stands here.

int8: the weights of a product are whole numbers from -127 to 127 (see `whole_numbers`), a scale for each column; what
they are multiplied with is quantised to uint8 as it runs, with one scale and zero point for the whole tensor. Hence
what is said of a row depends a little on the rows beside it. Norms and softmax are float32; so is attention, but where
`cross_attention` says otherwise.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from persona_tf.export.onnx.channels import padded_channels
from persona_tf.export.onnx.whole_numbers import largest
from persona_tf.model.layer_style import EPSILON

MICROSOFT = "com.microsoft"

Norm = tuple[np.ndarray, np.ndarray | None]
"""Scale and bias, float32 [D] each; no bias: the mean is not taken away either."""

_OPSETS = {"": 21, MICROSOFT: 1}
_IR_VERSION = 10


@dataclasses.dataclass(frozen=True)
class Map:
    """A linear map: kernel float32 [in, out] and bias float32 [out]."""

    kernel: np.ndarray
    bias: np.ndarray

    def scaled(self, factor: float) -> "Map":
        """The map times a number."""
        return Map(self.kernel * np.float32(factor), self.bias * np.float32(factor))

    def heads_out(self, heads: int) -> "Map":
        """The map with the channels of each head of its output padded, see `channels`."""
        kernel = _padded(self.kernel.reshape(len(self.kernel), heads, -1), 2)
        return Map(kernel.reshape(len(self.kernel), -1), _padded(self.bias.reshape(heads, -1), 1).reshape(-1))

    def heads_in(self, heads: int) -> "Map":
        """The same of its input."""
        outs = self.kernel.shape[1]
        return Map(_padded(self.kernel.reshape(heads, -1, outs), 1).reshape(-1, outs), self.bias)


def beside(*maps: Map) -> Map:
    """Several maps of one input as one map, their outputs side by side."""
    return Map(np.concatenate([m.kernel for m in maps], axis=1), np.concatenate([m.bias for m in maps]))


def quantized(kernel: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Float32 [in, out] -> int8 [in, out], at most ``most``, and the scales of its columns, float32 [out].

    >>> quantized(np.float32([[1.0, 0.0], [-2.0, 0.0]]), 127)[0].tolist()
    [[64, 0], [-127, 0]]
    """
    reach = np.abs(kernel).max(axis=0)
    scale = np.where(reach > 0, reach / most, 1).astype(np.float32)
    return np.clip(np.rint(kernel / scale), -most, most).astype(np.int8), scale


class Graph:
    """Nodes in the order in which they are added. Tensors are named by strings."""

    def __init__(self, name: str, precision: str):
        self._name, self._precision = name, precision
        self._nodes: list[Any] = []
        self._weights: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> str:
        """An input; letters in its shape are sizes that vary."""
        self._inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def output(self, tensor: str, name: str, shape: Sequence[int | str], kind: int = TensorProto.FLOAT) -> None:
        """Makes a tensor an output, under this name."""
        self._nodes.append(helper.make_node("Identity", [tensor], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, kind, shape))

    def constant(self, value: np.ndarray | np.generic) -> str:
        """A weight."""
        name = f"w{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def sizes(self, *sizes: int) -> str:
        """A shape, an axis list or the like, int64."""
        return self.constant(np.array(sizes, np.int64))

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Adds a node of one output."""
        return self.nodes(operator, inputs, 1, domain, **attributes)[0]

    def nodes(self, operator: str, inputs: Sequence[str], count: int, domain: str = "", **attributes: Any) -> list[str]:
        """Adds a node of several outputs."""
        made = [f"t{len(self._nodes)}_{i}" for i in range(count)]
        self._nodes.append(helper.make_node(operator, list(inputs), made, domain=domain, **attributes))
        return made

    def in_place(
        self, operator: str, inputs: Sequence[str], written: dict[str, Sequence[int | str]], **attributes
    ) -> str:
        """Adds an operator of the runtime's own; gives its first output, the others are outputs of the graph.

        Args:
          written: names and shapes of the others, which are to be bound to the memory of inputs.
        """
        first = f"t{len(self._nodes)}_0"
        self._nodes.append(helper.make_node(operator, list(inputs), [first, *written], domain=MICROSOFT, **attributes))
        for name, shape in written.items():
            self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        return first

    def float_linear(self, x: str, m: Map) -> str:
        """As `linear`, of one map and never quantised."""
        return self.node("Gemm", x, self.constant(m.kernel), self.constant(m.bias))

    def linear(self, x: str, *maps: Map) -> list[str]:
        """[X, in] -> [X, out] for each map; one input is quantised once."""
        if self._precision == "float32":
            return [self.float_linear(x, m) for m in maps]
        if len(maps) == 1:
            kernel, scale = map(self.constant, quantized(maps[0].kernel, largest()))
            bias = self.constant(maps[0].bias)
            return [self.node("DynamicQuantizeMatMul", x, kernel, scale, "", bias, domain=MICROSOFT)]
        whole, x_scale, zero = self.nodes("DynamicQuantizeLinear", [x], 3)
        made = []
        for m in maps:
            kernel, scale = map(self.constant, quantized(m.kernel, largest()))
            inputs = (whole, kernel, x_scale, scale, zero, "", self.constant(m.bias))
            made.append(self.node("MatMulIntegerToFloat", *inputs, domain=MICROSOFT))
        return made

    def norm(self, x: str, norm: Norm) -> str:
        """The norm over the last axis."""
        scale, bias = norm
        if bias is not None:
            inputs = x, self.constant(scale), self.constant(bias)
            return self.node("LayerNormalization", *inputs, axis=-1, epsilon=EPSILON)
        square = self.node("ReduceMean", self.node("Mul", x, x), self.sizes(-1), keepdims=1)
        size = self.node("Sqrt", self.node("Add", square, self.constant(np.float32(EPSILON))))
        return self.node("Mul", self.node("Div", x, size), self.constant(scale))

    def activated(self, x: str, activation: str) -> str:
        """What `model.layers.FeedForward` has between its maps, [X, units] or, of ``swiglu``, [X, 2 * units]."""
        if activation == "relu":
            return self.node("Relu", x)
        if activation == "gelu":
            return self.node("Gelu", x)
        gate, x = self.nodes("Split", [x], 2, axis=-1, num_outputs=2)
        return self.node("Mul", self.node("Mul", gate, self.node("Sigmoid", gate)), x)

    def add_norm(self, x: str, more: str | None, norm: Norm) -> tuple[str, str]:
        """x + more (None: nothing), and the norm of that.

        (The runtime's operator for both at once took three times as long on 128 rows.)
        """
        total = x if more is None else self.node("Add", x, more)
        return total, self.norm(total, norm)

    def model(self) -> onnx.ModelProto:
        """The graph, finished."""
        graph = helper.make_graph(self._nodes, self._name, self._inputs, self._outputs, self._weights)
        opsets = [helper.make_opsetid(*pair) for pair in _OPSETS.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="persona_tf")


def _padded(values: np.ndarray, axis: int) -> np.ndarray:
    more = padded_channels(values.shape[axis]) - values.shape[axis]
    return np.pad(values, [(0, more if a == axis else 0) for a in range(values.ndim)])
