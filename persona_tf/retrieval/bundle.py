"""A trained retriever as a folder.

bundle/
    retriever.json     format, experiment, step, the configs of text, sizes and retriever, and the fingerprint of the
                       vocabulary
    vocabulary.model   the SentencePiece model
    weights.npz        the encoder's weights by name
"""

import dataclasses
import json
import pathlib
from typing import Any

import keras

from persona_tf.atomic_file import write_atomically
from persona_tf.model.config import ModelConfig
from persona_tf.npz_file import assign, read_npz, write_npz
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.encoders import Encoder, build_encoder
from persona_tf.retrieval.layout import Layout
from persona_tf.retrieval.retriever import Retriever
from persona_tf.text import vocabulary
from persona_tf.text.config import TextConfig
from persona_tf.text.tokenizer import Tokenizer

ABOUT = "retriever.json"
FORMAT = 1
_CONFIGS = {"text": TextConfig, "model": ModelConfig, "retriever": RetrieverConfig}
_ANEW = "train again, or copy the bundle anew"


def save_retriever(
    folder: pathlib.Path, experiment: str, step: int, text: TextConfig, encoder: Encoder, vocabulary_model: bytes
) -> None:
    """Writes a retriever's bundle; each file to a temporary name first, ``retriever.json`` last.

    Raises:
      OSError: it cannot be written.
    """
    about = {
        "format": FORMAT,
        "experiment": experiment,
        "step": step,
        "vocabulary": vocabulary.fingerprint(vocabulary_model),
        "text": dataclasses.asdict(text),
        "model": dataclasses.asdict(encoder.sizes),
        "retriever": dataclasses.asdict(encoder.config),
    }
    write_atomically(folder / "vocabulary.model", vocabulary_model)
    weights = {weight.path: keras.ops.convert_to_numpy(weight.value) for weight in encoder.weights}
    write_npz(folder / "weights.npz", weights)
    write_atomically(folder / ABOUT, (json.dumps(about, indent=2) + "\n").encode())


def load_retriever(folder: pathlib.Path, precision: str = "") -> Retriever:
    """Reads a retriever and makes it ready.

    Args:
      folder: its bundle.
      precision: in the place of the bundle's own, see `model.config.PRECISIONS`.

    Raises:
      FileNotFoundError: a file is missing; the message names it.
      ValueError: a file is damaged, of another format, or does not fit the others.
    """
    about = _read_about(folder)
    model_bytes = _read_bytes(folder / "vocabulary.model")
    found = vocabulary.fingerprint(model_bytes)
    if found != about["vocabulary"]:
        raise ValueError(
            f"{folder / 'vocabulary.model'}: is vocabulary {found}, but the weights were trained with "
            f"{about['vocabulary']}; put that one back, or train again"
        )
    configs = {name: _config(folder, name, cls, about) for name, cls in _CONFIGS.items()}
    sizes = dataclasses.replace(configs["model"], **({"precision": precision} if precision else {}))
    tokenizer = Tokenizer(model_bytes)
    if tokenizer.size != sizes.vocabulary_size:
        raise ValueError(
            f"{folder / ABOUT}: model: vocabulary_size is {sizes.vocabulary_size}, but vocabulary.model beside it has "
            f"{tokenizer.size} ids; {_ANEW}"
        )
    encoder = build_encoder(configs["retriever"], sizes)
    path = folder / "weights.npz"
    try:
        arrays = read_npz(path, _ANEW)
    except FileNotFoundError as error:
        raise _missing(path) from error
    assign(path, arrays, {weight.path: weight for weight in encoder.weights}, _ANEW)
    layout = Layout(tokenizer, configs["text"])
    return Retriever(configs["retriever"], encoder, layout, about["experiment"], about["step"])


def _read_about(folder: pathlib.Path) -> dict[str, Any]:
    path = folder / ABOUT
    try:
        about = json.loads(_read_bytes(path))
    except ValueError as error:
        raise ValueError(f"{path}: is no JSON ({error}); {_ANEW}") from error
    found = about.get("format") if isinstance(about, dict) else None
    if found != FORMAT:
        raise ValueError(f"{path}: format {found!r}, this version reads format {FORMAT}; train again")
    missing = [name for name in ("experiment", "step", "vocabulary", *_CONFIGS) if name not in about]
    if missing:
        raise ValueError(f"{path}: lacks {missing}; {_ANEW}")
    return about


def _config(folder: pathlib.Path, name: str, cls: type, about: dict[str, Any]) -> Any:
    try:
        return cls(**about[name])
    except (TypeError, ValueError) as error:
        raise ValueError(f"{folder / ABOUT}: {name}: {error}") from error


def _read_bytes(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _missing(path) from error


def _missing(path: pathlib.Path) -> FileNotFoundError:
    return FileNotFoundError(f"{path}: not there; a retriever's bundle has it. `make train EXP=...` makes one")
