"""A model as compiled graphs that read and write. NumPy in, NumPy out.

Shape letters: B rows, Q targets side by side in a row, K hypotheses of each, L tokens at most, M memory, V ids.
"""

import copy
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.progress import Progress
from persona_tf.decoding.search import Search
from persona_tf.decoding.stage import length
from persona_tf.episode import KEY_KINDS, SETTING_KINDS
from persona_tf.export.nests import joined, output_specs, parts
from persona_tf.export.written import Written, check_banned, check_facts, facts_stages, stages_of
from persona_tf.model.heads import next_token_log_probs
from persona_tf.model.memory import Reading, Turns, join_readings
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text import vocabulary as v
from persona_tf.text.features import FEATURES

_SIGNATURE = {name: tf.TensorSpec([None, None], tf.int32) for name in FEATURES}

PLAUSIBLE = 0.1
"""Guidance weighs words that are at least so many times as likely as the likeliest."""

_BEHIND = 100.0
"""How far, in nats, the others come behind."""

GUIDE_KINDS = {
    "persona": ("persona",),
    "setting": SETTING_KINDS,
}
"""The kinds of knowledge item that each guide of `DecodeConfig` means."""

LENGTH_STEP = 32
"""Lengths of what is read are rounded up to a multiple of this, so that few shapes occur."""

Read = list[tf.Tensor]
"""What a `Writer` has read, for it alone to understand."""


class _State(NamedTuple):
    """What the search carries, each [B * Q * K, ...].

    What changes of the model's cache; emote logits [E]; attention so far [M]; without the guide (see `Writer`): the
    sum of log-probabilities so far [] and those of the next token [V], () where nothing is guided.
    """

    changing: Any
    emote_logits: tf.Tensor
    attention: tf.Tensor
    without: Any


