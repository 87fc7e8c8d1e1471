"""What the graphs do not hold, in NumPy: embeddings, the choice of sources, the emote head."""

import functools
import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from persona_tf.model.config import STATED_NATS

MASKED = np.float32(-1e9)
"""As `model.layers.MASKED`, which cannot be imported without Keras."""
_LEAST = np.float32(-30.0)
"""Of the log-probability of a source, see `model.decoder.DecoderLayer.memory_bias`."""
_EPSILON = 1e-3
"""Of the norms of selector and gist: Keras' default."""


class Sources(NamedTuple):
    """What the targets of a row read: shown bool [Q, M]; log_probs float32 [Q, M]; gist [Q, D] or None."""

    shown: np.ndarray
    log_probs: np.ndarray | None
    gist: np.ndarray | None


class Tables:
    """Looks up and computes with the arrays of a folder's ``tables.npz``; see `weights.tables_of`.

    Args:
      arrays: by name.
      fusion, selected: as in ModelConfig.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], fusion: str, selected: int = 1):
        self._arrays, self.fusion, self._selected = arrays, fusion, selected
        self.tokens = arrays["tokens"]
        self.width = self.tokens.shape[1]
        self._of_turn = functools.cache(self._turn)

    @property
    def trusts(self) -> np.ndarray:
        """How much each head of each decoder layer trusts the sources' log-probabilities: [layers, N]."""
        return self._arrays["trusts"]

    @property
    def pointer_trust(self) -> np.ndarray:
        """The same of the copy head."""
        return self._arrays["pointer_trust"]

    def embedded(self, ids: np.ndarray, position: np.ndarray, kind: np.ndarray | int = 0) -> np.ndarray:
        """Ids, position in item or turn, and kind, int [...] each -> [..., D], without a turn."""
        x = np.take(self.tokens, ids, axis=0)
        x += np.take(self._positions(int(np.max(position, initial=0)) + 1), position, axis=0)
        x += self._arrays["kinds"][kind]
        return x

    def embedded_places(self, count: int) -> np.ndarray:
        """What the first ``count`` positions add to a token that is written: [count, D]."""
        return self._positions(count)[:count] + self._arrays["kinds"][0]

    def turns(self, numbers: np.ndarray) -> np.ndarray:
        """What numbers of turns, int [...], add to an embedding: [..., D]."""
        unique, place = np.unique(numbers, return_inverse=True)
        return np.stack([self._of_turn(int(number)) for number in unique])[place.reshape(numbers.shape)]

    def words(self, ids: np.ndarray) -> np.ndarray:
        """The tokens alone, zeros for id 0: int [..., W] -> [..., W * D]."""
        x = np.take(self.tokens, ids, axis=0)
        x[ids == 0] = 0
        return x.reshape(*ids.shape[:-1], -1)

    def emotes(self, state: np.ndarray) -> np.ndarray:
        """States [N, D] at <emote> -> logits [N, E]."""
        return state @ self._arrays["emote_kernel"] + self._arrays["emote_bias"]

    def sources(self, memory, turn: np.ndarray, stating: bool = False) -> Sources:
        """What targets of the turns ``turn``, int [Q], read of a row's `reader.TokensRead`, all its parts [M, ...].

        ``stating``: whether ``soft`` tells to look at the last turn, as it does for the facts that a turn states.
        """
        seen = (memory.turn[None] < turn[:, None]) & memory.mask[None]
        if self.fusion == "concat":
            return Sources(seen, None, None)
        pooled = self._pooled(memory)
        last = self._last_turn(memory, seen)
        asked = np.where(last & memory.first, 1, 0).astype(np.float32) @ pooled
        stated = stating and self.fusion == "soft"
        scores = STATED_NATS * last.astype(np.float32) if stated else self._scores(asked, pooled)
        logits = np.where(seen, scores, MASKED)
        of_sources = np.where(seen & memory.first, logits, MASKED)
        top = of_sources.max(-1, keepdims=True)
        total = top + np.log(np.exp(of_sources - top).sum(-1, keepdims=True))
        log_probs = np.where(seen, logits - total, MASKED)
        if self.fusion == "select":
            return Sources(_selected(memory, seen, logits, self._selected), log_probs, None)
        needed = np.where(memory.first, np.exp(log_probs), np.float32(0)) @ pooled
        both = _normed(np.concatenate([asked, needed], axis=-1))
        return Sources(seen, log_probs, both @ self._arrays["gist_kernel"] + self._arrays["gist_bias"])

    def trusted(self, log_probs: np.ndarray) -> np.ndarray:
        """Log-probabilities of sources as attention adds them."""
        return np.maximum(log_probs, _LEAST)

    def _pooled(self, memory) -> np.ndarray:
        """At each token, the sentence embedding of its item or turn: [M, P]."""
        parts = memory.states if self.fusion == "select" else np.concatenate([memory.states, memory.words], axis=-1)
        changes = np.flatnonzero((np.diff(memory.item) != 0) | (np.diff(memory.turn) != 0)) + 1
        starts = np.concatenate([[0], changes])
        counts = np.diff(np.append(starts, len(parts)))
        sums = np.add.reduceat(parts, starts, axis=0) / np.sqrt(counts, dtype=np.float32)[:, None]
        return np.repeat(sums, counts, axis=0)

    @staticmethod
    def _last_turn(memory, seen: np.ndarray) -> np.ndarray:
        """The tokens of the last turn that each target sees: bool [Q, M]."""
        in_history = seen & (memory.item == -1)
        turns = np.where(in_history, memory.turn, -1)
        return in_history & (turns == turns.max(-1, keepdims=True))

    def _scores(self, asked: np.ndarray, pooled: np.ndarray) -> np.ndarray:
        if self.fusion == "select":
            return asked @ pooled.T * np.float32(self.width**-0.5)
        query = _normed(asked) @ self._arrays["query_kernel"] + self._arrays["query_bias"]
        key = _normed(pooled) @ self._arrays["key_kernel"] + self._arrays["key_bias"]
        return query @ key.T * np.float32(1 / self.width)

    def _positions(self, count: int) -> np.ndarray:
        """The first positions, at least ``count``: made again only when more are wanted."""
        known = getattr(self, "_known_positions", None)
        if known is None or len(known) < count:
            numbers = np.arange(max(64, 2 * count))
            learned = self._arrays.get("positions")
            known = (
                sinusoids(numbers, self.width) if learned is None else learned[np.minimum(numbers, len(learned) - 1)]
            )
            self._known_positions = known
        return known

    def _turn(self, number: int) -> np.ndarray:
        return sinusoids(np.array(number), self.width) @ self._arrays["turn_kernel"]


def _normed(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(-1, keepdims=True)
    return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + np.float32(_EPSILON))


def sinusoids(numbers: np.ndarray, width: int) -> np.ndarray:
    """As `model.layers.sinusoids`."""
    half = width // 2
    rates = np.exp(np.arange(half, dtype=np.float32) * np.float32(-math.log(10_000.0) / max(half - 1, 1)))
    angles = numbers.astype(np.float32)[..., None] * rates
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)


def _selected(memory, seen: np.ndarray, logits: np.ndarray, count: int) -> np.ndarray:
    """As `fusion.selected_only`."""
    shown, left = memory.item[None] == -1, (memory.first & (memory.item >= 0))[None]
    for _ in range(count):
        of_left = np.where(left, logits, MASKED)
        chosen = memory.item[None] == memory.item[of_left.argmax(-1)][:, None]
        chosen &= of_left.max(-1, keepdims=True) > MASKED
        shown, left = shown | chosen, left & ~chosen
    return seen & shown
