"""One search loop over a step function: greedy, sampling, beam and diverse beam, as one graph or in pieces.

A target is written in *stages* (the reply, then the action), each ended by its own stop token. The loop knows
neither model nor vocabulary: it is given a step function and a nest of tensors as its state.

Shape letters: see `decoding.progress`.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from persona_tf.decoding import filters
from persona_tf.decoding.beam import beam_ranks, extend_beams
from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.forced import ForcedWords
from persona_tf.decoding.noise import exponential
from persona_tf.decoding.progress import Progress, unfinished
from persona_tf.decoding.stage import Stage, length

Step = Callable[[tf.Tensor, tf.Tensor, Any], tuple[tf.Tensor, Any]]
"""(ids int32 [N, K], index int32 scalar, state) -> (log-probabilities of the next token float32 [N, K, V], state).

Is called with every token that is written, the last stop included.
"""

_OUT = float("-inf")


class Search:
    """Writes K hypotheses of each of N targets.

    Args:
      stages: in order. Rules on repetition and forced words hold in the first one only.
      specials: ids below this are never chosen, but for stop and marks of the present stage.
      config: method and filters; its lengths and words come as ``stages``, ``banned`` and ``forced``.
      banned: rows of ids that are not written.
      forced: rows of ids that are: what a reply has not said by itself, it says before its end. A row begins where
        the reply would have stopped, or at the last moment.
      feed_last: whether the step wants to see the last stop.
      last_specials: so many of the last ids are special, too.

    Raises:
      ValueError: the forced words do not fit into the first stage, or hold banned ones.
    """

    def __init__(
        self,
        stages: tuple[Stage, ...],
        specials: int,
        config: DecodeConfig,
        banned: tuple[tuple[int, ...], ...] = (),
        forced: tuple[tuple[int, ...], ...] = (),
        feed_last: bool = True,
        last_specials: int = 0,
    ):
        self.stages, self.specials, self.config, self.feed_last = stages, specials, config, feed_last
        self.last_specials = last_specials
        self.banned, self.most = banned, length(stages)
        self.forced = ForcedWords(forced, banned, stages[0]) if forced else None

    def begin(self, first: tf.Tensor, state: Any, live: tf.Tensor | None = None) -> Progress:
        """Nothing written yet.

        Args:
          first: the token that every target begins with, int32 [N].
          state: the step's, a nest of tensors [N * K, ...].
          live: bool [N], False: nothing is to be written there.
        """
        ids = tf.tile(first[:, None], [1, self.config.hypotheses])
        zeros = tf.zeros_like(ids)
        scores = tf.zeros_like(ids, tf.float32)
        if self.config.method == "beam":
            # The hypotheses of a group begin as one: all but the first are impossible.
            width = self.config.hypotheses // self.config.groups
            scores += tf.constant([0.0 if k % width == 0 else _OUT for k in range(self.config.hypotheses)])
        fed = tf.zeros_like(ids, tf.bool)
        if live is not None:
            fed = tf.broadcast_to(~live[:, None], tf.shape(ids))
        stage = tf.where(fed, len(self.stages), zeros)
        written = tf.zeros([*tf.unstack(tf.shape(ids)), self.most], tf.int32)
        return Progress(tf.constant(0), ids, stage, zeros, zeros - 1, fed, scores, written, state)

    def run(self, step: Step, progress: Progress, seeds: tf.Tensor, context=None, until: Any = None) -> Progress:
        """Goes on until all is written, or until step ``until``.

        Args:
          step: see `Step`.
          progress: from `begin` or `run`.
          seeds: int32 [N, K], of the noise of each hypothesis.
          context: ids that came before, int32 [N, C], 0 padding; for ``no_repeat_history_ngram``.
          until: int32 scalar; None: to the end.
        """
        last = self.most + 1 if until is None else tf.minimum(until, self.most + 1)
        proceed = lambda *progress: unfinished(Progress(*progress), last)  # noqa: E731

        def write(*before):
            after = self._write_one(step, Progress(*before), seeds, context)
            # A gather forgets sizes that are known.
            tf.nest.map_structure(lambda now, then: now.set_shape(then.shape), tuple(after), before)
            return tuple(after)

        return Progress(*tf.while_loop(proceed, write, tuple(progress), parallel_iterations=1))

    def ranks(self, progress: Progress) -> tf.Tensor:
        """What beams are compared by, float32 [N, K]; see `beam.beam_ranks`."""
        return beam_ranks(progress, self.config.length_alpha)

    def _write_one(self, step: Step, now: Progress, seeds: tf.Tensor, context) -> Progress:
        log_probs, state = step(now.ids, now.index, now.state)
        now = now._replace(state=state, fed=now.fed | (now.stage == len(self.stages)))
        allowed, owed = self._allowed(log_probs, now, context)
        if self.config.method == "beam":
            finished = now.stage == len(self.stages)
            now, owed, chosen, scores = extend_beams(now, owed, allowed, finished, self.config)
        else:
            chosen = self._choose(allowed, seeds, now.index)
            gained = tf.gather(allowed, chosen, batch_dims=2)
            scores = tf.where(now.stage == len(self.stages), now.scores, now.scores + gained)
        return self._extended(now, owed, chosen, scores)

    def _extended(self, now: Progress, owed, chosen, scores) -> Progress:
        """The hypotheses with one more token each."""
        writing = now.stage < len(self.stages)
        chosen = tf.where(writing, chosen, 0)
        stopped = writing & (chosen == self._of_stage(now.stage, "stop"))
        here = tf.range(self.most) == now.index
        written = tf.where(here, chosen[..., None], now.written)
        stage = now.stage + tf.cast(stopped, tf.int32)
        return now._replace(
            index=now.index + 1,
            ids=chosen,
            stage=stage,
            used=tf.where(stopped, 0, now.used + 1),
            forcing=self.forced.after(owed, chosen) if self.forced else now.forcing,
            fed=now.fed | tf.math.is_inf(scores) | self._has_all(stage),
            scores=scores,
            written=written,
        )

    def _has_all(self, stage: tf.Tensor) -> tf.Tensor:
        return tf.zeros_like(stage, tf.bool) if self.feed_last else stage == len(self.stages)

    def _is_mark(self, stage: tf.Tensor, size: int) -> tf.Tensor:
        """Which ids are marks of a stage [N, K]: bool [N, K, V]; one False where no stage has any."""
        if not any(s.marks for s in self.stages):
            return tf.constant(False)
        table = [[token in s.marks for token in range(size)] for s in self.stages]
        return tf.gather(tf.constant([*table, [False] * size]), stage)

    def _of_stage(self, stage: tf.Tensor, field: str) -> tf.Tensor:
        return tf.gather(tf.constant([getattr(s, field) for s in self.stages] + [0]), stage)

    def _allowed(self, log_probs: tf.Tensor, now: Progress, context) -> tuple[tf.Tensor, Any]:
        """Log-probabilities [N, K, V] of what may be written, -inf elsewhere, and what is owed (see `forced.Owed`)."""
        size = log_probs.shape[-1]
        ids = tf.range(size)
        stop = self._of_stage(now.stage, "stop")[..., None]
        too_early = (now.used < self._of_stage(now.stage, "min_tokens"))[..., None]
        is_word = (ids >= self.specials) & (ids < size - self.last_specials)
        may = is_word | self._is_mark(now.stage, size) | ((ids == stop) & ~too_early)
        must_stop = (now.used >= self._of_stage(now.stage, "max_tokens"))[..., None]
        may = tf.where(must_stop, ids == stop, may)
        # What may be written comes first: a rule that would leave nothing of it is not kept.
        log_probs = self._under_rules(tf.where(may, log_probs, _OUT), now, context)
        return self.forced.put_in(log_probs, now) if self.forced else (log_probs, ())

    def _under_rules(self, log_probs: tf.Tensor, now: Progress, context) -> tf.Tensor:
        config, shape = self.config, tf.shape(log_probs)
        flat = tf.reshape(log_probs, [-1, log_probs.shape[-1]])
        written = tf.reshape(now.written, [-1, self.most])
        flat = filters.banned(flat, tuple(row[0] for row in self.banned if len(row) == 1))
        flat = filters.banned_sequences(flat, written, now.index, tuple(row for row in self.banned if len(row) > 1))
        ruled = filters.repetition_penalty(flat, written, config.repetition_penalty)
        ruled = filters.no_repeat_ngrams(ruled, written, now.index, config.no_repeat_ngram)
        if config.no_repeat_history_ngram and context is not None:
            before = tf.repeat(context, config.hypotheses, axis=0)
            ruled = filters.no_repeat_ngrams(ruled, written, now.index, config.no_repeat_history_ngram, before)
        if ruled is not flat:
            flat = tf.where(tf.reshape(now.stage, [-1, 1]) == 0, ruled, flat)
        return tf.reshape(flat, shape)

    def _choose(self, allowed: tf.Tensor, seeds: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        if self.config.method == "greedy":
            return tf.argmax(allowed, axis=-1, output_type=tf.int32)
        logits = tf.reshape(allowed, [-1, allowed.shape[-1]])
        # A finished hypothesis may have nothing allowed; what is drawn for it is not looked at.
        logits = filters.temperature(logits, self.config.temperature)
        logits = filters.top_p(filters.top_k(logits, self.config.top_k), self.config.top_p)
        logits = filters.typical(filters.min_p(logits, self.config.min_p), self.config.typical)
        # The first of V clocks to ring, each at the rate of its word: an exact sample of the softmax.
        clocks = exponential(tf.reshape(seeds, [-1]), index, allowed.shape[-1])
        chosen = tf.argmax(logits - tf.math.log(clocks), axis=-1, output_type=tf.int32)
        return tf.reshape(chosen, tf.shape(seeds))
