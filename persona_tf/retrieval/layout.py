"""Contexts and facts -> ids, for training and talking alike."""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np

from persona_tf.text import vocabulary as v
from persona_tf.text.config import ACTION_TOKENS, EMOTE_TOKENS, TextConfig
from persona_tf.text.tokenizer import Tokenizer

_COARSENESS = 16
"""Lengths are rounded up to multiples of it: each new shape costs the processor's kernels a set-up."""


class SaidTurn(Protocol):
    """A turn as the one sees it who looks for facts: ``who`` is 0 for itself, 1 for the partner."""

    @property
    def who(self) -> int:
        """0 or 1."""

    @property
    def speech(self) -> str:
        """What was said, or ""."""

    @property
    def action(self) -> str:
        """What was done, or ""."""

    @property
    def emote(self) -> str:
        """What was shown, or ""."""


@dataclasses.dataclass(frozen=True)
class ContextRow:
    """One context, not padded: int32 [H] each; see `features.FEATURES`."""

    ids: np.ndarray
    position: np.ndarray
    turn: np.ndarray


class Layout:
    """Lays out what was said, and facts.

    A context is ``<history>``, then each turn as the Packer has it: ``<partner> _Hi <emote> _smile``. It holds at most
    ``history_tokens`` ids, so the *oldest* turns are left out. Turns are counted from the newest, so what is left out
    changes no number. A fact is ``<self>`` and at most ``item_tokens`` ids: also an empty one is something.

    Args:
      tokenizer: the vocabulary's.
      config: how many tokens are kept.
    """

    def __init__(self, tokenizer: Tokenizer, config: TextConfig):
        self.tokenizer, self.config = tokenizer, config

    def contexts(self, contexts: Sequence[Sequence[SaidTurn]]) -> list[ContextRow]:
        """Each context alone; one without turns is ``<history>``."""
        texts = (text for turns in contexts for turn in turns for text in (turn.speech, turn.action, turn.emote))
        known = self._tokenized(texts)
        return [self._context(turns, known) for turns in contexts]

    def facts(self, facts: Sequence[str]) -> list[np.ndarray]:
        """Each fact alone: int32 [L]."""
        known = self._tokenized(facts)
        return [np.array([v.SELF, *known[fact][: self.config.item_tokens]], np.int32) for fact in facts]

    def _tokenized(self, texts: Iterable[str]) -> dict[str, list[int]]:
        """What is said in one context is said in others, too: each text once."""
        different = list(dict.fromkeys(texts))
        return dict(zip(different, self.tokenizer.encode(different), strict=True))

    def _context(self, turns: Sequence[SaidTurn], known: dict[str, list[int]]) -> ContextRow:
        kept: list[list[int]] = []
        room = self.config.history_tokens - 1
        for turn in reversed(turns):
            ids = self._turn(turn, known)
            room -= len(ids)
            if room < 0:
                break
            kept.insert(0, ids)
        lengths = [1, *map(len, kept)]
        return ContextRow(
            np.array([v.HISTORY, *itertools.chain.from_iterable(kept)], np.int32),
            np.concatenate([np.arange(length, dtype=np.int32) for length in lengths]),
            np.repeat(np.array([0, *range(len(kept), 0, -1)], np.int32), lengths),
        )

    def _turn(self, turn: SaidTurn, known: dict[str, list[int]]) -> list[int]:
        ids = [v.SELF if turn.who == 0 else v.PARTNER, *known[turn.speech][: self.config.turn_tokens]]
        for mark, text, most in ((v.ACTION, turn.action, ACTION_TOKENS), (v.EMOTE, turn.emote, EMOTE_TOKENS)):
            ids += [mark, *known[text][:most]] if known[text] else []
        return ids


def padded(rows: Sequence[np.ndarray], count: int = 0) -> np.ndarray:
    """Rows of unlike length -> int32 [rows, coarsely rounded length], zeros behind each.

    Args:
      rows: one or more.
      count: 0, or how many rows there shall be; those beyond hold zeros.
    """
    longest = max(len(row) for row in rows)
    out = np.zeros((max(count, len(rows)), -(-longest // _COARSENESS) * _COARSENESS), np.int32)
    for place, row in zip(out, rows, strict=False):
        place[: len(row)] = row
    return out


def context_features(rows: Sequence[ContextRow], count: int = 0) -> dict[str, np.ndarray]:
    """The contexts' part of `features.FEATURES` but for ``context_key``; ``count`` as in `padded`."""
    return {
        f"context_{name}": padded([getattr(row, name) for row in rows], count) for name in ("ids", "position", "turn")
    }
