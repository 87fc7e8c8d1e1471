"""ONNX Runtime's sessions of a folder, each opened when it is first needed."""

import contextlib
import io
import pathlib
import threading
import weakref
from collections.abc import Mapping

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state


class Sessions:
    """Keeps the graphs of a folder, and opens each once.

    Args:
      folder: its files are opened now, so that it may be exchanged later; raises an OSError where that fails.
    """

    def __init__(self, folder: pathlib.Path):
        self._files = contextlib.ExitStack()
        self._graphs = {path.stem: (path, self._files.enter_context(path.open("rb"))) for path in folder.glob("*.onnx")}
        weakref.finalize(self, self._files.close)
        self._open: dict[str, onnxruntime.InferenceSession] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> onnxruntime.InferenceSession:
        """The session of ``name``.onnx; many threads may run one at the same time.

        Raises:
          ValueError: the graph is not for this ONNX Runtime.
        """
        with self._lock:
            if name not in self._open:
                self._open[name] = _session(*self._graphs[name])
                # The session has its own.
                self._graphs.pop(name)[1].close()
            return self._open[name]


class Binding:
    """A session with its inputs and outputs in arrays that stay where they are.

    Args:
      arrays: of all inputs and outputs, by name; C-contiguous.
    """

    def __init__(self, session: onnxruntime.InferenceSession, arrays: Mapping[str, np.ndarray]):
        self._session, self._binding, self._arrays = session, session.io_binding(), dict(arrays)
        for node in session.get_inputs():
            self._binding.bind_input(*_described(node.name, arrays[node.name]))
        for node in session.get_outputs():
            self._binding.bind_output(*_described(node.name, arrays[node.name]))

    def run(self) -> None:
        """Computes the outputs from what the inputs hold now."""
        self._session.run_with_iobinding(self._binding)


def _described(name: str, array: np.ndarray) -> tuple:
    if not array.flags.c_contiguous:
        raise ValueError(f"{name}: the array must be C-contiguous")
    return name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data


_REFUSALS = tuple(
    getattr(onnxruntime_pybind11_state, name)
    for name in ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented", "RuntimeException")
)
"""What ONNX Runtime raises for a graph that it does not take; they have no common class of their own."""


def _session(path: pathlib.Path, file: io.BufferedReader) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    # Rows and parts of the work are shared out over Python's threads. Two in a step took longer than one: they meet a
    # hundred times in it, and spin in between, beside whoever chooses the word.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # The graphs are laid out as they are to be run. What else is fused became slower: add and norm in one, for one.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 3
    file.seek(0)
    # Given a name it reads the file itself, and needs less memory by all of the weights.
    graph = f"/dev/fd/{file.fileno()}" if pathlib.Path("/dev/fd").is_dir() else file.read()
    try:
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    except _REFUSALS as error:
        raise ValueError(f"{path}: not for onnxruntime {onnxruntime.__version__} ({error}); update it") from error
