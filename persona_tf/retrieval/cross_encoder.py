"""The cross-encoder: context and fact are read together."""

from typing import Any

import keras
from keras import ops

from persona_tf.model.config import ModelConfig
from persona_tf.model.layers import Linear
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.features import on_grid
from persona_tf.retrieval.pooling import Pooling
from persona_tf.retrieval.tower import Tower
from persona_tf.retrieval.two_towers import policy


class CrossEncoder(keras.Model):
    """``score(c, f) = w pool(T(c, f)) + b``: one tower reads both together (Nogueira and Cho 2019, arXiv 1901.04085).

    Nothing of it can be kept, so it re-ranks the few facts that another encoder has found.

    Args:
      config: pooling and dimensions.
      sizes: of the tower.
    """

    def __init__(self, config: RetrieverConfig, sizes: ModelConfig, **kwargs):
        super().__init__(dtype=policy(sizes), **{"name": "cross_encoder", **kwargs})
        self.config, self.sizes = config, sizes
        self.tower = Tower(sizes, config.dimensions, name="tower", dtype=self.dtype_policy)
        self.pooling = Pooling(config.pooling, config.dimensions, name="pooling")
        self.worth = Linear(1, name="worth", dtype="float32")

    def build(self, shape=None):
        """Makes all weights; needs no data."""
        self.tower.build()
        self.pooling.build()
        self.worth.build((None, None, self.config.dimensions))
        self.built = True

    def score_pairs(self, ids, position, turn, fact_ids, training=False):
        """Contexts, int [P, H] each, beside facts, int [P, L] -> float32 [P]."""
        context = self.tower.embed_context(ids, position, turn, training)
        x = ops.concatenate([context, self.tower.embed_fact(fact_ids, training)], axis=1)
        mask = ops.concatenate([ids, fact_ids], axis=1) != 0
        places = ops.concatenate([position, self.tower.fact_position(fact_ids)], axis=1)
        pooled = self.pooling(self.tower.read(x, mask, places, training), mask)
        return self.worth(pooled)[:, 0]

    def call(self, features: dict[str, Any], training=False):
        """Scores of the pairs in ``candidate``, float32 [B, F]; 0 elsewhere."""
        pairs = features["candidate"]
        there = pairs[:, 0] >= 0
        context, fact = ops.maximum(pairs[:, 0], 0), ops.maximum(pairs[:, 1], 0)
        ids, position, turn = (ops.take(features[f"context_{n}"], context, axis=0) for n in ("ids", "position", "turn"))
        scores = self.score_pairs(ids, position, turn, ops.take(features["fact_ids"], fact, axis=0), training)
        return on_grid(pairs, ops.where(there, scores, 0.0), features)
