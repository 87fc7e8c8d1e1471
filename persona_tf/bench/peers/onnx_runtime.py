"""ONNX Runtime: the two graphs of `onnx_export` and a loop in Python that binds each step's outputs to the next."""

import pathlib

import numpy as np
import onnxruntime

from persona_tf.bench.peers import nucleus, sizes

_PAIRS = [f"{part}_{layer}" for layer in range(sizes.LAYERS) for part in ("key", "value")]


class OnnxRuntimePeer:
    """Encoder and decoder step; keys and values stay with the runtime from step to step."""

    name = "onnx_runtime"

    def __init__(
        self, precision: str, folder: pathlib.Path, threads: int = sizes.THREADS, top_p: float = sizes.TOP_P
    ) -> None:
        self.precision = precision
        self._top_p = top_p
        ending = "" if precision == "float32" else f"_{precision}"
        self._encoder = _session(folder / "onnx" / f"encoder{ending}.onnx", threads)
        self._step = _session(folder / "onnx" / f"step{ending}.onnx", threads)

    def write(self, context_ids: np.ndarray, seed: int) -> np.ndarray:
        """See `peers.Peer`."""
        rows = len(context_ids)
        noise = np.random.default_rng(seed).random((sizes.NEW_TOKENS, rows), np.float32)
        empty = np.zeros((rows, sizes.HEADS, 0, sizes.WIDTH // sizes.HEADS), np.float32)
        kept = [onnxruntime.OrtValue.ortvalue_from_numpy(empty) for _ in _PAIRS]
        binding = self._step.io_binding()
        for pair, made in zip(_PAIRS, self._encode(context_ids), strict=True):
            binding.bind_ortvalue_input(f"cross_{pair}", made)
        written = np.empty((rows, sizes.NEW_TOKENS), np.int32)
        ids = np.full((rows, 1), sizes.START_ID, np.int64)
        for place in range(sizes.NEW_TOKENS):
            probs, kept = self._next(binding, ids, place, kept)
            ids = nucleus.draw(probs, self._top_p, noise[place])[:, None]
            written[:, place] = ids[:, 0]
        return written

    def _encode(self, context_ids: np.ndarray) -> list:
        binding = self._encoder.io_binding()
        binding.bind_cpu_input("context_ids", context_ids.astype(np.int64))
        for pair in _PAIRS:
            binding.bind_output(f"cross_{pair}")
        self._encoder.run_with_iobinding(binding)
        return binding.get_outputs()

    def _next(self, binding, ids: np.ndarray, place: int, kept: list) -> tuple[np.ndarray, list]:
        binding.bind_cpu_input("ids", ids)
        binding.bind_cpu_input("place", np.array([place]))
        for pair, past in zip(_PAIRS, kept, strict=True):
            binding.bind_ortvalue_input(f"past_{pair}", past)
        binding.clear_binding_outputs()
        binding.bind_output("probs")
        for pair in _PAIRS:
            binding.bind_output(f"present_{pair}")
        self._step.run_with_iobinding(binding)
        probs, *present = binding.get_outputs()
        return probs.numpy(), present


def _session(path: pathlib.Path, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def make(precision: str, folder: pathlib.Path, threads: int) -> OnnxRuntimePeer:
    """The factory that `peers.SYSTEMS` names."""
    return OnnxRuntimePeer(precision, folder, threads)
