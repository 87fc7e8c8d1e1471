"""One search loop over a step function: greedy, sampling, beam and diverse beam, as one graph or in pieces.

A target is written in *stages* (the reply, then the action), each ended by its own stop token. The loop knows
neither model nor vocabulary: it is given a step function and a nest of tensors as its state.

Shape letters: N targets, K hypotheses of each, V ids, L tokens at most, F forced words.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

from persona_tf.decoding import filters
from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.noise import exponential

Step = Callable[[tf.Tensor, tf.Tensor, Any], tuple[tf.Tensor, Any]]
"""(ids int32 [N, K], index int32 scalar, state) -> (log-probabilities of the next token float32 [N, K, V], state).

Is called with every token that is written, the last stop included.
"""

_OUT = float("-inf")


@dataclasses.dataclass(frozen=True)
class Stage:
    """A part of the target: ended by the token ``stop``, which comes after ``max_tokens`` tokens at the latest."""

    stop: int
    max_tokens: int
    min_tokens: int = 0


def length(stages: tuple[Stage, ...]) -> int:
    """The most tokens that can be written, stops included."""
    return sum(stage.max_tokens + 1 for stage in stages)


class Progress(NamedTuple):
    """How far a search has come: a nest of tensors, so that it can be stopped and go on.

    index int32 []: number of the next step; ids int32 [N, K]: last written, not yet fed; stage, used int32 [N, K]:
    present stage and tokens written in it; forcing int32 [N, K]: next place in the row of forced tokens, -1: none is
    being forced; fed bool [N, K]: all is written and fed; scores float32 [N, K]: sum of log-probabilities; written
    int32 [N, K, L], stops included, 0 after the last; state: a nest of tensors [N * K, ...].
    """

    index: Any
    ids: Any
    stage: Any
    used: Any
    forcing: Any
    fed: Any
    scores: Any
    written: Any
    state: Any


class Search:
    """Writes K hypotheses of each of N targets.

    Args:
      stages: in order. Rules on repetition and forced words hold in the first one only.
      specials: ids below this are never chosen, but for the stop of the present stage.
      config: method and filters; its lengths and words come as ``stages``, ``banned`` and ``forced``.
      banned: rows of ids that are not written.
      forced: rows of ids that are: what a reply has not said by itself, it says before its end. A row begins where
        the reply would have stopped, or at the last moment.
      feed_last: whether the step wants to see the last stop.

    Raises:
      ValueError: the forced words do not fit into the first stage.
    """

    def __init__(
        self,
        stages: tuple[Stage, ...],
        specials: int,
        config: DecodeConfig,
        banned: tuple[tuple[int, ...], ...] = (),
        forced: tuple[tuple[int, ...], ...] = (),
        feed_last: bool = True,
    ):
        self.stages, self.specials, self.config, self.feed_last = stages, specials, config, feed_last
        self.banned, self.forced = banned, forced
        self.most = length(stages)
        tokens = sum(map(len, forced))
        if tokens > stages[0].max_tokens:
            raise ValueError(
                f"the forced words are {tokens} tokens and a reply is at most {stages[0].max_tokens}: raise "
                "max_reply_tokens or force fewer"
            )

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
        fed = tf.zeros_like(ids, tf.bool) if live is None else tf.logical_not(live)[:, None] | (ids < 0)
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
        """What beams are compared by: scores over their length penalty, float32 [N, K]."""
        lengths = tf.math.count_nonzero(progress.written, axis=-1, dtype=tf.int32)
        return progress.scores / self._length_penalty(lengths)

    def _write_one(self, step: Step, now: Progress, seeds: tf.Tensor, context) -> Progress:
        log_probs, state = step(now.ids, now.index, now.state)
        now = now._replace(state=state, fed=now.fed | (now.stage == len(self.stages)))
        allowed, owed = self._allowed(log_probs, now, context)
        if self.config.method == "beam":
            now, owed, chosen, scores = self._extend_beams(now, owed, allowed)
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
            forcing=self._forcing_after(now, owed, chosen),
            fed=now.fed | tf.math.is_inf(scores) | self._has_all(stage),
            scores=scores,
            written=written,
        )

    def _has_all(self, stage: tf.Tensor) -> tf.Tensor:
        return tf.zeros_like(stage, tf.bool) if self.feed_last else stage == len(self.stages)

    def _of_stage(self, stage: tf.Tensor, field: str) -> tf.Tensor:
        return tf.gather(tf.constant([getattr(s, field) for s in self.stages] + [0]), stage)

    def _allowed(self, log_probs: tf.Tensor, now: Progress, context) -> tuple[tf.Tensor, Any]:
        """Log-probabilities [N, K, V] of what may be written, -inf elsewhere, and what is owed (see `_owed`)."""
        size = log_probs.shape[-1]
        ids = tf.range(size)
        stop = self._of_stage(now.stage, "stop")[..., None]
        log_probs = self._under_rules(log_probs, now, context)
        too_early = (now.used < self._of_stage(now.stage, "min_tokens"))[..., None]
        may = ((ids >= self.specials) & (ids >= 0)) | ((ids == stop) & ~too_early)
        must_stop = (now.used >= self._of_stage(now.stage, "max_tokens"))[..., None]
        may = tf.where(must_stop, ids == stop, may)
        log_probs = tf.where(may, log_probs, _OUT)
        return self._with_forced(log_probs, now) if self.forced else (log_probs, ())

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
        return tf.reshape(flat, shape) if flat is not log_probs else log_probs

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

    def _length_penalty(self, lengths: tf.Tensor) -> tf.Tensor:
        """((1 + length) / 6) ** alpha (Wu et al. 2016, arXiv 1609.08144, with 1 for their 5)."""
        return ((1.0 + tf.cast(lengths, tf.float32)) / 6.0) ** self.config.length_alpha

    def _extend_beams(self, now: Progress, owed, allowed: tf.Tensor):
        """Of all hypotheses longer by one token and all finished ones the best, group after group.

        Returns:
          The parents of what was chosen (`Progress` and ``owed`` in their order), tokens and scores [N, K].
        """
        config, size = self.config, allowed.shape[-1]
        width = config.hypotheses // config.groups
        finished = (now.stage == len(self.stages))[..., None]
        stays = tf.where(tf.range(size) == 0, 0.0, _OUT)
        totals = now.scores[..., None] + tf.where(finished, stays, allowed)
        lengths = tf.math.count_nonzero(now.written, axis=-1, dtype=tf.int32)[..., None]
        ranks = totals / self._length_penalty(tf.where(finished, lengths, lengths + 1))
        parents, tokens = [], []
        taken = tf.zeros_like(allowed[:, 0])
        for group in range(config.groups):
            own = ranks[:, group * width : (group + 1) * width]
            own -= tf.where(finished[:, group * width : (group + 1) * width], 0.0, config.diversity * taken[:, None])
            best = tf.math.top_k(tf.reshape(own, [-1, width * size]), width).indices
            parents.append(best // size + group * width)
            tokens.append(best % size)
            if config.groups > 1:
                taken += tf.reduce_sum(tf.one_hot(tokens[-1], size), axis=1)
        parent, token = tf.concat(parents, 1), tf.concat(tokens, 1)
        scores = tf.gather(tf.gather(totals, parent, batch_dims=1), token, batch_dims=2)
        flat = tf.reshape(parent + tf.range(tf.shape(parent)[0])[:, None] * config.hypotheses, [-1])
        state = tf.nest.map_structure(lambda part: tf.gather(part, flat), now.state)
        of_hypotheses = ("ids", "stage", "used", "forcing", "fed", "written")
        moved = {name: tf.gather(getattr(now, name), parent, batch_dims=1) for name in of_hypotheses}
        owed = tf.nest.map_structure(lambda part: tf.gather(part, parent, batch_dims=1), owed)
        return now._replace(state=state, **moved), owed, token, scores

    def _with_forced(self, log_probs: tf.Tensor, now: Progress) -> tuple[tf.Tensor, Any]:
        """Puts the next forced token in the place of the stop, and of everything else where there is no more time.

        Returns:
          The log-probabilities, and ``owed``: (the place in the row of forced tokens of the one that comes next, and
          whether it is begun if it is chosen now), int32 and bool [N, K].
        """
        row = tf.constant([token for word in self.forced for token in word])
        starts, at = [], 0
        for word in self.forced:
            starts.append(at)
            at += len(word)
        said = tf.stack([_contains(now.written, word) for word in self.forced], axis=-1)
        missing = ~said & (now.stage == 0)[..., None]
        owes = tf.reduce_any(missing, axis=-1)
        word = tf.argmax(missing, axis=-1, output_type=tf.int32)
        place = tf.where(now.forcing >= 0, now.forcing, tf.gather(tf.constant(starts), word))
        token = tf.gather(row, place)
        need = tf.reduce_sum(tf.where(missing, tf.constant([len(w) for w in self.forced]), 0), axis=-1)
        late = owes & (now.used + need >= self.stages[0].max_tokens)
        only = late | (now.forcing >= 0)
        ids = tf.range(log_probs.shape[-1])
        is_token, is_stop = ids == token[..., None], ids == self.stages[0].stop
        stop = log_probs[..., self.stages[0].stop]
        own = tf.gather(log_probs, token, batch_dims=2)
        # A floor: what must be written is possible, however many rules forbid it.
        with_stop = tf.maximum(tf.reduce_logsumexp(tf.stack([own, stop]), axis=0), -100.0)
        moved = tf.where(is_token, with_stop[..., None], tf.where(is_stop, _OUT, log_probs))
        moved = tf.where(only[..., None] & ~is_token, _OUT, moved)
        involved = (owes | (now.forcing >= 0))[..., None]
        return tf.where(involved, moved, log_probs), (place, (only | (stop >= own)) & involved[..., 0])

    def _forcing_after(self, now: Progress, owed, chosen: tf.Tensor) -> tf.Tensor:
        if not self.forced:
            return now.forcing
        place, begins = owed
        row = tf.constant([token for word in self.forced for token in word] + [-1])
        lasts, at = [], -1
        for word in self.forced:
            at += len(word)
            lasts.append(at)
        is_last = tf.reduce_any(place[..., None] == tf.constant(lasts), axis=-1)
        goes_on = begins & (chosen == tf.gather(row, place)) & ~is_last
        return tf.where(goes_on, place + 1, -1)


def unfinished(progress: Progress, last) -> tf.Tensor:
    """Whether there is something left to write before step ``last``: bool scalar."""
    return (progress.index < last) & tf.reduce_any(~progress.fed)


def _contains(written: tf.Tensor, word: tuple[int, ...]) -> tf.Tensor:
    """Whether a row of ids stands in [N, K, L] somewhere: bool [N, K]."""
    size = written.shape[-1] - len(word) + 1
    if size < 1:
        return tf.zeros(tf.shape(written)[:2], tf.bool)
    found = [written[..., i : i + size] == token for i, token in enumerate(word)]
    return tf.reduce_any(tf.reduce_all(tf.stack(found), axis=0), axis=-1)
