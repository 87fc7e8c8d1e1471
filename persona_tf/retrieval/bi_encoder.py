"""The bi-encoder: a vector of the context, a vector of each fact, and their product."""

from keras import ops

from persona_tf.model.config import ModelConfig
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.pooling import Pooling
from persona_tf.retrieval.two_towers import TwoTowers


class BiEncoder(TwoTowers):
    """``score(c, f) = sim(pool(T1(c)), pool(T2(f)))``, as in Dense Passage Retrieval (Karpukhin et al. 2020, arXiv
    2004.04906).

    Differs from the paper in: towers may be shared, vectors are mapped from states and words, and compared by cosine
    unless told otherwise.

    Args:
      config: towers, pooling, similarity, dimensions.
      sizes: of the towers; ``decoder_layers`` and what else generators have are not looked at.
    """

    def __init__(self, config: RetrieverConfig, sizes: ModelConfig, **kwargs):
        super().__init__(config, sizes, "bi_encoder", **kwargs)
        self.context_pooling = Pooling(config.pooling, config.dimensions, name="context_pooling")

    def build(self, shape=None):
        """Makes all weights; needs no data."""
        super().build(shape)
        self.context_pooling.build()

    def encode_contexts(self, ids, position, turn, training=False):
        """Int [B, H] each -> float32 [B, D]: times a fact's vector it is the cosine, or the score itself."""
        states = self.context_tower.context(ids, position, turn, training)
        weighed = self.context_tower.weighed(states, ids, position)
        return self.similarity.context(self.context_pooling(states, ids != 0, weighed))

    def score(self, contexts, facts):
        """Vectors [B, D] and [F, D] -> float32 [B, F]."""
        return self.similarity.scale(ops.matmul(contexts, ops.transpose(facts)))
