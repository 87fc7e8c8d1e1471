"""What a bot's words are computed with."""

import pathlib
import tempfile
from collections.abc import Sequence

import tensorflow as tf

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.numpy_choice import unsupported
from persona_tf.export.onnx.files import not_laid_out, write_onnx
from persona_tf.export.onnx.writer import OnnxWriter
from persona_tf.export.writer import Writer
from persona_tf.model.transformer import PersonaTransformer

ENGINES = ("auto", "tensorflow", "onnx", "onnx_int8")
"""``onnx`` writes what ``tensorflow`` does with a float32 model, sooner; ``onnx_int8`` nearly that, and what depends a
little on what is written beside it; ``auto``: see `chosen`."""


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
    beyond = beyond_onnx(decode, banned, forced) + not_laid_out(model.config)
    engine = chosen(beyond) if engine == "auto" else engine
    if engine == "tensorflow":
        return Writer(model, decode, speaks_only, banned, forced)
    if beyond:
        raise ValueError(f"the engine {engine} does not do {', '.join(beyond)}: take auto or tensorflow")
    # The writer keeps all that it needs: files that it has opened stay, though their folder goes.
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / engine
        write_onnx(model, folder, "int8" if engine == "onnx_int8" else "float32")
        return OnnxWriter(folder, decode, speaks_only, banned)


def chosen(beyond: Sequence[str]) -> str:
    """``onnx`` where nothing is `beyond_onnx` and there is no GPU, else ``tensorflow``."""
    return "tensorflow" if beyond or tf.config.list_physical_devices("GPU") else "onnx"


def beyond_onnx(
    decode: DecodeConfig, banned: Sequence[Sequence[int]] = (), forced: Sequence[Sequence[int]] = ()
) -> list[str]:
    """What is asked for and not done by the ONNX engines, in a user's words."""
    asked = unsupported(decode)
    if forced and "forced_words" not in asked:
        asked.append("forced_words")
    if any(len(row) != 1 for row in banned):
        asked.append("banned_words of several tokens")
    return asked
