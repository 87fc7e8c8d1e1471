"""A trained retriever as a folder.

bundle/
    retriever.json     format, experiment, step, the configs of text, sizes and retriever, and the fingerprint of the
                       vocabulary
    vocabulary.model   the SentencePiece model
    weights.npz        the encoder's weights by name
"""

import dataclasses
import pathlib

from persona_tf.bundle_folder import BundleFolder
from persona_tf.model.config import ModelConfig
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.encoders import Encoder, build_encoder
from persona_tf.retrieval.layout import Layout
from persona_tf.retrieval.retriever import Retriever
from persona_tf.text.config import TextConfig

RETRIEVER = BundleFolder(
    "a retriever's bundle",
    "retriever.json",
    1,
    {"text": TextConfig, "model": ModelConfig, "retriever": RetrieverConfig},
)


def save_retriever(
    folder: pathlib.Path, experiment: str, step: int, text: TextConfig, encoder: Encoder, vocabulary_model: bytes
) -> None:
    """Writes a retriever's bundle; each file to a temporary name first, ``retriever.json`` last.

    Raises:
      OSError: it cannot be written.
    """
    configs = {"text": text, "model": encoder.sizes, "retriever": encoder.config}
    RETRIEVER.save(folder, experiment, step, configs, encoder, vocabulary_model)


def load_retriever(folder: pathlib.Path, precision: str = "") -> Retriever:
    """Reads a retriever and makes it ready.

    Args:
      folder: its bundle.
      precision: in the place of the bundle's own, see `model.config.PRECISIONS`.

    Raises:
      FileNotFoundError: a file is missing; the message names it.
      ValueError: a file is damaged, of another format, or does not fit the others.
    """
    found = RETRIEVER.load(folder)
    text, sizes, config = (found.configs[name] for name in RETRIEVER.configs)
    encoder = build_encoder(config, dataclasses.replace(sizes, precision=precision or sizes.precision))
    RETRIEVER.load_weights(folder, encoder)
    return Retriever(config, encoder, Layout(found.tokenizer, text), found.experiment, found.step)
