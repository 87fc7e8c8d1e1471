"""Tokens with their place: token + kind + position in their item or turn + number of the turn."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from persona_tf.model.config import ModelConfig
from persona_tf.model.layer_style import LayerStyle
from persona_tf.model.layers import Linear, make_norm, sinusoids


class FlatEmbedding(keras.layers.Layer):
    """Embeds flat rows of items, turns or targets; its token table is also the output layer, where it is tied.

    The position counts inside an item or turn, from 0. Turns are numbered from the start of the conversation,
    so nothing that was encoded changes when the conversation goes on.

    Args:
      vocabulary_size, width: V, D.
      kinds: number of kinds of knowledge item; kind 0 is for history and targets.
      dropout: of the sum.
      word_dropout: share of the words read, not of those written, that training leaves blank. What a sentence is
        about must then be told from any part of it, which helps with sentences that are put in a new way.
      positions: how a token knows its place: ``sinusoidal``; ``learned``: a vector for each, all from the last on the
        same one; ``rotary`` and ``relative``: not from here, see `layers.rotated` and `relative_bias`.
      most_positions: how many learned ones there are.
      tied: else the output layer has a table of its own.
      scaled: whether tokens are multiplied by sqrt(D).
      target_positions: whether targets have learned positions of their own.
      norm, target_norm: of what kind the norms of the sums are, of what is read and of targets; None: none.
    """

    def __init__(
        self,
        vocabulary_size: int,
        width: int,
        kinds: int,
        dropout: float = 0.0,
        word_dropout: float = 0.0,
        positions: str = "sinusoidal",
        most_positions: int = 512,
        tied: bool = True,
        scaled: bool = True,
        target_positions: bool = False,
        norm: LayerStyle | Mapping[str, Any] | None = None,
        target_norm: LayerStyle | Mapping[str, Any] | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size, self.width, self.kinds = vocabulary_size, width, kinds
        self.positions, self.most_positions, self.tied = positions, most_positions, tied
        self.scaled, self.target_positions = scaled, target_positions
        self.dropout_rate, self.word_dropout = dropout, word_dropout
        self.word_seed = keras.random.SeedGenerator(0)
        self.turn_projection = Linear(width, use_bias=False, name="turn", dtype=self.dtype_policy)
        self.dropout = keras.layers.Dropout(dropout, name="dropout", dtype=self.dtype_policy)
        self.styles = {"norm": norm and LayerStyle.of(norm), "target_norm": target_norm and LayerStyle.of(target_norm)}
        self.norm, self.target_norm = (
            style and make_norm(style, name, self.dtype_policy) for name, style in self.styles.items()
        )

    @classmethod
    def of(cls, config: ModelConfig, dtype, writes: bool = False) -> "FlatEmbedding":
        """That of a model; one that writes nothing needs neither an output layer nor what is of targets alone."""
        return cls(
            config.vocabulary_size,
            config.width,
            config.kinds,
            config.dropout,
            config.word_dropout,
            config.positions,
            config.most_positions,
            config.tied or not writes,
            config.scaled,
            config.target_positions and writes,
            config.embedded_style,
            config.of_decoder.embedded_style if writes else None,
            name="embedding",
            dtype=dtype,
        )

    def build(self, shape=None):
        """Makes the tables: tokens [V, D] with variance 1 / D, kinds [1 + kinds, D], and those that are asked for."""
        normal = keras.initializers.RandomNormal
        self.tokens = self.add_weight(
            name="tokens",
            shape=(self.vocabulary_size, self.width),
            initializer=normal(stddev=self.width**-0.5),
        )
        self.kind_table = self.add_weight(
            name="kinds", shape=(1 + self.kinds, self.width), initializer=normal(stddev=0.1)
        )
        self.turn_projection.build((None, None, self.width))
        if self.positions == "learned":
            self.position_table = self._positions("positions")
        if self.target_positions:
            self.target_position_table = self._positions("target_positions")
        for norm in filter(None, (self.norm, self.target_norm)):
            norm.build((None, None, self.width))
        if not self.tied:
            self.output_tokens = self.add_weight(
                name="output_tokens",
                shape=(self.vocabulary_size, self.width),
                initializer=normal(stddev=self.width**-0.5),
            )

    def _positions(self, name: str):
        normal = keras.initializers.RandomNormal(stddev=0.1)
        return self.add_weight(name=name, shape=(self.most_positions, self.width), initializer=normal)

    def call(self, ids, position, kind=None, turn=None, training=False, is_read=False):
        """Int [B, L] each -> [B, L, D] in the compute dtype; ``is_read``: it is no target, and word dropout applies."""
        x = self.of_tokens(ids)
        if training and is_read and self.word_dropout:
            kept = keras.random.uniform(ops.shape(ids), seed=self.word_seed) >= self.word_dropout
            x = x * ops.cast(kept, x.dtype)[..., None]
        if self.positions == "sinusoidal":
            x = x + ops.cast(sinusoids(position, self.width), x.dtype)
        elif self.positions == "learned":
            table = self.position_table if is_read or not self.target_positions else self.target_position_table
            x = x + ops.take(table, ops.minimum(position, self.most_positions - 1), axis=0)
        x = x + (self.kind_table[0] if kind is None else ops.take(self.kind_table, kind, axis=0))
        if turn is not None:
            x = x + self.turn_projection(ops.cast(sinusoids(turn, self.width), x.dtype))
        norm = self.norm if is_read else self.target_norm
        return self.dropout(norm(x) if norm else x, training=training)

    def of_tokens(self, ids):
        """The tokens alone: int [B, L] -> [B, L, D] in the compute dtype; scaled, they begin with unit variance."""
        tokens = ops.take(ops.cast(self.tokens, self.compute_dtype), ids, axis=0)
        return tokens * self.width**0.5 if self.scaled else tokens

    @property
    def output_table(self):
        """What the output layer multiplies with, [V, D]."""
        return self.tokens if self.tied else self.output_tokens

    def logits(self, x):
        """[B, T, D] -> float32 [B, T, V], with the transposed output table."""
        shape = ops.shape(x)
        flat = ops.matmul(ops.reshape(x, (-1, self.width)), ops.transpose(ops.cast(self.output_table, x.dtype)))
        return ops.cast(ops.reshape(flat, (shape[0], shape[1], self.vocabulary_size)), "float32")

    def get_config(self):
        """All constructor arguments."""
        sizes = {"vocabulary_size": self.vocabulary_size, "width": self.width, "kinds": self.kinds}
        sizes |= {"most_positions": self.most_positions, "tied": self.tied, "scaled": self.scaled}
        rates = {"dropout": self.dropout_rate, "word_dropout": self.word_dropout}
        styles = {name: style and dataclasses.asdict(style) for name, style in self.styles.items()}
        positions = {"positions": self.positions, "target_positions": self.target_positions}
        return {**super().get_config(), **sizes, **rates, **positions, **styles}
