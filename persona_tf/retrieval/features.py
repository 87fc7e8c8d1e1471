"""FEATURES of a batch of contexts and facts, and pairs of them on a grid."""

from typing import Any

from keras import ops

FEATURES = {
    "context_ids": "[B, H]: <history>, then each turn as the Packer lays it out; the newest last",
    "context_position": "[B, H]: place of a token in its turn, from 0",
    "context_turn": "[B, H]: 1 for the newest turn, 2 for the one before ...; 0 for <history>",
    "context_key": "[B, 1]: equal for equal contexts; 0: padding",
    "fact_ids": "[F, L]: <self>, then the fact",
    "fact_key": "[F, 1]: equal for equal facts; 0: padding",
    "positive": "[G, 2]: row positive[g, 0] of the contexts draws on row positive[g, 1] of the facts; -1: padding",
    "candidate": "[P, 2]: pairs that are compared, as in ``positive``",
}
"""What a batch holds, all int32."""


def on_grid(pairs, values, features: dict[str, Any]):
    """Values [P] of pairs int [P, 2] -> float32 [B, F], 0 where there is none; a pair below 0 is padding."""
    shape = (ops.shape(features["context_ids"])[0], ops.shape(features["fact_ids"])[0])
    values = ops.where(pairs[:, 0] >= 0, ops.cast(values, "float32"), 0.0)
    flat = ops.maximum(pairs[:, 0], 0) * shape[1] + ops.maximum(pairs[:, 1], 0)
    return ops.reshape(ops.segment_sum(values, flat, shape[0] * shape[1]), shape)
