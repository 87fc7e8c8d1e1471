"""Other people's ways of writing a reply with a model of our size, each in a process of its own.

`SYSTEMS` says what there is; `compare.compare` measures them in turns; ``python -m persona_tf.bench.peers`` does that
from the command line. A system is a module with ``make(precision, folder, threads)``, which returns a `Peer`. To add
one, ours too, write such a module (its libraries imported at the top, so that they count as imports and not as model)
and add a line to `SYSTEMS`.

This room knows no model of ours. Of the peers' libraries, none is imported before its module is.
"""

import dataclasses
import importlib
import importlib.util
import logging
import pathlib
from collections.abc import Callable, Mapping
from typing import Protocol

import numpy as np

from persona_tf.bench.peers import sizes


class Peer(Protocol):
    """A model that is ready to write."""

    name: str
    precision: str

    def write(self, context_ids: np.ndarray, seed: int) -> np.ndarray:
        """Draws `sizes.NEW_TOKENS` ids after each context: int32 [B, C] without padding -> int32 [B, 32].

        Each id is drawn from the exact nucleus (`sizes.TOP_P`, temperature 1, the whole vocabulary).
        """
        ...


@dataclasses.dataclass(frozen=True)
class System:
    """Where a `Peer` comes from. ``requires`` are modules to look for, ``environment`` what its process gets.

    ``threads`` is less than all where that is faster for short replies, at a batch of 1.
    """

    module: str
    precision: str
    requires: tuple[str, ...] = ()
    threads: int = sizes.THREADS
    environment: Mapping[str, str] = dataclasses.field(default_factory=dict)


_HERE = "persona_tf.bench.peers"
_TORCH = ("torch", "transformers")
# The files of these two are made by torch before the measurement; the measured process does without.
_ONNX = (*_TORCH, "onnxscript")
_CTRANSLATE2 = (*_TORCH, "ctranslate2")
_KERAS_HUB = (*_TORCH, "keras_hub")
_KERAS = {"KERAS_BACKEND": "tensorflow"}

SYSTEMS: Mapping[str, System] = {
    "ours": System("persona_tf.bench.ours", "float32 XLA"),
    "ours_bfloat16": System("persona_tf.bench.ours", "mixed_bfloat16"),
    "ours_onnx": System("persona_tf.bench.ours_onnx", "float32"),
    "ours_int8": System("persona_tf.bench.ours_onnx", "int8"),
    "transformers": System(f"{_HERE}.transformers_bart", "float32", _TORCH),
    "transformers_bfloat16": System(f"{_HERE}.transformers_bart", "bfloat16", _TORCH),
    "keras_hub": System(f"{_HERE}.keras_hub_bart", "float32", _KERAS_HUB, environment=_KERAS),
    "keras_hub_top_1024": System(f"{_HERE}.keras_hub_bart", "float32, top 1024 first", _KERAS_HUB, environment=_KERAS),
    "ctranslate2": System(f"{_HERE}.ctranslate2_peer", "float32", _CTRANSLATE2),
    "ctranslate2_int8": System(f"{_HERE}.ctranslate2_peer", "int8", _CTRANSLATE2),
    "ctranslate2_int8_one_thread": System(f"{_HERE}.ctranslate2_peer", "int8", _CTRANSLATE2, 1),
    "onnx_runtime": System(f"{_HERE}.onnx_runtime", "float32", _ONNX),
    "onnx_runtime_one_thread": System(f"{_HERE}.onnx_runtime", "float32", _ONNX, 1),
    "onnx_runtime_int8": System(f"{_HERE}.onnx_runtime", "int8", _ONNX),
    "onnx_runtime_int8_one_thread": System(f"{_HERE}.onnx_runtime", "int8", _ONNX, 1),
}
"""Every system by name."""


def lacking(name: str) -> list[str]:
    """The modules that a system needs and that are not installed.

    Raises:
      ValueError: there is no system of that name.
    """
    if name not in SYSTEMS:
        raise ValueError(f"no system {name!r} to compare; there are {', '.join(SYSTEMS)}")
    return [module for module in SYSTEMS[name].requires if importlib.util.find_spec(module) is None]


def peers() -> dict[str, Callable[[pathlib.Path], Peer]]:
    """Name -> factory of each system whose libraries are installed; of the others says how to get them.

    A factory takes the folder that `prepare.prepare` filled.
    """
    found: dict[str, Callable[[pathlib.Path], Peer]] = {}
    for name in SYSTEMS:
        if missing := lacking(name):
            logging.warning("without %s: not installed: %s (pip install '.[bench]')", name, ", ".join(missing))
        else:
            found[name] = _factory(SYSTEMS[name])
    return found


def _factory(system: System) -> Callable[[pathlib.Path], Peer]:
    def make(folder: pathlib.Path) -> Peer:
        return importlib.import_module(system.module).make(system.precision, folder, system.threads)

    return make
