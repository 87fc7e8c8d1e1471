"""Our own way of writing a reply, as one more system of `bench.peers`: random weights, `concat`, no copy head."""

import dataclasses
import pathlib

import numpy as np

from persona_tf.bench.models import SMALL, build
from persona_tf.bench.peers import sizes
from persona_tf.decoding.config import DecodeConfig
from persona_tf.export.writer import Writer
from persona_tf.model.config import ModelConfig

_ITEM_TOKENS = 16
_DECODE = DecodeConfig(
    method="sample",
    top_p=sizes.TOP_P,
    min_reply_tokens=sizes.NEW_TOKENS - 1,
    max_reply_tokens=sizes.NEW_TOKENS - 1,
)
"""The last of the tokens is the stop."""

CONFIG = dataclasses.replace(SMALL, dropout=0.0, copy_head=False, precision="float32")


class Ours:
    """Half of the context as knowledge items, half as turns, 16 tokens each; both are read anew for every reply."""

    name = "ours"

    def __init__(self, precision: str, config: ModelConfig, jit_compile: bool):
        self.precision = precision
        model = build(dataclasses.replace(config, precision=precision.split()[0]))
        # As wide as the peers' embeddings, so that the nuclei are as large.
        model.embedding.tokens.assign(model.embedding.tokens * (sizes.EMBEDDING_DEVIATION * config.width**0.5))
        self._writer = Writer(model, _DECODE, speaks_only=True, jit_compile=jit_compile)

    def write(self, context_ids: np.ndarray, seed: int) -> np.ndarray:
        """See `peers.Peer`."""
        rows, tokens = context_ids.shape
        half = tokens // 2
        place = np.broadcast_to(np.arange(half, dtype=np.int32), (rows, half))
        knowledge = self._writer.read_knowledge(
            {
                "knowledge_ids": context_ids[:, :half],
                "knowledge_item": place // _ITEM_TOKENS,
                "knowledge_kind": place // _ITEM_TOKENS % 11 + 1,
                "knowledge_position": place % _ITEM_TOKENS,
            }
        )
        history = self._writer.read_history(
            {
                "history_ids": context_ids[:, half:],
                "history_turn": place // _ITEM_TOKENS + 1,
                "history_position": place % _ITEM_TOKENS,
            }
        )
        turn = np.full((rows, 1), half // _ITEM_TOKENS + 2, np.int32)
        seeds = (1000 * seed + np.arange(rows, dtype=np.int32))[:, None, None]
        return self._writer.write(knowledge, history, turn, seeds).ids[:, 0, 0]


def make(precision: str, folder: pathlib.Path, threads: int) -> Ours:
    """The factory that `peers.SYSTEMS` names; ``float32 XLA`` is compiled, ``mixed_bfloat16`` is not.

    The number of threads comes from the environment, as `peers.workers` sets it.
    """
    return Ours(precision, CONFIG, jit_compile=precision.endswith("XLA"))
