"""The bundle: a folder with all that talking needs, written by training and read by everyone else.

bundle/
    bundle.json        format, experiment, step, the configs of text, example, model and decoding, and the
                       fingerprint of the vocabulary
    vocabulary.model   the SentencePiece model
    weights.npz        the model's weights by name
"""

import dataclasses
import json
import pathlib
from typing import Any

import keras

from persona_tf.atomic_file import write_atomically
from persona_tf.decoding.config import DecodeConfig
from persona_tf.example import ExampleConfig
from persona_tf.model.config import ModelConfig
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.npz_file import assign, read_npz, write_npz
from persona_tf.retrieval import bundle as retriever_bundle
from persona_tf.text import vocabulary
from persona_tf.text.config import TextConfig
from persona_tf.text.packer import Packer
from persona_tf.text.tokenizer import Tokenizer

FORMAT = 4
_CONFIGS = {"text": TextConfig, "example": ExampleConfig, "model": ModelConfig, "decode": DecodeConfig}
_ANEW = "train again, or copy the bundle anew"


@dataclasses.dataclass(frozen=True)
class Bundle:
    """A trained bot in memory."""

    experiment: str
    step: int
    text: TextConfig
    example: ExampleConfig
    decode: DecodeConfig
    model: PersonaTransformer
    packer: Packer


def save_bundle(
    folder: pathlib.Path,
    experiment: str,
    step: int,
    configs: dict[str, Any],
    model: PersonaTransformer,
    vocabulary_model: bytes,
) -> None:
    """Writes a bundle; each file to a temporary name first, ``bundle.json`` last.

    Args:
      configs: ``text``, ``example``, ``model`` and ``decode``.
      vocabulary_model: the serialised SentencePiece model.

    Raises:
      OSError: it cannot be written.
    """
    about = {
        "format": FORMAT,
        "experiment": experiment,
        "step": step,
        "vocabulary": vocabulary.fingerprint(vocabulary_model),
        **{name: dataclasses.asdict(configs[name]) for name in _CONFIGS},
    }
    write_atomically(folder / "vocabulary.model", vocabulary_model)
    weights = {weight.path: keras.ops.convert_to_numpy(weight.value) for weight in model.weights}
    write_npz(folder / "weights.npz", weights)
    write_atomically(folder / "bundle.json", (json.dumps(about, indent=2) + "\n").encode())


def load_bundle(folder: pathlib.Path, precision: str = "") -> Bundle:
    """Reads a bundle and makes it ready.

    Args:
      folder: the bundle.
      precision: in the place of the bundle's own, see `model.config.PRECISIONS`.

    Raises:
      FileNotFoundError: a file is missing; the message names it.
      ValueError: a file is damaged, of another format, or does not fit the others.
    """
    about = _read_about(folder)
    model_bytes = _read_bytes(folder / "vocabulary.model")
    if vocabulary.fingerprint(model_bytes) != about["vocabulary"]:
        raise ValueError(
            f"{folder / 'vocabulary.model'}: is vocabulary {vocabulary.fingerprint(model_bytes)}, but the weights were "
            f"trained with {about['vocabulary']}; put that one back, or train again"
        )
    configs = {name: _config(folder, name, cls, about) for name, cls in _CONFIGS.items()}
    tokenizer = Tokenizer(model_bytes)
    if tokenizer.size != configs["model"].vocabulary_size:
        raise ValueError(
            f"{folder / 'bundle.json'}: model: vocabulary_size is {configs['model'].vocabulary_size}, but "
            f"vocabulary.model beside it has {tokenizer.size} ids; copy the bundle anew, or train again"
        )
    model_config = configs["model"]
    if precision:
        model_config = dataclasses.replace(model_config, precision=precision)
    model = PersonaTransformer(model_config)
    model.build()
    _load_weights(folder / "weights.npz", model)
    example = configs["example"]
    packer = Packer(tokenizer, configs["text"], example.learn_action, example.learn_emote)
    return Bundle(about["experiment"], about["step"], configs["text"], example, configs["decode"], model, packer)


def _read_about(folder: pathlib.Path) -> dict[str, Any]:
    path = folder / "bundle.json"
    if (folder / retriever_bundle.ABOUT).is_file():
        raise ValueError(f"{folder}: holds a retriever, which finds facts and says nothing; expected a bot's bundle")
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
    kinds = {"experiment": str, "step": int, "vocabulary": str, **dict.fromkeys(_CONFIGS, dict)}
    for name, kind in kinds.items():
        if not isinstance(about[name], kind) or isinstance(about[name], bool):
            raise ValueError(f"{path}: {name}: expected {kind.__name__}, got {about[name]!r:.60}; {_ANEW}")
    return about


def _config(folder: pathlib.Path, name: str, cls: type, about: dict[str, Any]) -> Any:
    try:
        fields = {k: tuple(v) if isinstance(v, list) else v for k, v in about[name].items()}
        return cls(**fields)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{folder / 'bundle.json'}: {name}: {error}") from error


def _read_bytes(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise _missing(path) from error


def _load_weights(path: pathlib.Path, model: PersonaTransformer) -> None:
    try:
        arrays = read_npz(path, _ANEW)
    except FileNotFoundError as error:
        raise _missing(path) from error
    assign(path, arrays, {weight.path: weight for weight in model.weights}, _ANEW)


def _missing(path: pathlib.Path) -> FileNotFoundError:
    return FileNotFoundError(f"{path}: not there; a bundle has it. `make train EXP=...` makes one")
