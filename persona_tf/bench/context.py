"""The peers' work in our own terms, for whichever of our writers: a context becomes items and turns."""

from typing import Any

import numpy as np

from persona_tf.bench.peers import sizes
from persona_tf.decoding.config import DecodeConfig

ITEM_TOKENS = 16
DECODE = DecodeConfig(
    method="sample",
    top_p=sizes.TOP_P,
    min_reply_tokens=sizes.NEW_TOKENS - 1,
    max_reply_tokens=sizes.NEW_TOKENS - 1,
)
"""The last of the tokens is the stop."""


def write(writer: Any, context_ids: np.ndarray, seed: int) -> np.ndarray:
    """See `peers.Peer.write`; half of the context is read as knowledge items, half as turns, 16 tokens each.

    Args:
      writer: a `Writer` or an `OnnxWriter`, with `DECODE` and ``speaks_only``.
    """
    rows, tokens = context_ids.shape
    half = tokens // 2
    place = np.broadcast_to(np.arange(half, dtype=np.int32), (rows, half))
    knowledge = writer.read_knowledge(
        {
            "knowledge_ids": context_ids[:, :half],
            "knowledge_item": place // ITEM_TOKENS,
            "knowledge_kind": place // ITEM_TOKENS % 11 + 1,
            "knowledge_position": place % ITEM_TOKENS,
        }
    )
    history = writer.read_history(
        {
            "history_ids": context_ids[:, half:],
            "history_turn": place // ITEM_TOKENS + 1,
            "history_position": place % ITEM_TOKENS,
        }
    )
    turn = np.full((rows, 1), half // ITEM_TOKENS + 2, np.int32)
    seeds = (1000 * seed + np.arange(rows, dtype=np.int32))[:, None, None]
    return writer.write(knowledge, history, turn, seeds).ids[:, 0, 0]
