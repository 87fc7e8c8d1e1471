"""Bundles: folders with a trained model and all that it takes to use it. How each kind is written and read.

    <about>            JSON: format, experiment, step, configs by name, and the fingerprint of the vocabulary
    vocabulary.model   the SentencePiece model
    weights.npz        the weights by name

Knows no model: who has one says which configs it needs.
"""

import dataclasses
import json
import pathlib
from collections.abc import Mapping
from typing import Any

import keras

from persona_tf.atomic_file import write_atomically
from persona_tf.npz_file import assign, read_npz, write_npz
from persona_tf.text import vocabulary
from persona_tf.text.tokenizer import Tokenizer

_ANEW = "train again, or copy the bundle anew"


@dataclasses.dataclass(frozen=True)
class Contents:
    """What a bundle holds besides weights: ``configs`` by name, each a dataclass."""

    experiment: str
    step: int
    configs: Mapping[str, Any]
    tokenizer: Tokenizer


@dataclasses.dataclass(frozen=True)
class BundleFolder:
    """A kind of bundle.

    ``what`` it is called in messages. ``configs`` gives the dataclass of each config; ``model`` must be among them, and
    be a ModelConfig.
    """

    what: str
    about: str
    format: int
    configs: Mapping[str, type]

    def save(
        self,
        folder: pathlib.Path,
        experiment: str,
        step: int,
        configs: Mapping[str, Any],
        model: keras.Model,
        vocabulary_model: bytes,
    ) -> None:
        """Writes a bundle; each file to a temporary name first, that of ``about`` last.

        Args:
          configs: by the names of the kind's own; others are left out.
          model: whose weights are kept.
          vocabulary_model: the serialised SentencePiece model.

        Raises:
          OSError: it cannot be written.
        """
        about = {
            "format": self.format,
            "experiment": experiment,
            "step": step,
            "vocabulary": vocabulary.fingerprint(vocabulary_model),
            **{name: dataclasses.asdict(configs[name]) for name in self.configs},
        }
        write_atomically(folder / "vocabulary.model", vocabulary_model)
        # By way of a tensor: a variable that several replicas share is no array.
        tensors = {weight.path: keras.ops.convert_to_tensor(weight) for weight in model.weights}
        weights = {path: keras.ops.convert_to_numpy(tensor) for path, tensor in tensors.items()}
        write_npz(folder / "weights.npz", weights)
        write_atomically(folder / self.about, (json.dumps(about, indent=2) + "\n").encode())

    def load(self, folder: pathlib.Path) -> Contents:
        """Reads all but the weights.

        Raises:
          FileNotFoundError: a file is missing; the message names it.
          ValueError: a file is damaged, of another format, or does not fit the others.
        """
        about = self._read_about(folder / self.about)
        model_bytes = self._read_bytes(folder / "vocabulary.model")
        found = vocabulary.fingerprint(model_bytes)
        if found != about["vocabulary"]:
            raise ValueError(
                f"{folder / 'vocabulary.model'}: is vocabulary {found}, but the weights were trained with "
                f"{about['vocabulary']}; put that one back, or train again"
            )
        configs = {name: _config(folder / self.about, name, cls, about[name]) for name, cls in self.configs.items()}
        tokenizer = Tokenizer(model_bytes)
        words = configs["model"].vocabulary_size - configs["model"].fact_marks
        if tokenizer.size != words:
            raise ValueError(
                f"{folder / self.about}: model: vocabulary_size is {words}, but "
                f"vocabulary.model beside it has {tokenizer.size} ids; {_ANEW}"
            )
        return Contents(about["experiment"], about["step"], configs, tokenizer)

    def load_weights(self, folder: pathlib.Path, model: keras.Model) -> None:
        """Puts the bundle's weights into a model of its configs; raises what `load` raises."""
        path = folder / "weights.npz"
        try:
            arrays = read_npz(path, _ANEW)
        except FileNotFoundError as error:
            raise self._missing(path) from error
        assign(path, arrays, {weight.path: weight for weight in model.weights}, _ANEW)

    def _read_about(self, path: pathlib.Path) -> dict[str, Any]:
        try:
            about = json.loads(self._read_bytes(path))
        except ValueError as error:
            raise ValueError(f"{path}: is no JSON ({error}); {_ANEW}") from error
        found = about.get("format") if isinstance(about, dict) else None
        if found != self.format:
            raise ValueError(f"{path}: format {found!r}, this version reads format {self.format}; train again")
        kinds = {"experiment": str, "step": int, "vocabulary": str, **dict.fromkeys(self.configs, dict)}
        missing = [name for name in kinds if name not in about]
        if missing:
            raise ValueError(f"{path}: lacks {missing}; {_ANEW}")
        for name, kind in kinds.items():
            if not isinstance(about[name], kind) or isinstance(about[name], bool):
                raise ValueError(f"{path}: {name}: expected {kind.__name__}, got {about[name]!r:.60}; {_ANEW}")
        return about

    def _read_bytes(self, path: pathlib.Path) -> bytes:
        try:
            return path.read_bytes()
        except FileNotFoundError as error:
            raise self._missing(path) from error

    def _missing(self, path: pathlib.Path) -> FileNotFoundError:
        return FileNotFoundError(f"{path}: not there; {self.what} has it. `make train EXP=...` makes one")


def _config(path: pathlib.Path, name: str, cls: type, fields: Mapping[str, Any]) -> Any:
    try:
        return cls(**{key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()})
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {name}: {error}") from error
