"""What is said of each target token: the next word, whether it is copied, and the emote."""

from typing import Any, NamedTuple

import keras
from keras import ops

from persona_tf.model.layers import MASKED, Linear
from persona_tf.model.memory import Memory, Places


class Outputs(NamedTuple):
    """What the model says of each target token, all float32.

    vocabulary_logits [B, T, V]; emote_logits [B, T, E]; attention [B, T, M] (last cross-attention, mean over heads);
    copy_attention [B, T, M] and copy_gate [B, T] (logit of "this word is copied"), None without a copy head;
    source_log_probs [B, T, M] (see `fusion.source_log_probs`); memory: what the attentions point into.
    """

    vocabulary_logits: Any
    emote_logits: Any
    attention: Any
    copy_attention: Any
    copy_gate: Any
    source_log_probs: Any
    memory: Memory


class CopyHead(keras.layers.Layer):
    """A pointer into the memory and a gate (pointer-generator, See et al. 2017, arXiv 1704.04368).

    Differs from the paper in: the pointer is an attention of its own over the last decoder state, one head of
    width D; it also compares *what was just written* with *what stands before* each place of the memory, three
    tokens each, so that to go on with a copied name is one dot product, however strange the name; and the gate hears
    from the places that the pointer points at whether they are to be copied, so that a name is not left half-way.

    Args:
      width: D.
      guided: whether the log-probabilities of the sources are added to the pointer's logits (fusion ``soft``).
    """

    CONTEXT = 3
    """How many tokens are compared."""

    def __init__(self, width: int, guided: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.width, self.guided = width, guided
        self.query = Linear(width, name="query", dtype=self.dtype_policy)
        self.key = Linear(width, name="key", dtype=self.dtype_policy)
        self.context = Linear(width, use_bias=False, name="context", dtype=self.dtype_policy)
        self.gate = Linear(1, name="gate", dtype=self.dtype_policy)
        self.worth = Linear(1, use_bias=False, name="worth", dtype=self.dtype_policy)

    def build(self, shape=None):
        """Builds the projections for inputs [..., D]."""
        for part in (self.query, self.key, self.gate, self.worth):
            part.build((None, None, self.width))
        self.context.build((None, None, self.CONTEXT * self.width))
        self.continuity = self.add_weight(name="continuity", shape=(), initializer=keras.initializers.Constant(0.5))
        if self.guided:
            self.trust = self.add_weight(name="trust", shape=(), initializer="ones", dtype="float32", autocast=False)

    def places(self, states, previous) -> Places:
        """Memory states [B, M, D], embeddings of the tokens before each [B, M, CONTEXT * D] -> what is pointed at.

        One map serves what was written and what stands before: where they are the same, their product is large from
        the first step of training on.
        """
        keys = ops.concatenate([self.key(states), self.context(previous)], axis=-1)
        return Places(keys, ops.cast(self.worth(states), "float32"))

    def call(self, x, written, places, shown, source_log_probs):
        """Says where a word would be copied from, and whether it is.

        Args:
          x: decoder states [B, T, D].
          written: embeddings of the last tokens written, newest first, [B, T, CONTEXT * D].
          places: from `places`.
          shown: bool [B, T, M].
          source_log_probs: float32 [B, T, M]; used when ``guided``.

        Returns:
          Attention, float32 [B, T, M], and the gate's logit, float32 [B, T].
        """
        query = ops.concatenate([self.query(x), self.continuity * self.context(written)], axis=-1)
        scores = ops.cast(ops.matmul(query, ops.transpose(places.keys, (0, 2, 1))), "float32") * self.width**-0.5
        if self.guided:
            scores = scores + self.trust * ops.cast(source_log_probs, "float32")
        attention = ops.softmax(ops.where(shown, scores, MASKED), axis=-1)
        gate = ops.cast(self.gate(x), "float32") + ops.matmul(attention, ops.cast(places.worth, "float32"))
        return attention, ops.squeeze(gate, axis=-1)

    def get_config(self):
        """All constructor arguments."""
        return {**super().get_config(), "width": self.width, "guided": self.guided}


def next_token_log_probs(outputs: Outputs):
    """Log-probabilities of the next token with copying mixed in: float32 [B, T, V].

    p(w) = (1 - g) softmax(logits)(w) + g * (attention on all places that hold w).
    """
    if outputs.copy_gate is None:
        return ops.log_softmax(outputs.vocabulary_logits, axis=-1)
    logit = outputs.copy_gate[..., None]
    # sigmoid(-x), not 1 - sigmoid(x), of which little is left where almost all is copied.
    probs = ops.sigmoid(-logit) * ops.softmax(outputs.vocabulary_logits, axis=-1)
    pointed = ops.sigmoid(logit) * outputs.copy_attention
    copied = _gather_by_id(pointed, outputs.memory.ids, outputs.vocabulary_logits.shape[-1])
    return ops.log(probs + copied + 1e-20)


def _gather_by_id(attention, ids, vocabulary_size: int):
    """Adds up attention [B, T, M] by the id [B, M] of the place it goes to: [B, T, V]."""
    batch, length, _ = ops.shape(attention)
    row = ops.reshape(ops.arange(batch * length), (batch, length, 1)) * vocabulary_size
    sums = ops.segment_sum(
        ops.reshape(attention, (-1,)),
        ops.reshape(row + ids[:, None, :], (-1,)),
        num_segments=batch * length * vocabulary_size,
    )
    return ops.reshape(sums, (batch, length, vocabulary_size))
