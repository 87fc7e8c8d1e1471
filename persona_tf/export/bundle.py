"""The bundle: a folder with all that talking needs, written by training and read by everyone else.

bundle/
    bundle.json        format, experiment, step, the configs of text, example, model and decoding, and the
                       fingerprint of the vocabulary
    vocabulary.model   the SentencePiece model
    weights.npz        the model's weights by name
"""

import dataclasses
import pathlib
from typing import Any

from persona_tf.bundle_folder import BundleFolder, Contents
from persona_tf.decoding.config import DecodeConfig
from persona_tf.example import ExampleConfig
from persona_tf.model.config import ModelConfig
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.retrieval.bundle import RETRIEVER
from persona_tf.text.config import TextConfig
from persona_tf.text.packer import Packer

BOT = BundleFolder(
    "a bundle",
    "bundle.json",
    4,
    {"text": TextConfig, "example": ExampleConfig, "model": ModelConfig, "decode": DecodeConfig},
)


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
    BOT.save(folder, experiment, step, configs, model, vocabulary_model)


def open_bundle(folder: pathlib.Path) -> Contents:
    """Reads all of a bundle but the weights; raises what `load_bundle` raises."""
    if (folder / RETRIEVER.about).is_file():
        raise ValueError(f"{folder}: holds a retriever, which finds facts and says nothing; expected a bot's bundle")
    return BOT.load(folder)


def load_bundle(folder: pathlib.Path, precision: str = "") -> Bundle:
    """Reads a bundle and makes it ready.

    Args:
      folder: the bundle.
      precision: in the place of the bundle's own, see `model.config.PRECISIONS`.

    Raises:
      FileNotFoundError: a file is missing; the message names it.
      ValueError: a file is damaged, of another format, or does not fit the others.
    """
    found = open_bundle(folder)
    text, example, sizes, decode = (found.configs[name] for name in BOT.configs)
    model = PersonaTransformer(dataclasses.replace(sizes, precision=precision or sizes.precision))
    model.build()
    BOT.load_weights(folder, model)
    packer = Packer(found.tokenizer, text, example.learn_action, example.learn_emote, example.learn_facts)
    return Bundle(found.experiment, found.step, text, example, decode, model, packer)
