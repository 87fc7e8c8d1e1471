"""The PersonaTransformer: encodes knowledge and history apart, decodes reply, action and emote.

`call` scores whole targets (training, likelihoods); `encode`, `start` and `step` write one token at a time.
Both are made of the same parts, and tests hold them equal.
"""

import dataclasses
from typing import Any, NamedTuple

import keras
from keras import ops

from persona_tf.model import fusion
from persona_tf.model.config import ModelConfig
from persona_tf.model.decoder import Decoder, LayerCache
from persona_tf.model.embedding import FlatEmbedding
from persona_tf.model.encoder import Encoder
from persona_tf.model.fusion import Memory
from persona_tf.model.heads import CopyHead, Outputs
from persona_tf.model.layers import Linear
from persona_tf.model.precision import resolve_precision


class Choice(NamedTuple):
    """What a target reads, for each of its tokens.

    shown bool [B, T, M]; log_probs float32 [B, T, M], of each source; gist [B, T, D], added to the decoder's input
    under ``soft``, else None.
    """

    shown: Any
    log_probs: Any
    gist: Any


class Cache(NamedTuple):
    """What is kept while a target is written: the memory, what of it is seen, and the decoder's layers.

    choice: what is shown, and how likely each source is; places: what the copy head points at, or None; written
    int32 [B, 1, W]: the last tokens, newest first; turn int32 [B, 1].
    """

    memory: Memory
    choice: "Choice"
    places: Any
    written: Any
    turn: Any
    layers: tuple[LayerCache, ...]

    @property
    def changing(self):
        """The part that a step changes, a nest of tensors: all that a loop has to carry."""
        return self.written, tuple((layer.keys, layer.values) for layer in self.layers)

    def changed(self, changing) -> "Cache":
        """This cache with another `changing` part."""
        written, pairs = changing
        layers = tuple(
            layer._replace(keys=keys, values=values) for layer, (keys, values) in zip(self.layers, pairs, strict=True)
        )
        return self._replace(written=written, layers=layers)


