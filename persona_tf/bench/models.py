"""The model and the inputs that the benchmarks share: small, random weights, random ids."""

import numpy as np

from persona_tf.model.config import ModelConfig
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text import vocabulary as v
from persona_tf.text.features import EMOTE_HEAD, REPLY_HEAD

SMALL = ModelConfig(vocabulary_size=8000, dropout=0.1)
"""256 wide, 4+4 layers, 8,000 ids."""


def build(config: ModelConfig) -> PersonaTransformer:
    """A model with random weights."""
    model = PersonaTransformer(config)
    model.build()
    return model


def random_features(rows: int, knowledge: int, history: int, target: int) -> dict[str, np.ndarray]:
    """Features without padding: items of 16 tokens, turns of 16, one target a row."""
    rng = np.random.default_rng(0)

    def ids(length: int) -> np.ndarray:
        return rng.integers(len(v.SPECIALS), SMALL.vocabulary_size, (rows, length)).astype(np.int32)

    def spread(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values.astype(np.int32), (rows, len(values))).copy()

    head = np.full(target, REPLY_HEAD)
    head[-1] = EMOTE_HEAD
    labels = ids(target)
    labels[:, -1] = 0
    turns = history // 16 + 1
    return {
        "knowledge_ids": ids(knowledge),
        "knowledge_item": spread(np.arange(knowledge) // 16),
        "knowledge_kind": spread(np.arange(knowledge) // 16 % 11 + 1),
        "knowledge_position": spread(np.arange(knowledge) % 16),
        "history_ids": ids(history),
        "history_turn": spread(np.arange(history) // 16 + 1),
        "history_position": spread(np.arange(history) % 16),
        "target_ids": ids(target),
        "target_labels": labels,
        "target_head": spread(head),
        "target_value": spread(np.zeros(target)),
        "target_index": spread(np.zeros(target)),
        "target_turn": spread(np.full(target, turns)),
        "target_position": spread(np.arange(target)),
        "gold_target": np.full((rows, 1), -1, np.int32),
        "gold_item": np.full((rows, 1), -1, np.int32),
        "gold_turn": np.zeros((rows, 1), np.int32),
    }
