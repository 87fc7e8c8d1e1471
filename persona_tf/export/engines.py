"""What a bot's words are computed with."""

import pathlib
import tempfile

import tensorflow as tf

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.numpy_choice import unsupported
from persona_tf.export.onnx.files import write_onnx
from persona_tf.export.onnx.writer import OnnxWriter
from persona_tf.export.writer import Writer
from persona_tf.model.transformer import PersonaTransformer

ENGINES = ("auto", "tensorflow", "onnx", "onnx_int8")
"""``onnx``, in float32, writes what ``tensorflow`` does, sooner; ``onnx_int8`` nearly that; ``auto``: see `chosen`."""


def open_writer(
    engine: str,
    model: PersonaTransformer,
    decode: DecodeConfig,
    speaks_only: bool = False,
    banned: tuple[tuple[int, ...], ...] = (),
    forced: tuple[tuple[int, ...], ...] = (),
) -> Writer | OnnxWriter:
    """A writer on one of `ENGINES`; the other arguments are those of `Writer`.

    On ``onnx`` and ``onnx_int8`` it keeps the weights as they are now.

    Raises:
      ValueError: there is no such engine, or it cannot do what is asked for.
    """
    if engine not in ENGINES:
        raise ValueError(f"expected one of the engines {', '.join(ENGINES)}, got {engine!r}")
    engine = chosen(decode, banned) if engine == "auto" else engine
    if engine == "tensorflow":
        return Writer(model, decode, speaks_only, banned, forced)
    # The writer keeps all that it needs in memory.
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / engine
        write_onnx(model, folder, "int8" if engine == "onnx_int8" else "float32")
        return OnnxWriter(folder, decode, speaks_only, banned)


def chosen(decode: DecodeConfig, banned: tuple[tuple[int, ...], ...] = ()) -> str:
    """``onnx`` where it can do what is asked for and there is no GPU, else ``tensorflow``."""
    if unsupported(decode) or any(len(row) > 1 for row in banned) or tf.config.list_physical_devices("GPU"):
        return "tensorflow"
    return "onnx"