class PersonaTransformer(keras.Model):
    """See the module's docstring; the features are those of `text.features.FEATURES`.

    Args:
      config: sizes and mechanisms.
    """

    def __init__(self, config: ModelConfig, **kwargs):
        # Without a name of its own a second model in one process has other paths, and refuses the first one's files.
        policy = keras.DTypePolicy(resolve_precision(config.precision))
        super().__init__(dtype=policy, **{"name": "persona_transformer", **kwargs})
        self.config = config
        width, rest = config.width, {"dropout": config.dropout, "dtype": self.dtype_policy}
        stack = {"width": width, "heads": config.heads, "feed_forward": config.feed_forward, **rest}
        self.embedding = FlatEmbedding(
            config.vocabulary_size, width, config.kinds, word_dropout=config.word_dropout, name="embedding", **rest
        )
        self.encoder = Encoder(config.encoder_layers, name="encoder", **stack)
        soft = config.fusion == "soft"
        self.decoder = Decoder(config.decoder_layers, guided=soft, name="decoder", **stack)
        projected = config.fusion != "select"
        pooled = 2 * width if projected else width
        self.selector = fusion.Selector(width, projected, pooled, name="selector", dtype=self.dtype_policy)
        if soft:
            self.gist_norm = keras.layers.LayerNormalization(center=False, scale=False, dtype=self.dtype_policy)
            # Zeros: at first the decoder sees none of it.
            self.gist = Linear(width, initializer="zeros", name="gist", dtype=self.dtype_policy)
        self.emote_head = Linear(config.emotes, name="emote_head", dtype=self.dtype_policy)
        self.knowledge_seed = keras.random.SeedGenerator(0)
        if config.copy_head:
            self.copy_head = CopyHead(width, guided=soft, name="copy_head", dtype=self.dtype_policy)

    def build(self, shape=None):
        """Makes all weights; needs no data."""
        for part in (self.embedding, self.encoder, self.decoder, self.selector):
            part.build()
        self.emote_head.build((None, None, self.config.width))
        if self.config.fusion == "soft":
            self.gist_norm.build((None, None, 4 * self.config.width))
            self.gist.build((None, None, 4 * self.config.width))
        if self.config.copy_head:
            self.copy_head.build()
        self.built = True

    def encode(self, features: dict, training=False) -> Memory:
        """Reads knowledge items and history, each under its own mask, and lays them side by side."""
        knowledge = self.encode_knowledge(features, training)
        history = self.encode_history(features, training)
        return join_memories(knowledge, history)

    def encode_knowledge(self, features: dict, training=False) -> Memory:
        """Each item alone: it depends on nothing else, so a session computes it once. Memory of S tokens."""
        ids, item, position = (features[f"knowledge_{kind}"] for kind in ("ids", "item", "position"))
        x = self.embedding(ids, position, kind=features["knowledge_kind"], training=training, is_read=True)
        mask = ids != 0
        same_item = ops.logical_and(item[:, :, None] == item[:, None, :], mask[:, None, :])
        states = self.encoder(x, same_item, training=training)
        first = ops.logical_and(mask, position == 0)
        pooled = fusion.sentence_embedding(same_item, self._poolable(x, states))
        return Memory(states, pooled, ids, mask, ops.zeros_like(ids), ops.where(mask, item, -2), first)

    def encode_history(self, features: dict, training=False) -> Memory:
        """Turn-causal: a token sees its own and earlier turns, so new turns leave old ones as they are."""
        ids, turn, position = (features[f"history_{kind}"] for kind in ("ids", "turn", "position"))
        x = self.embedding(ids, position, turn=turn, training=training, is_read=True)
        mask = ids != 0
        not_later = ops.logical_and(turn[:, None, :] <= turn[:, :, None], mask[:, None, :])
        states = self.encoder(x, not_later, training=training)
        same_turn = ops.logical_and(turn[:, None, :] == turn[:, :, None], mask[:, None, :])
        pooled = fusion.sentence_embedding(same_turn, self._poolable(x, states))
        first = ops.logical_and(mask, position == 0)
        return Memory(states, pooled, ids, mask, turn, ops.where(mask, -1, -2), first)

    def _poolable(self, x, states):
        """What sentence embeddings are sums of: states, and the words as they came in.

        The words alone carry over best to sentences that are put together anew; under ``select`` the paper's states.
        """
        return states if self.config.fusion == "select" else ops.concatenate([states, x], axis=-1)

    def call(self, features: dict, training=False, use_gold=False) -> Outputs:
        """Scores all target tokens of a batch at once.

        Args:
          features: see `text.features.FEATURES`.
          training: dropout, and knowledge dropout under ``select``.
          use_gold: under ``select``, show the gold item (where there is one) in place of the predicted one.
        """
        memory = self.encode(features, training)
        ids, index, turn = (features[f"target_{kind}"] for kind in ("ids", "index", "turn"))
        choice = self._choose_sources(memory, turn, features if use_gold else None, training)
        x = self._embed_target(ids, features["target_position"], turn, choice, training)
        own = ops.logical_and(index[:, :, None] == index[:, None, :], (ids != 0)[:, None, :])
        places = ops.arange(ops.shape(ids)[1])
        own = ops.logical_and(own, places[None, None, :] <= places[None, :, None])
        x, attention = self.decoder(x, own, memory.states, choice.shown, choice.log_probs, training=training)
        written = _before(ids, features["target_position"] == 0, CopyHead.CONTEXT, with_own=True)
        return self._outputs(x, attention, memory, self._places(memory), written, choice)

    def start(self, memory: Memory, target_turn, length: int) -> Cache:
        """Makes ready to write targets of at most ``length`` tokens, one a row, at turns ``target_turn`` [B]."""
        turn = target_turn[:, None]
        choice = self._choose_sources(memory, turn, None, False)
        layers = self.decoder.start(memory.states, length)
        written = ops.repeat(ops.zeros_like(turn)[..., None], CopyHead.CONTEXT, axis=-1)
        return Cache(memory, choice, self._places(memory), written, turn, layers)

    def step(self, ids, index, cache: Cache) -> tuple[Outputs, Cache]:
        """Takes token ``index`` (a scalar) of each target, int32 [B], and says what comes next (T = 1)."""
        position = ops.zeros_like(cache.turn) + index
        x = self._embed_target(ids[:, None], position, cache.turn, cache.choice, False)
        shown, log_probs, _ = cache.choice
        x, attention, layers = self.decoder.step(x, index, shown, log_probs, cache.layers)
        written = ops.concatenate([ids[:, None, None], cache.written[..., :-1]], axis=-1)
        outputs = self._outputs(x, attention, cache.memory, cache.places, written, cache.choice)
        return outputs, cache._replace(layers=layers, written=written)

    def _embed_target(self, ids, position, turn, choice: Choice, training):
        x = self.embedding(ids, position, turn=turn, training=training)
        return x if choice.gist is None else x + choice.gist

    def _choose_sources(self, memory, turn, gold_features, training) -> Choice:
        seen = fusion.visible(memory, turn)
        logits, asked = self.selector(memory, seen)
        log_probs = fusion.source_log_probs(memory, seen, logits)
        if self.config.fusion == "soft":
            needed = fusion.expected_source(memory, log_probs)
            gist = self.gist(self.gist_norm(ops.concatenate([asked, needed], axis=-1)))
            return Choice(seen, log_probs, gist)
        if self.config.fusion == "concat":
            return Choice(seen, log_probs, None)
        if gold_features is not None:
            logits = ops.where(fusion.gold_mask(memory, gold_features), logits + 1e6, logits)
        shown = fusion.selected_only(memory, seen, logits)
        if training and self.config.knowledge_dropout:
            draw = keras.random.uniform((ops.shape(seen)[0], 1, 1), seed=self.knowledge_seed)
            hidden = ops.logical_and(draw < self.config.knowledge_dropout, (memory.item >= 0)[:, None, :])
            shown = ops.logical_and(shown, ops.logical_not(hidden))
        return Choice(shown, log_probs, None)

    def _places(self, memory: Memory):
        if not self.config.copy_head:
            return None
        previous = _before(memory.ids, memory.first, CopyHead.CONTEXT)
        return self.copy_head.places(memory.states, self._embed_several(previous))

    def _embed_several(self, ids):
        """Int [B, L, W] -> [B, L, W * D], zeros for id 0."""
        batch, length, several = ops.shape(ids)
        tokens = self.embedding.of_tokens(ids)
        tokens = ops.where((ids != 0)[..., None], tokens, ops.zeros_like(tokens))
        return ops.reshape(tokens, (batch, length, several * self.config.width))

    def _outputs(self, x, attention, memory, places, written, choice: Choice) -> Outputs:
        emotes = ops.cast(self.emote_head(x), "float32")
        pointer, gate = None, None
        if places is not None:
            written = self._embed_several(written)
            pointer, gate = self.copy_head(x, written, places, choice.shown, choice.log_probs)
        return Outputs(self.embedding.logits(x), emotes, attention, pointer, gate, choice.log_probs, memory)

    def get_config(self):
        """The ModelConfig as a dict."""
        return {"config": dataclasses.asdict(self.config)}

    @classmethod
    def from_config(cls, config):
        """The inverse of `get_config`."""
        return cls(ModelConfig(**config["config"]))


def join_memories(knowledge: Memory, history: Memory) -> Memory:
    """Two memories of the same rows, side by side."""
    return Memory(*(ops.concatenate(pair, axis=1) for pair in zip(knowledge, history, strict=True)))


def _before(ids, first, count: int, with_own: bool = False):
    """The tokens before each one, newest first, 0 where its item, turn or target begins: [B, L] -> [B, L, count].

    Args:
      first: bool [B, L], True where something begins: what stands beside it in the row is not before it.
      with_own: whether the token itself is the newest.
    """
    found, shifted = [ids] if with_own else [], ids
    while len(found) < count:
        shifted = ops.where(first, 0, ops.pad(shifted[:, :-1], ((0, 0), (1, 0))))
        found.append(shifted)
    return ops.stack(found, axis=-1)
