"""Our own way of writing a reply, as one more system of `bench.peers`: random weights, `concat`, no copy head."""

import dataclasses
import pathlib

import numpy as np

from persona_tf.bench import context
from persona_tf.bench.models import SMALL, build
from persona_tf.bench.peers import sizes
from persona_tf.export.writer import Writer
from persona_tf.model.config import ModelConfig
from persona_tf.model.transformer import PersonaTransformer

CONFIG = dataclasses.replace(SMALL, dropout=0.0, copy_head=False, precision="float32")


def model_for(config: ModelConfig) -> PersonaTransformer:
    """A model with random weights and token embeddings as wide as the peers', so that the nuclei are as large."""
    model = build(config)
    model.embedding.tokens.assign(model.embedding.tokens * (sizes.EMBEDDING_DEVIATION * config.width**0.5))
    return model


class Ours:
    """Half of the context as knowledge items, half as turns, 16 tokens each; both are read anew for every reply."""

    name = "ours"

    def __init__(self, precision: str, config: ModelConfig, jit_compile: bool):
        self.precision = precision
        model = model_for(dataclasses.replace(config, precision=precision.split()[0]))
        self._writer = Writer(model, context.DECODE, speaks_only=True, jit_compile=jit_compile)

    def write(self, context_ids: np.ndarray, seed: int) -> np.ndarray:
        """See `peers.Peer`."""
        return context.write(self._writer, context_ids, seed)


def make(precision: str, folder: pathlib.Path, threads: int) -> Ours:
    """The factory that `peers.SYSTEMS` names; ``float32 XLA`` is compiled, ``mixed_bfloat16`` is not.

    The number of threads comes from the environment, as `peers.workers` sets it.
    """
    return Ours(precision, CONFIG, jit_compile=precision.endswith("XLA"))
