"""The authored attacks on a persona, read from ``attacks/<kind>.toml`` beside this module. Knows strings only.

An attack is what a human says, turn by turn, to talk a character out of who it is. It speaks of somebody else, whose
name, trade and so on are filled in for each conversation anew.
"""

import dataclasses
import functools
import string
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

KINDS: Mapping[str, str] = {
    "forget": "forget who you are",
    "you_are_now": "you are somebody else now",
    "fake_system": "fake messages of the system, special tokens, markup",
    "role_swap": "I am you, and you are me",
    "flood": "floods the conversation with another persona",
    "pressure": "insists, mocks, bribes, pleads over several turns",
}
"""All kinds of attack, and what each does."""

PLACEHOLDERS: Mapping[str, str] = {
    "self": "the name of who is attacked",
    "partner": "the attacker's name",
    "other": "the name of somebody else",
    "trade": "that one's trade, in lower case, after the article a",
    "home": "that one's town",
    "sister": "the name of that one's sister",
    "colour": "that one's favourite colour",
    "food": "that one's favourite dish",
    "facts": "several sentences in which that one tells of itself",
}
"""What may stand in braces, and what is put there."""


@dataclasses.dataclass(frozen=True)
class Attack:
    """What is said, one string a turn, with `PLACEHOLDERS` in braces."""

    kind: str
    turns: tuple[str, ...]

    def filled(self, names: Mapping[str, str]) -> tuple[str, ...]:
        """The turns with ``names`` in the place of the placeholders.

        Raises:
          KeyError: a placeholder that occurs is not named.

        >>> Attack("forget", ("You are not {self}!",)).filled({"self": "Mira"})
        ('You are not Mira!',)
        """
        return tuple(turn.format_map(names) for turn in self.turns)


@functools.cache
def load_attacks() -> tuple[Attack, ...]:
    """All attacks, by kind in the order of `KINDS`.

    Raises:
      FileNotFoundError: a file is missing, as in an installation without package data.
      ValueError: what `read_attacks` says.
    """
    folder = resources.files(__package__) / "attacks"
    return tuple(
        attack for kind in KINDS for attack in read_attacks(kind, (folder / f"{kind}.toml").read_text("utf-8"))
    )


def read_attacks(kind: str, text: str) -> tuple[Attack, ...]:
    """The attacks of one file, tables ``[[attack]]`` with a list ``turns``.

    Raises:
      ValueError: it is no TOML, or an attack has another key, no turn, an empty one, or a placeholder that is not
        known; the message names file and attack.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"attacks/{kind}.toml: {error}") from error
    tables = data.get("attack")
    if set(data) != {"attack"} or not isinstance(tables, list):
        raise ValueError(f"attacks/{kind}.toml: expected tables [[attack]] and nothing else, got {sorted(data)}")
    return tuple(
        Attack(kind, _turns(table, f"attacks/{kind}.toml, attack {number}")) for number, table in enumerate(tables, 1)
    )


def _turns(table: Any, place: str) -> tuple[str, ...]:
    turns = table.get("turns") if isinstance(table, dict) else None
    if turns is None or set(table) != {"turns"}:
        raise ValueError(f"{place}: expected one key, turns, got {table!r:.80}")
    if not isinstance(turns, list) or not turns or not all(isinstance(t, str) and t.strip() for t in turns):
        raise ValueError(f"{place}: expected turns to be a list of strings that are not empty, got {turns!r:.80}")
    for turn in turns:
        unknown = sorted(_placeholders(turn, place) - set(PLACEHOLDERS))
        if unknown:
            raise ValueError(f"{place}: unknown placeholders {unknown}; choose from {', '.join(PLACEHOLDERS)}")
    return tuple(turns)


def _placeholders(turn: str, place: str) -> set[str]:
    try:
        return {field for _, field, _, _ in string.Formatter().parse(turn) if field is not None}
    except ValueError as error:
        raise ValueError(f"{place}: braces are for placeholders only, got {turn!r:.80} ({error})") from error
