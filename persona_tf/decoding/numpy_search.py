"""How far a greedy or sampled search has come, in NumPy: what `search.Search` does, a step at a time.

Shape letters: see `decoding.numpy_choice`.
"""

import numpy as np

from persona_tf.decoding import numpy_choice
from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.numpy_noise import streams
from persona_tf.decoding.stage import Stage, length

_OUT = np.float32(-np.inf)


class NumpySearch:
    """Writes N hypotheses; see `search.Search` for what is not said here.

    Args:
      first: the token that each begins with.
      live: bool [N], False: nothing is to be written there.
      seeds: int32 [N].
      banned: ids that are not written.

    Attributes:
      index: number of the next step; ids int32 [N]: last written, not yet fed; fed bool [N]: all is written and fed;
      scores float32 [N]; written int32 [N, L].
    """

    def __init__(
        self,
        stages: tuple[Stage, ...],
        specials: int,
        config: DecodeConfig,
        first: int,
        live: np.ndarray,
        seeds: np.ndarray,
        banned: tuple[int, ...] = (),
        feed_last: bool = True,
        last_specials: int = 0,
    ):
        self._stages, self._specials, self._config, self._banned = stages, specials, config, banned
        self._feed_last, self._last_specials = feed_last, last_specials
        self.most = length(stages)
        # A column for each step. Where it is greedy none is looked at.
        self._streams = streams(seeds, self.most + 1) if config.method != "greedy" else None
        self._stops, self._longest, self._shortest = (
            np.array([getattr(stage, field) for stage in stages] + [0], np.int32)
            for field in ("stop", "max_tokens", "min_tokens")
        )
        self.index = 0
        self.ids = np.full(len(live), first, np.int32)
        self.fed = ~live
        self.scores = np.zeros(len(live), np.float32)
        self.written = np.zeros((len(live), self.most), np.int32)
        self._stage = np.where(live, 0, len(stages))
        self._used = np.zeros(len(live), np.int32)
        self._live = np.flatnonzero(live)

    def take(self, log_probs: np.ndarray) -> None:
        """Chooses the next token of each: float32 [N, V], which is written over."""
        live = self._live
        if len(live) == len(log_probs):
            allowed = self._allowed(log_probs, live)
        else:
            self.fed |= self._stage == len(self._stages)
            allowed = self._allowed(log_probs[live], live)
        chosen = np.zeros_like(self.ids)
        if len(live):
            chosen[live] = own = self._choose(allowed, live)
            self.scores[live] += allowed[np.arange(len(live)), own]
        self._extend(chosen, live)

    def _extend(self, chosen: np.ndarray, live: np.ndarray) -> None:
        if self.index < self.most:
            self.written[:, self.index] = chosen
        self.ids, self.index = chosen, self.index + 1
        self._used += 1
        stopped = live[chosen[live] == self._stops[self._stage[live]]]
        if len(stopped):
            self._stage[stopped] += 1
            self._used[stopped] = 0
            self._live = np.flatnonzero(self._stage < len(self._stages))
            if not self._feed_last:
                self.fed |= self._stage == len(self._stages)
        self.fed |= np.isneginf(self.scores)

    def _allowed(self, log_probs: np.ndarray, live: np.ndarray) -> np.ndarray:
        """Of the rows ``live``: log-probabilities of what may be written, -inf elsewhere."""
        stage, used, rows = self._stage[live], self._used[live], np.arange(len(live))
        stops = self._stops[stage]
        worth = log_probs[rows, stops]
        marks = self._worth_of_marks(log_probs, stage)
        log_probs[:, : self._specials] = _OUT
        log_probs[:, log_probs.shape[-1] - self._last_specials :] = _OUT
        for of_stage, tokens, values in marks:
            log_probs[np.ix_(of_stage, tokens)] = values
        must = used >= self._longest[stage]
        if must.any():
            log_probs[must] = _OUT
        worth[(used < self._shortest[stage]) & ~must] = _OUT
        log_probs[rows, stops] = worth
        return self._under_rules(log_probs, live)

    def _worth_of_marks(
        self, log_probs: np.ndarray, stage: np.ndarray
    ) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """For each stage that has marks: the rows that are in it, the marks, and their log-probabilities there."""
        found = [(np.flatnonzero(stage == i), np.array(s.marks)) for i, s in enumerate(self._stages) if s.marks]
        return [(rows, marks, log_probs[np.ix_(rows, marks)]) for rows, marks in found]

    def _under_rules(self, log_probs: np.ndarray, live: np.ndarray) -> np.ndarray:
        config, written = self._config, self.written[live]
        if self._banned:
            out = np.zeros(log_probs.shape[-1], bool)
            out[list(self._banned)] = True
            log_probs = numpy_choice.left_out(log_probs, out)
        ruled = numpy_choice.penalised(log_probs, written, config.repetition_penalty)
        ruled = numpy_choice.without_repeats(ruled, written, self.index, config.no_repeat_ngram)
        if ruled is log_probs:
            return log_probs
        return np.where((self._stage[live] == 0)[:, None], ruled, log_probs)

    def _choose(self, allowed: np.ndarray, live: np.ndarray) -> np.ndarray:
        if self._config.method == "greedy":
            return allowed.argmax(-1).astype(np.int32)
        assert self._streams is not None
        return numpy_choice.draw(allowed, self._config, self._streams[self.index, live])
