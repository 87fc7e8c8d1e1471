"""int8 is as exact as it can be on any processor."""

import numpy as np
import onnxruntime
import pytest

from persona_tf.export.onnx.graph import Graph, Map
from persona_tf.export.onnx.whole_numbers import largest


@pytest.mark.parametrize(
    ("flags", "machine", "most"),
    [
        ("fpu avx2 avx512_vnni sse", "x86_64", 127),
        ("fpu avx2 avx_vnni", "x86_64", 127),
        ("fpu avx2 avx512f avx512_bf16", "x86_64", 63),
        ("fpu", "AMD64", 63),
        ("fp asimd", "aarch64", 127),
    ],
)
def test_what_processors_add_up(flags, machine, most, tmp_path):
    (tmp_path / "cpuinfo").write_text(f"flags\t\t: {flags}\n")
    assert largest(tmp_path / "cpuinfo", machine) == most


def test_an_unknown_processor_is_safe(tmp_path):
    assert largest(tmp_path / "none", "x86_64") == 63


def test_sums_of_large_products_do_not_overflow():
    """All inputs and weights at their largest: the sum of each pair is what 16 bits may not hold."""
    graph = Graph("product", "int8")
    x = graph.input("x", ["N", 64])
    [y] = graph.linear(x, Map(np.ones((64, 8), np.float32), np.zeros(8, np.float32)))
    graph.output(y, "y", ["N", 8])
    session = onnxruntime.InferenceSession(graph.model().SerializeToString(), providers=["CPUExecutionProvider"])
    [found] = session.run(None, {"x": np.ones((4, 64), np.float32)})
    np.testing.assert_allclose(found, 64, rtol=0.01)