class Writer:
    """Writes targets: reads once, then writes a token at a time.

    Under guidance each hypothesis is a pair of queries into the same memory, one of which does without the guide.

    Args:
      model: with its weights.
      decode: how words are chosen.
      speaks_only: there is no action and no emote after the reply.
      banned, forced: rows of ids, see `Search`.
      jit_compile: whether XLA compiles the graphs, once for each shape: for single replies.

    Raises:
      ValueError: the forced words do not fit, or some or all words are banned that are needed.
    """

    engine = "tensorflow"

    def __init__(
        self,
        model: PersonaTransformer,
        decode: DecodeConfig,
        speaks_only: bool = False,
        banned: tuple[tuple[int, ...], ...] = (),
        forced: tuple[tuple[int, ...], ...] = (),
        jit_compile: bool = False,
    ):
        self._model, self._decode = model, decode
        check_banned(banned, model.config.vocabulary_size - model.config.fact_marks)
        # The emote is read where the last stop is fed; so is what the stop was worth without the guide.
        feed_last = not speaks_only or decode.mutual_information > 0
        marks = model.config.fact_marks
        stages = stages_of(decode, speaks_only)
        self._search = Search(stages, len(v.SPECIALS), decode, banned, forced, feed_last, marks)
        self.hypotheses = decode.hypotheses
        self._queries = decode.hypotheses * (2 if decode.guided else 1)
        self._compile(jit_compile)

    def of_facts(self, decode: DecodeConfig) -> "Writer":
        """Writes facts from what this one has read; the first token must be given then.

        Args:
          decode: how, see `written.STATED` and `written.MADE_UP`.

        Raises:
          ValueError: the model has not learned to.
        """
        config = self._model.config
        check_facts(config.fact_marks)
        writer = copy.copy(self)
        writer._decode, writer.hypotheses, writer._queries = decode, decode.hypotheses, decode.hypotheses
        stages = facts_stages(config.vocabulary_size - config.fact_marks)
        writer._search = Search(stages, len(v.SPECIALS), decode, feed_last=False, last_specials=config.fact_marks)
        writer._compile_writing()
        return writer

    def _compile(self, jit: bool) -> None:
        """One trace each, for all shapes."""
        self._jit = jit
        knowledge = {name: spec for name, spec in _SIGNATURE.items() if name.startswith("knowledge")}
        history = {name: spec for name, spec in _SIGNATURE.items() if name.startswith("history")}

        self._read_knowledge = self._compiled(self._read_knowledge_graph, knowledge)
        self._read_history = self._compiled(self._read_history_graph, history)
        turns = output_specs(self._read_history)
        # Is traced when it is first needed: `whole` histories cannot be added to.
        self._read_on = self._compiled(self._read_on_graph, history, turns)
        self._compile_writing()

    def _compile_writing(self) -> None:
        turns, reading = output_specs(self._read_history), output_specs(self._read_knowledge)
        numbers, number = tf.TensorSpec([None, None], tf.int32), tf.TensorSpec([], tf.int32)
        self._begin = self._compiled(self._begin_graph, reading, turns, numbers, number)
        cache, progress = output_specs(self._begin)
        self._advance = self._compiled(self._advance_graph, cache, progress, numbers, number)

    def _compiled(self, graph, *signature):
        return tf.function(graph, signature, autograph=False, jit_compile=self._jit)

    def read_knowledge(self, features: dict[str, np.ndarray]) -> Read:
        """Reads the knowledge part of FEATURES, B rows. For a whole conversation it is the same."""
        return self._read_knowledge(_tensors(features, "knowledge"))

    def read_history(self, features: dict[str, np.ndarray], past: Read | None = None) -> Read:
        """Reads the history part of FEATURES, B rows; given ``past``, turns that come after those.

        Raises:
          ValueError: there is a past, and several rows: their gaps would lie in other places.
        """
        tensors = _tensors(features, "history")
        if past is None:
            return self._read_history(tensors)
        if len(features["history_ids"]) != 1:
            raise ValueError(f"one conversation can be read on, got {len(features['history_ids'])} rows")
        return parts(_without_gaps(joined(self._turns_like, self._read_on(tensors, past))))

    def tokens_read(self, history: Read) -> int:
        """How many tokens a history of one row has."""
        return int(np.count_nonzero(joined(self._turns_like, history).reading.memory.mask.numpy()))

    def write(
        self, knowledge: Read, history: Read, turn: np.ndarray, seeds: np.ndarray, first: int = v.REPLY
    ) -> Written:
        """Writes to the end.

        Args:
          knowledge, history: what was read, B rows.
          turn: number of the turn of each target, int32 [B, Q]; 0: there is none.
          seeds: of the noise of each hypothesis, int32 [B, Q, K].
          first: the token that each begins with.
        """
        *_, written = self.stream(knowledge, history, turn, seeds, self._search.most + 1, first)
        return written

    def stream(
        self,
        knowledge: Read,
        history: Read,
        turn: np.ndarray,
        seeds: np.ndarray,
        tokens: int,
        first: int = v.REPLY,
    ) -> Iterator[Written]:
        """As `write`, so many tokens at a time: gives all that is written so far after each time."""
        cache, progress = self._begin(knowledge, history, tf.constant(turn), tf.constant(first))
        memory = joined(self._cache_like, cache).memory
        places = memory.item.numpy(), memory.turn.numpy()
        seeds = tf.constant(seeds.reshape(-1, self.hypotheses))
        until = 0
        while until <= self._search.most:
            until += tokens
            progress = self._advance(cache, progress, seeds, tf.constant(until))
            fed = progress.fed.numpy()
            ids, log_probs, emotes, attention = self._best_first(progress, turn.shape)
            yield Written(ids, log_probs, emotes, attention, *places, fed.all(1).reshape(turn.shape))
            if fed.all():
                return

    def _best_first(self, progress: Progress, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
        """The first four parts of `Written`."""
        ids, log_probs = progress.written.numpy(), progress.scores.numpy()
        state = progress.state
        per_hypothesis = (*log_probs.shape, -1)
        emotes = state.emote_logits.numpy().reshape(per_hypothesis)
        attention = state.attention.numpy().reshape(per_hypothesis)
        order = self._order(progress, log_probs)
        for part in (ids, log_probs, emotes, attention):
            ordered = np.take_along_axis(part, order.reshape(*order.shape, *[1] * (part.ndim - 2)), axis=1)
            yield ordered.reshape(*shape, *part.shape[1:])

    def _order(self, progress: Progress, log_probs: np.ndarray) -> np.ndarray:
        """Hypotheses from best to worst, int [N, K]; equal ones, and samples, as they are."""
        if self._decode.mutual_information:
            without = progress.state.without[0].numpy().reshape(log_probs.shape)
            value = log_probs - self._decode.mutual_information * without
        elif self._decode.method == "beam":
            value = self._search.ranks(progress).numpy()
        else:
            value = np.zeros_like(log_probs)
        return np.argsort(-value, axis=1, kind="stable")

    def _read_knowledge_graph(self, features) -> Read:
        reading = self._model.prepare(self._model.encode_knowledge(features))
        self._reading_like = reading
        return parts(reading)

    def _read_history_graph(self, features) -> Read:
        self._turns_like = self._model.read_history(features)
        return parts(self._turns_like)

    def _read_on_graph(self, features, past: Read) -> Read:
        return parts(self._model.read_history(features, joined(self._turns_like, past)))

    def _begin_graph(self, knowledge: Read, history: Read, turn, first):
        turns = joined(self._turns_like, history)
        reading = join_readings(joined(self._reading_like, knowledge), turns.reading)
        memory = reading.memory
        hypotheses, guided = self.hypotheses, self._decode.guided
        numbers = tf.repeat(turn, self._queries, axis=1)
        hidden = None
        if guided:
            kinds = [1 + KEY_KINDS.index(kind) for kind in GUIDE_KINDS[self._decode.guide]]
            of_guide = tf.reduce_any(memory.kind[..., None] == tf.constant(kinds), axis=-1)
            is_without = tf.range(tf.shape(numbers)[1]) % 2 == 1
            hidden = of_guide[:, None, :] & is_without[None, :, None]
        config = self._model.config
        extracts = first == config.vocabulary_size - config.fact_marks if config.fact_marks else False
        cache = self._model.start(reading, numbers, length(self._search.stages) + 1, hidden, extracts)
        targets, size = tf.size(turn), tf.shape(memory.ids)[1]
        count = targets * hypotheses
        without = (tf.zeros([count]), tf.zeros([count, self._model.config.vocabulary_size])) if guided else ()
        changing = tf.nest.map_structure(self._by_hypothesis, cache.changing)
        emotes = tf.zeros([count, self._model.config.emotes])
        state = _State(changing, emotes, tf.zeros([count, size]), without)
        flat = tf.reshape(turn, [-1])
        self._cache_like = cache
        return parts(cache), self._search.begin(tf.zeros_like(flat) + first, state, flat > 0)

    def _by_hypothesis(self, part: tf.Tensor) -> tf.Tensor:
        """[B * Q * K * 2, ...] -> [B * Q * K, 2, ...] under guidance."""
        return tf.reshape(part, [-1, 2, *part.shape[1:]]) if self._decode.guided else part

    def _by_query(self, part: tf.Tensor) -> tf.Tensor:
        return tf.reshape(part, [-1, *part.shape[2:]]) if self._decode.guided else part

    def _advance_graph(self, cache_parts, progress, seeds, until) -> Progress:
        cache = joined(self._cache_like, cache_parts)
        turns = cache.turn

        def step(ids, index, state: _State):
            changing = tf.nest.map_structure(self._by_query, state.changing)
            fed = tf.reshape(tf.repeat(tf.reshape(ids, [-1]), 2 if self._decode.guided else 1), tf.shape(turns))
            outputs, after = self._model.step(fed, index, cache.changed(changing))
            log_probs = next_token_log_probs(outputs)
            log_probs = tf.reshape(log_probs, [-1, log_probs.shape[-1]])
            log_probs, without = self._guided(log_probs, ids, state)
            emotes = _own(outputs.emote_logits, self._decode.guided)
            emotes = tf.where(tf.reshape(ids == v.EMOTE, [-1, 1]), emotes, state.emote_logits)
            counted = tf.cast((ids >= len(v.SPECIALS)) | (ids == v.REPLY), tf.float32)
            attention = state.attention + tf.reshape(counted, [-1, 1]) * _own(_leaning(outputs), self._decode.guided)
            changing = tf.nest.map_structure(self._by_hypothesis, after.changing)
            state = _State(changing, emotes, attention, without)
            return tf.reshape(log_probs, [*tf.unstack(tf.shape(ids)), log_probs.shape[-1]]), state

        return self._search.run(step, progress, seeds, self._history(cache), until)

    def _history(self, cache):
        """The words of the turns that each target sees, int32 [B * Q, M], 0 elsewhere and for special ids."""
        if not self._decode.no_repeat_history_ngram:
            return None
        is_word = (cache.memory.item == -1) & (cache.memory.ids >= len(v.SPECIALS))
        seen = cache.choice.shown[:, :: self._queries] & is_word[:, None]
        return tf.reshape(tf.where(seen, cache.memory.ids[:, None], 0), [-1, tf.shape(cache.memory.ids)[1]])

    def _guided(self, log_probs, ids, state: _State):
        """(1 + a) times the log-probabilities with the guide - a times those without, normalised.

        Words that are less than `PLAUSIBLE` times as likely as the likeliest come after all others (Li et al. 2023,
        arXiv 2210.15097, where they are left out; but a stop may be all that is allowed).
        """
        if not self._decode.guided:
            return log_probs, ()
        pairs = tf.reshape(log_probs, [-1, 2, log_probs.shape[-1]])
        own, without = pairs[:, 0], pairs[:, 1]
        chosen = tf.reshape(ids, [-1])
        gained = tf.where(chosen > 0, tf.gather(state.without[1], chosen, batch_dims=1), 0.0)
        weight = self._decode.guidance
        if weight:
            # Where both are next to impossible their ratio says nothing, and could be anything.
            plausible = own >= tf.reduce_max(own, axis=-1, keepdims=True) + math.log(PLAUSIBLE)
            own = tf.nn.log_softmax(tf.where(plausible, (1 + weight) * own - weight * without, own - _BEHIND))
        return own, (state.without[0] + gained, without)


def _tensors(features: dict[str, np.ndarray], part: str) -> dict[str, tf.Tensor]:
    return {name: tf.constant(value) for name, value in features.items() if name.startswith(part)}


def _without_gaps(turns: Turns) -> Turns:
    """One row's turns without the padding between them, padded at the end so that few lengths occur."""
    memory, layers, places = turns.reading
    real = np.flatnonzero(memory.mask.numpy()[0])
    padding = -len(real) % LENGTH_STEP

    def close(part, axis):
        kept = tf.gather(part, real, axis=axis)
        return tf.pad(kept, [[0, padding if a == axis else 0] for a in range(len(part.shape))])

    def along(nest, axis):
        return tf.nest.map_structure(lambda part: part if part is None else close(part, axis), nest)

    closed = along(memory, 1)
    closed = closed._replace(item=tf.where(closed.mask, closed.item, -2))
    return Turns(Reading(closed, along(layers, 2), along(places, 1)), along(turns.layers, 2))


def _own(part: tf.Tensor, guided: bool) -> tf.Tensor:
    """[B, Q, X] -> [B * Q, X], of a pair the one with the guide."""
    flat = tf.reshape(part, [-1, tf.shape(part)[-1]])
    return flat[::2] if guided else flat


def _leaning(outputs) -> tf.Tensor:
    """Where each written token comes from: the pointer as far as it copies, else the cross-attention; [B, Q, M]."""
    if outputs.copy_gate is None:
        return outputs.attention
    gate = outputs.copy_gate[..., None]
    return tf.sigmoid(gate) * outputs.copy_attention + tf.sigmoid(-gate) * outputs.attention
