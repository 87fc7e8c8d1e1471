"""The PersonaTransformer: encodes knowledge and history apart, decodes reply, action and emote.

`call` scores whole targets (training, likelihoods); `encode`, `start` and `step` write one token at a time.
Both are made of the same parts, and tests hold them equal.
"""

import dataclasses
import functools

import keras
from keras import ops

from persona_tf.model import fusion
from persona_tf.model.config import STATED_NATS, ModelConfig
from persona_tf.model.decoder import Decoder
from persona_tf.model.embedding import FlatEmbedding
from persona_tf.model.encoder import Encoder
from persona_tf.model.heads import CopyHead, Outputs
from persona_tf.model.layers import MASKED, Linear
from persona_tf.model.memory import ASIDE, Cache, Choice, Memory, Reading, Turns, join_memories, join_readings
from persona_tf.model.mixing import StreamMixer
from persona_tf.model.precision import resolve_precision


class PersonaTransformer(keras.Model):
    """See the module's docstring; the features are those of `text.features.FEATURES`.

    Args:
      config: sizes and mechanisms.
    """

    def __init__(self, config: ModelConfig, **kwargs):
        if not config.encoder_layers:
            raise ValueError(
                "a PersonaTransformer needs ModelConfig.encoder_layers of 1 or more, got 0: a bag of subwords is for "
                "retrievers"
            )
        # Without a name of its own a second model in one process has other paths, and refuses the first one's files.
        policy = keras.DTypePolicy(resolve_precision(config.precision))
        super().__init__(dtype=policy, **{"name": "persona_transformer", **kwargs})
        self.config = config
        width, rest = config.width, {"dropout": config.dropout, "dtype": self.dtype_policy}
        stack = {"width": width, "heads": config.heads, "feed_forward": config.feed_forward, **rest}
        self.embedding = FlatEmbedding.of(config, self.dtype_policy, writes=True)
        self.encoder = Encoder(config.encoder_layers, name="encoder", style=config.style, **stack)
        soft, style = config.fusion == "soft", config.of_decoder.style
        self.decoder = Decoder(config.decoder_layers, guided=soft, name="decoder", style=style, **stack)
        projected = config.fusion != "select"
        pooled = 2 * width if projected else width
        self.selector = fusion.Selector(width, projected, pooled, name="selector", dtype=self.dtype_policy)
        if soft:
            self.gist_norm = keras.layers.LayerNormalization(center=False, scale=False, dtype=self.dtype_policy)
            # Zeros: at first the decoder sees none of it.
            self.gist = Linear(width, initializer="zeros", name="gist", dtype=self.dtype_policy)
        if config.mixes:
            attends = config.fusion == "attention"
            self.mixer = StreamMixer(width, attends, config.place_kinds, name="mixer", dtype=self.dtype_policy)
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
        if self.config.mixes:
            self.mixer.build()
        if self.config.loss_heads:
            # Of no use but for the loss; here they are trained and saved with all else.
            rest = {"initializer": "zeros", "dtype": "float32", "autocast": False}
            self.log_variances = self.add_weight(name="log_variances", shape=(self.config.loss_heads,), **rest)
        if self.config.copy_head:
            self.copy_head.build()
        self.built = True

    def encode(self, features: dict, training=False, note=None) -> Memory:
        """Reads knowledge items and history, each under its own mask, and lays them side by side; ``note``: `call`."""
        knowledge = self.encode_knowledge(features, training, note)
        history = self.encode_history(features, training, note)
        return join_memories(knowledge, history)

    def encode_knowledge(self, features: dict, training=False, note=None) -> Memory:
        """Each item alone: it depends on nothing else, so a session computes it once. Memory of S tokens."""
        ids, item, position = (features[f"knowledge_{kind}"] for kind in ("ids", "item", "position"))
        x = self.embedding(ids, position, kind=features["knowledge_kind"], training=training, is_read=True)
        mask = ids != 0
        same_item = ops.logical_and(item[:, :, None] == item[:, None, :], mask[:, None, :])
        states = self.encoder(x, same_item, position, training=training, note=_of(note, "knowledge"))
        first = ops.logical_and(mask, position == 0)
        pooled = fusion.sentence_embedding(same_item, self._poolable(x, states))
        item, kind = ops.where(mask, item, -2), features["knowledge_kind"]
        return Memory(states, pooled, ids, mask, ops.zeros_like(ids), item, kind, first)

    def encode_history(self, features: dict, training=False, note=None) -> Memory:
        """Under ``causal`` a token sees its own and earlier turns, so that new turns leave old ones as they are."""
        return self._read_turns(features, None, training, note)[0]

    def read_history(self, features: dict, past: Turns | None = None) -> Turns:
        """Reads turns after those of ``past``; gives all of them. Nothing of the old ones is computed anew.

        Raises:
          ValueError: there is a past, and ``whole`` histories cannot be added to.
        """
        if past is not None and self.config.history == "whole":
            raise ValueError("ModelConfig.history is 'whole': every turn sees the new ones, so read all anew")
        memory, layers = self._read_turns(features, past, False)
        reading = self.prepare(memory)
        return Turns(reading if past is None else join_readings(past.reading, reading), layers)

    def _read_turns(self, features: dict, past: Turns | None, training, note=None):
        """The memory of the new turns, and keys and values of all, for each encoder layer."""
        ids, turn, position = (features[f"history_{kind}"] for kind in ("ids", "turn", "position"))
        x = self.embedding(ids, position, turn=turn % ASIDE, training=training, is_read=True)
        mask = ids != 0
        all_turns, all_mask = turn, mask
        if past is not None:
            old = past.reading.memory
            all_turns, all_mask = ops.concatenate([old.turn, turn], 1), ops.concatenate([old.mask, mask], 1)
        seen = ops.logical_and(fusion.heard(all_turns, turn, self.config.history), all_mask[:, None, :])
        before, begun = (None,) * self.config.encoder_layers, None
        if past is not None:
            before, begun = past.layers, fusion.position_in_source(past.reading.memory)
        noted = _of(note, "history")
        states, layers = self.encoder.extend(x, seen, before, position, begun, training=training, note=noted)
        same_turn = ops.logical_and(turn[:, None, :] == turn[:, :, None], mask[:, None, :])
        pooled = fusion.sentence_embedding(same_turn, self._poolable(x, states))
        first, item = ops.logical_and(mask, position == 0), ops.where(mask, -1, -2)
        return Memory(states, pooled, ids, mask, turn, item, ops.zeros_like(ids), first), layers

    def _poolable(self, x, states):
        """What sentence embeddings are sums of: states, and the words as they came in.

        The words alone carry over best to sentences that are put together anew; under ``select`` the paper's states.
        """
        return states if self.config.fusion == "select" else ops.concatenate([states, x], axis=-1)

    def call(self, features: dict, training=False, use_gold=False, hidden=None, note=None) -> Outputs:
        """Scores all target tokens of a batch at once.

        Args:
          features: see `text.features.FEATURES`; also int32 [R] ``target_number``, 0..R-1, where the backend must know
            the number of targets beforehand.
          training: dropout, and knowledge dropout under ``select`` and ``soft``.
          use_gold: under ``select``, show gold items (where there are any) in place of the predicted ones; a number:
            to this share of the targets, drawn anew each time.
          hidden: bool [B, M], what of the memory a row's targets must do without; None: nothing.
          note: None, or what is called with ``knowledge``, ``history`` or ``target`` and the states [B, L, D] of each
            layer that these go through, in the order of the layers.
        """
        memory = self.encode(features, training, note)
        ids, index, turn = (features[f"target_{kind}"] for kind in ("ids", "index", "turn"))
        choice = self._choose_for_tokens(memory, features, training, use_gold, hidden)
        x = self._embed_target(ids, features["target_position"], turn, choice, training)
        own = ops.logical_and(index[:, :, None] == index[:, None, :], (ids != 0)[:, None, :])
        places = ops.arange(ops.shape(ids)[1])
        own = ops.logical_and(own, places[None, None, :] <= places[None, :, None])
        states, shown = self._read_by_decoder(memory, choice)
        position = features["target_position"]
        noted = _of(note, "target")
        x, attention = self.decoder(x, own, states, shown, choice.told, position, training=training, note=noted)
        written = _before(ids, features["target_position"] == 0, CopyHead.CONTEXT, with_own=True)
        return self._outputs(x, attention, memory, self._places(memory), written, choice)

    def prepare(self, memory: Memory) -> Reading:
        """Makes a memory ready for `start`; what is said of a token depends on no other item or turn."""
        layers = () if self.config.mixes else self.decoder.prepare(memory.states)
        return Reading(memory, layers, self._places(memory))

    def start(self, reading: Reading, target_turn, length: int, hidden=None, extracts=False) -> Cache:
        """Makes ready to write targets of at most ``length`` tokens, Q side by side in each row.

        Args:
          reading: from `prepare`, of knowledge and history.
          target_turn: number of the turn of each, int32 [B, Q].
          length: a Python number.
          hidden: bool [B, Q, M], what of the memory a target must do without; None: nothing.
          extracts: whether the facts that a turn states are written, see `_choose_sources`; a boolean scalar.
        """
        stating = None if extracts is False else ops.logical_and(ops.ones_like(target_turn, "bool"), extracts)
        choice = self._choose_sources(reading.memory, target_turn, None, False, hidden, stating)
        prepared = reading.layers if choice.mixed is None else self.decoder.prepare(choice.mixed.states)
        layers = self.decoder.start(prepared, ops.shape(target_turn)[1], length)
        written = ops.repeat(ops.reshape(ops.zeros_like(target_turn), (-1, 1)), CopyHead.CONTEXT, axis=-1)
        return Cache(reading.memory, choice, reading.places, written, target_turn, layers)

    def step(self, ids, index, cache: Cache) -> tuple[Outputs, Cache]:
        """Takes token ``index`` (a scalar) of each target, int32 [B, Q], and says what comes next: Q in place of T."""
        position = ops.zeros_like(cache.turn) + index
        x = self._embed_target(ids, position, cache.turn, cache.choice, False)
        _, shown = self._read_by_decoder(cache.memory, cache.choice)
        x, attention, layers = self.decoder.step(x, index, shown, cache.choice.told, cache.layers)
        written = ops.concatenate([ops.reshape(ids, (-1, 1)), cache.written[:, :-1]], axis=-1)
        side_by_side = ops.reshape(written, (*ops.shape(ids), CopyHead.CONTEXT))
        outputs = self._outputs(x, attention, cache.memory, cache.places, side_by_side, cache.choice)
        return outputs, cache._replace(layers=layers, written=written)

    @staticmethod
    def _read_by_decoder(memory: Memory, choice: Choice):
        """The states that the decoder reads, and which of them: the memory's own, or those of a mixture of it."""
        return (memory.states, choice.shown) if choice.mixed is None else (choice.mixed.states, choice.mixed.shown)

    def _embed_target(self, ids, position, turn, choice: Choice, training):
        x = self.embedding(ids, position, turn=turn % ASIDE, training=training)
        return x if choice.gist is None else x + choice.gist

    def _choose_for_tokens(self, memory, features, training, use_gold, hidden) -> Choice:
        """Chooses once for each target, and hands it to the tokens of each by a product with a one-hot [B, T, R].

        (A gather would have to scatter its gradient, which is slow.)
        """
        ids, index, turn = (features[f"target_{kind}"] for kind in ("ids", "index", "turn"))
        targets = features["target_number"] if "target_number" in features else ops.arange(ops.max(index) + 1)
        whose = ops.logical_and(index[:, :, None] == targets, (ids != 0)[:, :, None])
        turns = ops.max(ops.where(whose, turn[:, :, None], 0), axis=1)
        gold = None if use_gold is False else {**features, "target_index": targets[None]}
        hidden = None if hidden is None else hidden[:, None]
        stating = None
        if self.config.fact_marks:
            extracts = ids == self.config.vocabulary_size - self.config.fact_marks
            stating = ops.any(ops.logical_and(whose, extracts[..., None]), axis=1)
        choice = self._choose_sources(memory, turns, gold, training, hidden, stating, use_gold)

        def spread(part):
            return ops.matmul(ops.cast(whose, part.dtype), part)

        def spread_bool(part):
            return ops.cast(spread(ops.cast(part, self.compute_dtype)), "bool")

        shown, gist, mixed = spread_bool(choice.shown), choice.gist, choice.mixed
        if gist is not None:
            gist = spread(gist)
        if mixed is not None:
            mixed = mixed._replace(shown=spread_bool(mixed.shown))
        return Choice(shown, spread(choice.log_probs), spread(choice.told), gist, mixed)

    def _choose_sources(
        self, memory, turn, gold_features, training, hidden=None, stating=None, gold_share=True
    ) -> Choice:
        """What targets [B, R] see, and how likely each source of it is to be needed for a reply.

        What a turn states is not looked for where a reply to it would be: under ``soft`` the decoder is told to look at
        the last turn, where ``stating`` (bool [B, R]) holds. (What is made up is what that reply lacks.)
        ``gold_share``: of the targets that are shown gold, or True.
        """
        seen = fusion.visible(memory, turn)
        if hidden is not None:
            seen = ops.logical_and(seen, ops.logical_not(hidden))
        logits, asked = self.selector(memory, seen)
        logits = ops.where(seen, logits, MASKED)
        log_probs = fusion.source_log_probs(memory, seen, logits)
        if self.config.fusion == "soft":
            told_logits = logits
            if training and self.config.knowledge_dropout:
                is_kept_back = self._draw((*ops.shape(turn), 1)) < self.config.knowledge_dropout
                told_logits = ops.where(is_kept_back, 0.0, told_logits)
            if stating is not None:
                stated = STATED_NATS * ops.cast(fusion.last_turn(memory, seen), "float32")
                told_logits = ops.where(stating[..., None], stated, told_logits)
            told = log_probs if told_logits is logits else fusion.source_log_probs(memory, seen, told_logits)
            needed = fusion.expected_source(memory, told)
            gist = self.gist(self.gist_norm(ops.concatenate([asked, needed], axis=-1)))
            return Choice(seen, log_probs, told, gist)
        if self.config.fusion != "select":
            mixed = self.mixer(memory, seen) if self.config.mixes else None
            return Choice(seen, log_probs, log_probs, mixed=mixed)
        if gold_features is not None:
            gold = ops.logical_and(fusion.gold_mask(memory, gold_features), (memory.item >= 0)[:, None, :])
            has_gold = ops.any(gold, axis=-1, keepdims=True)
            if gold_share is not True:
                has_gold = ops.logical_and(has_gold, self._draw((*ops.shape(turn), 1)) < gold_share)
            logits = ops.where(ops.logical_and(has_gold, ops.logical_not(gold)), MASKED, logits)
        shown = fusion.selected_only(memory, seen, logits, self.config.selected)
        if training and self.config.knowledge_dropout:
            is_hidden = self._draw((ops.shape(seen)[0], 1, 1)) < self.config.knowledge_dropout
            hidden = ops.logical_and(is_hidden, (memory.item >= 0)[:, None, :])
            shown = ops.logical_and(shown, ops.logical_not(hidden))
        return Choice(shown, log_probs, log_probs)

    def _draw(self, shape):
        return keras.random.uniform(shape, seed=self.knowledge_seed)

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
        if choice.mixed is not None:
            attention = ops.matmul(attention, ops.cast(choice.mixed.weights, "float32"))
        emotes = ops.cast(self.emote_head(x), "float32")
        pointer, gate = None, None
        if places is not None:
            written = self._embed_several(written)
            pointer, gate = self.copy_head(x, written, places, choice.shown, choice.told)
        return Outputs(self.embedding.logits(x), emotes, attention, pointer, gate, choice.log_probs, memory)

    def get_config(self):
        """The ModelConfig as a dict."""
        return {"config": dataclasses.asdict(self.config)}

    @classmethod
    def from_config(cls, config):
        """The inverse of `get_config`."""
        return cls(ModelConfig(**config["config"]))


def _of(note, what: str):
    """What a stack is to call with its states, so that ``note`` hears whose they are."""
    return functools.partial(note, what) if note else None


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
