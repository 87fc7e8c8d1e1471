"""The tower: tokens -> states in the space where contexts and facts are compared."""

import keras
from keras import ops

from persona_tf.episode import KEY_KINDS
from persona_tf.model.config import ModelConfig
from persona_tf.model.embedding import FlatEmbedding
from persona_tf.model.encoder import Encoder
from persona_tf.model.layers import Linear
from persona_tf.text.vocabulary import SELF

FACT_KIND = 1 + KEY_KINDS.index("persona")
"""Facts are embedded as the generator embeds those of a persona; contexts, like its history, have kind 0."""


class Tower(keras.layers.Layer):
    """The house's embedding and encoder, and a linear map into D dimensions.

    The map sees the states beside the words as they came in: the words alone carry over best to sentences that are
    put together anew.

    Args:
      config: sizes.
      dimensions: D.
      weighs_own: whether states of a context's own turns are multiplied by a learned vector [D], at first -1: what
        was told counts against itself.
    """

    def __init__(self, config: ModelConfig, dimensions: int, weighs_own: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.config, self.dimensions, self.weighs_own = config, dimensions, weighs_own
        sizes = config.encoder_layers, config.width, config.heads, config.feed_forward, config.dropout, config.style
        self.embedding = FlatEmbedding.of(config, self.dtype_policy)
        self.encoder = Encoder(*sizes, name="encoder", dtype=self.dtype_policy)
        self.map = Linear(dimensions, name="map", dtype=self.dtype_policy)

    def build(self, shape=None):
        """Makes all weights."""
        self.embedding.build()
        self.encoder.build()
        self.map.build((None, None, 2 * self.config.width))
        if self.weighs_own:
            against = keras.initializers.Constant(-1.0)
            self.own = self.add_weight(name="own", shape=(self.dimensions,), initializer=against, autocast=False)
        self.built = True

    def embed_context(self, ids, position, turn, training=False):
        """Int [B, H] each -> [B, H, width]."""
        return self.embedding(ids, position, turn=turn, training=training, is_read=True)

    def embed_fact(self, ids, training=False):
        """Int [F, L] -> [F, L, width]."""
        kind = ops.zeros_like(ids) + FACT_KIND
        return self.embedding(ids, self.fact_position(ids), kind=kind, training=training, is_read=True)

    @staticmethod
    def fact_position(ids):
        """Place of each token in its fact, from 0: int [F, L]."""
        return ops.zeros_like(ids) + ops.arange(ops.shape(ids)[1], dtype=ids.dtype)

    def read(self, x, mask, position, training=False):
        """Embedded tokens [B, L, width], of which ``mask`` bool [B, L] are there -> float32 [B, L, D].

        ``position``: their places in turn or fact, int [B, L].
        """
        # One row for all who look: everyone sees everyone.
        states = self.encoder(x, mask[:, None, :], position, training=training)
        return ops.cast(self.map(ops.concatenate([states, x], axis=-1)), "float32")

    def context(self, ids, position, turn, training=False):
        """A context's states: int [B, H] each -> float32 [B, H, D]."""
        return self.read(self.embed_context(ids, position, turn, training), ids != 0, position, training)

    def weighed(self, states, ids, position):
        """A context's states [B, H, D] as they count in a vector; how much each is looked at, the others tell."""
        if not self.weighs_own:
            return states
        return ops.where(_is_own(ids, position)[:, :, None], states * self.own, states)

    def fact(self, ids, training=False):
        """A fact's states: int [F, L] -> float32 [F, L, D]."""
        return self.read(self.embed_fact(ids, training), ids != 0, self.fact_position(ids), training)


def _is_own(ids, position):
    """Which tokens are of turns that begin with ``<self>``: int [B, H] each -> bool [B, H]."""
    begins = ops.arange(ops.shape(ids)[1], dtype=position.dtype)[None, :] - position
    return ops.take_along_axis(ids, begins, axis=1) == SELF
