"""What models of the usual layers compute, with given weights: a change here makes every trained bot another."""

import hashlib

import numpy as np
import pytest

from persona_tf.model import likelihood
from persona_tf.model.config import ModelConfig
from persona_tf.model.transformer import PersonaTransformer

GOLDEN = {
    "concat": ("11b8f0dba07c77c5", [47.2994, 49.1093, 6.0161, 0.0]),
    "select": ("38d1056eec4c9812", [57.8051, 51.0823, 4.4959, 0.0]),
    "soft": ("53fec4614df710b5", [53.2284, 49.1503, 6.1753, 0.0]),
}
"""By fusion: a digest of the weights' names and shapes; nats of tokens, emotes, knowledge and pointer, summed."""


def _batch():
    """Two rows of three items, two turns and two targets."""
    rng = np.random.default_rng(0)
    places = np.tile(np.arange(4), 3)
    rows = {
        "knowledge_ids": rng.integers(9, 60, 12),
        "knowledge_item": np.repeat([0, 1, 2], 4),
        "knowledge_kind": np.repeat([1, 3, 6], 4),
        "knowledge_position": places,
        "history_ids": rng.integers(9, 60, 9),
        "history_turn": np.array([0, 1, 1, 1, 1, 2, 2, 2, 2]),
        "history_position": np.array([0, 0, 1, 2, 3, 0, 1, 2, 3]),
        "target_ids": rng.integers(9, 60, 8),
        "target_labels": rng.integers(9, 60, 8),
        "target_head": np.array([1, 1, 1, 3, 1, 1, 1, 3]),
        "target_value": np.zeros(8),
        "target_index": np.repeat([0, 1], 4),
        "target_turn": np.repeat([2, 3], 4),
        "target_position": np.tile(np.arange(4), 2),
        "gold_target": np.array([0, 1, 1]),
        "gold_item": np.array([1, 2, -1]),
        "gold_turn": np.array([0, 0, 1]),
    }
    batch = {name: np.stack([row, row]).astype(np.int32) for name, row in rows.items()}
    batch["knowledge_ids"][1, 8:] = batch["history_ids"][1, 7:] = batch["target_ids"][1, 4:] = 0
    return batch


@pytest.mark.parametrize("fusion", ["concat", "select", "soft"])
def test_what_is_computed_stays_what_it_is(fusion):
    sizes = {"width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 2, "decoder_layers": 2}
    model = PersonaTransformer(ModelConfig(**sizes, fusion=fusion, precision="float32", vocabulary_size=64, emotes=60))
    model.build()
    rng = np.random.default_rng(5)
    for weight in model.weights:
        weight.assign(rng.normal(0.1, 0.3, weight.shape).astype(np.float32))
    names = "\n".join(f"{weight.path} {tuple(weight.shape)}" for weight in model.weights)
    batch = _batch()
    nats = likelihood.nats(model(batch), batch)
    real = batch["target_ids"] != 0
    found = [float(np.asarray(part, np.float64)[real].sum()) for part in nats]
    digest, wanted = GOLDEN[fusion]
    assert hashlib.sha256(names.encode()).hexdigest()[:16] == digest
    assert found == pytest.approx(wanted, rel=1e-4)
