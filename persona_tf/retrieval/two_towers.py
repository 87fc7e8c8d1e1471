"""What bi- and poly-encoder share: each context and each fact goes through a tower of its own."""

from typing import Any

import keras

from persona_tf.model.config import ModelConfig
from persona_tf.model.precision import resolve_precision
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.pooling import Pooling
from persona_tf.retrieval.similarity import Similarity
from persona_tf.retrieval.tower import Tower


class TwoTowers(keras.Model):
    """What bi- and poly-encoder share: towers for contexts and facts, and how vectors are compared."""

    def __init__(self, config: RetrieverConfig, sizes: ModelConfig, name: str, **kwargs):
        super().__init__(dtype=policy(sizes), **{"name": name, **kwargs})
        self.config, self.sizes = config, sizes
        shared, tower = config.towers == "shared", {"dtype": self.dtype_policy}
        name, weighs_own = "tower" if shared else "context_tower", config.own_turns == "weighed"
        self.context_tower = Tower(sizes, config.dimensions, weighs_own, name=name, **tower)
        self.fact_tower = self.context_tower if shared else Tower(sizes, config.dimensions, name="fact_tower", **tower)
        self.fact_pooling = Pooling(config.pooling, config.dimensions, name="fact_pooling")
        self.similarity = Similarity(config.similarity, config.temperature, name="similarity")

    def build(self, shape=None):
        """Makes all weights; needs no data."""
        self.context_tower.build()
        if not self.fact_tower.built:
            self.fact_tower.build()
        self.fact_pooling.build()
        self.similarity.build()
        self.built = True

    def encode_facts(self, fact_ids, training=False):
        """Int [F, L] -> float32 [F, D], ready for the index."""
        states = self.fact_tower.fact(fact_ids, training)
        return self.similarity.fact(self.fact_pooling(states, fact_ids != 0))

    def call(self, features: dict[str, Any], training=False):
        """Scores of all contexts and facts of a batch, float32 [B, F]."""
        contexts = self.encode_contexts(
            features["context_ids"], features["context_position"], features["context_turn"], training
        )
        return self.score(contexts, self.encode_facts(features["fact_ids"], training))


def policy(sizes: ModelConfig) -> keras.DTypePolicy:
    """The policy of a model of these sizes; see `model.precision`."""
    return keras.DTypePolicy(resolve_precision(sizes.precision))
