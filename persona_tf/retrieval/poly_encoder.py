"""The poly-encoder: several vectors of the context, which each fact mixes in a way of its own."""

import keras
from keras import ops

from persona_tf.model.config import ModelConfig
from persona_tf.model.layers import MASKED
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.two_towers import TwoTowers


class PolyEncoder(TwoTowers):
    """The poly-encoder of Humeau et al. 2020 (arXiv 1905.01969), with learned codes.

    ``y_i = sum_j softmax_j(c_i h_j) h_j`` for m codes c_i over the states h_j of a context; a fact v asks them:
    ``y = sum_i softmax_i(v y_i) y_i`` and ``score = sim(y, v)``. Differs from the paper in: under ``cosine`` the
    softmax over codes has products of unit vectors times the learned factor, and y is brought to length 1.

    Args:
      config: as for `BiEncoder`; ``codes`` is m, and ``pooling`` is that of facts.
      sizes: of the towers.
    """

    def __init__(self, config: RetrieverConfig, sizes: ModelConfig, **kwargs):
        super().__init__(config, sizes, "poly_encoder", **kwargs)
        self.code_embedding = CodeEmbedding(config.codes, config.dimensions, name="code_embedding")

    def build(self, shape=None):
        """Makes all weights; needs no data."""
        super().build(shape)
        self.code_embedding.build()

    def encode_contexts(self, ids, position, turn, training=False):
        """Int [B, H] each -> float32 [B, m, D]."""
        states = self.context_tower.context(ids, position, turn, training)
        weighed = self.context_tower.weighed(states, ids, position)
        return self.similarity.context(self.code_embedding(states, ids != 0, weighed))

    def score(self, contexts, facts):
        """Codes' vectors [B, m, D] and facts [F, D] -> float32 [B, F]."""
        # [B, m, F]; the sum of products is the product with the sum, so that y [B, F, D] need not be made.
        products = ops.matmul(contexts, ops.transpose(facts))
        weights = ops.softmax(self.similarity.scale(products), axis=1)
        mixed = ops.sum(weights * products, axis=1)
        if self.config.similarity == "dot":
            return mixed
        among = ops.matmul(contexts, ops.transpose(contexts, (0, 2, 1)))
        squared = ops.sum(weights * ops.matmul(among, weights), axis=1)
        return self.similarity.scale(mixed * ops.rsqrt(ops.maximum(squared, 1e-12)))


class CodeEmbedding(keras.layers.Layer):
    """The m codes of a poly-encoder: each looks at all tokens and takes a weighted mean of their states.

    Args:
      codes: m.
      width: D.
    """

    def __init__(self, codes: int, width: int, **kwargs):
        super().__init__(**{"dtype": "float32", **kwargs})
        self.codes, self.width = codes, width

    def build(self, *shapes):
        """Makes the codes [m, D], of length about 1."""
        normal = keras.initializers.RandomNormal(stddev=self.width**-0.5)
        self.table = self.add_weight(name="codes", shape=(self.codes, self.width), initializer=normal, trainable=True)
        self.built = True

    def call(self, states, mask, values=None):
        """States [B, H, D], mask bool [B, H], ``values`` as in `Pooling` -> float32 [B, m, D]."""
        values = states if values is None else values
        logits = ops.matmul(self.table, ops.transpose(states, (0, 2, 1)))
        return ops.matmul(ops.softmax(ops.where(mask[:, None, :], logits, MASKED), axis=-1), values)

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), "codes": self.codes, "width": self.width}
