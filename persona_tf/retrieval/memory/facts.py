"""The nouns of a memory: a fact that was told, one that is remembered, and what became of one that was added."""

import dataclasses
from typing import Literal

from persona_tf.episode import Character
from persona_tf.whole_text import whole_text

OWNERS = ("self", "partner", "world")
"""Whom a fact is about: the bot, whom it talks to, or neither."""

SOURCES = ("invented", "said", "given")
"""Where a fact comes from, the weakest first: made up by the bot, said in the conversation, or given before it."""

OutcomeKind = Literal["kept", "duplicate", "replaced", "refused", "empty"]


@dataclasses.dataclass(frozen=True)
class NewFact:
    """A fact that was told.

    White space is made single blanks, NUL becomes one, and lone surrogates, which are no text, become U+FFFD.

    ``turn`` is the number of the turn that it comes from, 0 before the first. ``slot`` and ``value`` are those of
    `persona_tf.episode.Fact`: what it tells and the words that tell it, where that is known.

    Raises:
      ValueError: an owner or source that there is not, or a turn that is no number of 0 or more.
    """

    text: str
    owner: str = "self"
    source: str = "said"
    turn: int = 0
    pinned: bool = False
    slot: str = ""
    value: str = ""

    def __post_init__(self) -> None:
        for name, known in (("owner", OWNERS), ("source", SOURCES)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name}: expected one of {', '.join(known)}, got {getattr(self, name)!r}")
        if type(self.turn) is not int or not 0 <= self.turn < 1 << 62:
            raise ValueError(f"turn: expected a number of 0 or more, got {self.turn!r}")
        for name in ("text", "slot", "value"):
            object.__setattr__(self, name, clean(getattr(self, name), name))

    @property
    def strength(self) -> tuple[int, int]:
        """Of two facts that contradict each other the greater stays: by source, then by turn.

        The later turn is the greater, but of what was made up the earlier: who made something up stays with it.
        """
        return SOURCES.index(self.source), -self.turn if self.source == "invented" else self.turn


@dataclasses.dataclass(frozen=True)
class KnownFact(NewFact):
    """A fact that is remembered. No other of its conversation ever gets its ``number``."""

    number: int = 0


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a fact that was added.

    kind         number                          others
    kept         its own                         none
    duplicate    of the fact that it repeats     that fact, as it was
    replaced     its own                         those that it contradicts; they are gone
    refused      None                            those that it contradicts and that are stronger
    empty        None                            none: there is nothing in it
    """

    kind: OutcomeKind
    text: str
    number: int | None = None
    others: tuple[KnownFact, ...] = ()


@dataclasses.dataclass(frozen=True)
class FoundFact:
    """A fact that was found, and its score: the encoder's own, the greater the better."""

    fact: KnownFact
    score: float


def clean(text: str, name: str = "text") -> str:
    """A text as it can be stored and shown.

    Raises:
      ValueError: it is no string.

    >>> clean("  I\\x00bake\\n bread. ")
    'I bake bread.'
    """
    if not isinstance(text, str):
        raise ValueError(f"{name}: expected a string, got {text!r:.40}")
    return " ".join(whole_text(text).replace("\0", " ").split())


def given_facts(character: Character, owner: str) -> list[NewFact]:
    """The persona of a character, as given before the first turn."""
    return [NewFact(f.text, owner, "given", slot=f.slot, value=f.value) for f in character.facts]
