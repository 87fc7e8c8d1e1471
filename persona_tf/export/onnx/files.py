"""The folder of a bot for ONNX Runtime, and how it is written.

manifest.json     format, precision, ModelConfig, what it was made from, and a checksum of each other file
tables.npz        embeddings and the small weights that stay in NumPy
read.onnx         tokens -> states
read_on.onnx      the same, given keys and values of what was read before
start.onnx, step.onnx                       see `writing`
start_absorbed.onnx, step_absorbed.onnx     int8 alone: for many rows
"""

import dataclasses
import hashlib
import io
import json
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np

from persona_tf.atomic_file import write_atomically
from persona_tf.model.config import ModelConfig
from persona_tf.model.layer_style import EPSILON
from persona_tf.npz_file import read_npz, write_npz

FORMAT = 1
_GRAPHS = ("read", "read_on", "start", "step", "start_absorbed", "step_absorbed")
_FILES = {"manifest.json", "tables.npz", *(f"{name}.onnx" for name in _GRAPHS)}
PRECISIONS = ("float32", "int8")
_ANEW = "write the folder anew"


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What manifest.json says. ``source``: what the folder was made from; ``checksums``: SHA-256 by file."""

    precision: str
    model: ModelConfig
    source: str
    checksums: dict[str, str]


def write_onnx(model: Any, folder: pathlib.Path, precision: str = "int8", source: str = "") -> None:
    """Writes a PersonaTransformer for `OnnxWriter`; an older folder is exchanged only when all is written.

    Args:
      model: with its weights.
      folder: is made, with its parents.
      precision: ``float32`` or ``int8``.
      source: what it was made from, for whoever finds the folder.

    Raises:
      ValueError: the precision is unknown, or the model has what the graphs do not do, see `not_laid_out`.
      FileExistsError: the folder is there and holds something else.
      OSError: it cannot be written.
    """
    check_precision(precision)
    if beyond := not_laid_out(model.config):
        raise ValueError(f"the ONNX graphs do not do {', '.join(beyond)}; use export.writer.Writer for that")
    from persona_tf.export.onnx import reading, writing
    from persona_tf.export.onnx.weights import tables_of

    if folder.exists() and not _is_ours(folder):
        raise FileExistsError(f"{folder}: holds something else than a bot for ONNX Runtime; name another folder")
    graphs: dict[str, Callable[[], Any]] = {
        "read": lambda: reading.reading_graph(model, precision, reads_on=False),
        "read_on": lambda: reading.reading_graph(model, precision, reads_on=True),
        "start": lambda: writing.start_graph(model, precision),
        "step": lambda: writing.step_graph(model, precision),
    }
    if precision == "int8":
        graphs["start_absorbed"] = lambda: writing.start_graph(model, precision, absorbed=True)
        graphs["step_absorbed"] = lambda: writing.step_graph(model, precision, absorbed=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        made = pathlib.Path(temporary) / "made"
        made.mkdir()
        for name, graph in graphs.items():
            (made / f"{name}.onnx").write_bytes(graph().SerializeToString())
        write_npz(made / "tables.npz", tables_of(model))
        checksums = {path.name: _checksum(path) for path in sorted(made.iterdir())}
        about = {"format": FORMAT, "precision": precision, "model": dataclasses.asdict(model.config)}
        about |= {"source": source, "checksums": checksums}
        write_atomically(made / "manifest.json", (json.dumps(about, indent=2) + "\n").encode())
        if folder.exists():
            folder.rename(pathlib.Path(temporary) / "old")
        made.rename(folder)


def not_laid_out(config: ModelConfig) -> list[str]:
    """What a model has that the graphs do not do, in a user's words."""
    parts = {
        f"fusion {config.fusion}": config.mixes,
        f"{config.positions} positions": config.positions in ("rotary", "relative"),
        f"activation {config.activation}": config.activation in ("gelu_tanh", "geglu"),
        f"norms with an epsilon of {config.norm_epsilon}": config.norm_epsilon != EPSILON,
        "norms of what is embedded": config.embedding_norm,
        "embeddings as they are": not config.scaled,
        "positions of targets of their own": config.target_positions,
        "a decoder of another kind than the encoder": bool(config.decoder_style),
    }
    return [name for name, is_there in parts.items() if is_there]


def read_manifest(folder: pathlib.Path) -> Manifest:
    """Reads manifest.json and checks that all files are as they were written.

    Raises:
      FileNotFoundError: a file is missing; the message names it.
      ValueError: a file is damaged, or the folder is of another format.
    """
    path = folder / "manifest.json"
    try:
        with _opened(path) as file:
            about = json.load(file)
    except ValueError as error:
        raise ValueError(f"{path}: is no JSON ({error}); {_ANEW}") from error
    found = about.get("format") if isinstance(about, dict) else None
    if found != FORMAT:
        raise ValueError(f"{path}: format {found!r}, this version reads format {FORMAT}; {_ANEW}")
    try:
        manifest = Manifest(
            about["precision"], ModelConfig(**about["model"]), about["source"], dict(about["checksums"])
        )
        check_precision(manifest.precision)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}; {_ANEW}") from error
    for name, checksum in manifest.checksums.items():
        if _checksum(folder / name) != checksum:
            raise ValueError(f"{folder / name}: damaged, it is not what was written; {_ANEW}")
    return manifest


def read_tables(folder: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of tables.npz; raises what `npz_file.read_npz` raises."""
    return read_npz(folder / "tables.npz", _ANEW)


def check_precision(precision: str) -> None:
    """Raises a ValueError for one that there is not."""
    if precision not in PRECISIONS:
        raise ValueError(f"expected one of the precisions {', '.join(PRECISIONS)}, got {precision!r}")


def _is_ours(folder: pathlib.Path) -> bool:
    """Whether nothing is lost when the folder is exchanged: it is empty, or holds a bot, whole or damaged."""
    names = {path.name for path in folder.iterdir()}
    return not names or ("manifest.json" in names and names <= _FILES)


def _checksum(path: pathlib.Path) -> str:
    with _opened(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _opened(path: pathlib.Path) -> io.BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: not there; {_ANEW}") from error
