"""Temperaments, events and how the former take the latter: what is done, shown and said.

Read from ``temperaments.toml`` and the three ``events_*.toml``. Emote and action follow from
temperament and event alone, so that they can be learned from the facts.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from persona_tf.data.world.lexicon import Phrases, articled, placeholders, read_toml, strings
from persona_tf.episode import EMOTES, PHYSICAL_VERBS

TEMPERAMENTS = ("friendly", "hostile", "timid", "proud", "merry", "gloomy", "sly", "pious")
ASKED = ("persona", "setting", "history", "unanswerable", "small_talk", "self_told")
"""Kinds of turn in which something was asked, or chatted about."""

REQUESTS = ("request_take", "request_part")
"""Events in which the bot is asked to do something: their lines come by verb."""


@dataclasses.dataclass(frozen=True)
class Temperament:
    """One temperament: facts that betray it, sentences in its manner, and what it shows when asked."""

    name: str
    fact: Phrases
    before: tuple[str, ...]
    after: tuple[str, ...]
    asked: Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Reaction:
    """What one temperament does, shows and says on an event. ``action`` is a template, "" for none."""

    emote: str
    action: str
    reply: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that the human says or does. ``lines`` holds the phrasings by verb, or under "" for most."""

    name: str
    lines: Mapping[str, Phrases]
    human: str
    human_emote: str
    reactions: Mapping[str, Reaction]


@functools.cache
def temperaments() -> dict[str, Temperament]:
    """The temperaments by name.

    Raises:
      ValueError: ``temperaments.toml`` breaks the schema; the message names table and key.
    """
    data = read_toml("temperaments")
    if tuple(data) != TEMPERAMENTS:
        raise ValueError(f"lexicon/temperaments.toml: expected the tables {TEMPERAMENTS}, got {tuple(data)}")
    return {name: _temperament(name, table) for name, table in data.items()}


@functools.cache
def events() -> dict[str, Event]:
    """The events by name.

    Raises:
      ValueError: a file of events breaks the schema; the message names file, table and key.
    """
    return {
        name: read_event(name, table, f"{file}.toml")
        for file in ("events_meet", "events_talk", "events_things")
        for name, table in read_toml(file).items()
    }


def read_event(name: str, table: Mapping[str, Any], file: str) -> Event:
    """One event from its parsed table.

    Raises:
      ValueError: a list, a temperament, an emote or a verb is missing or unknown.
    """
    missing = [t for t in TEMPERAMENTS if t not in table]
    if missing:
        raise ValueError(f"lexicon/{file} [{name}]: expected every temperament, missing are {missing}")
    lines: dict[str, Phrases] = {}
    if name in REQUESTS:
        unseen = table.get("line_unseen", {})
        for verb in table.get("line", {}):
            where = f"{name}.line"
            lines[verb] = Phrases(strings(table["line"], verb, file, where), strings(unseen, verb, file, where))
    elif "line" in table:
        lines[""] = Phrases(strings(table, "line", file, name), strings(table, "line_unseen", file, name))
    for pair in lines.values():
        placeholders(pair.train + pair.unseen, {"thing", "box", "partner", "self"}, file, name, "line")
    lines = {verb: Phrases(*(tuple(map(articled, p)) for p in pair)) for verb, pair in lines.items()}
    reactions = {t: _reaction(table[t], file, f"{name}.{t}") for t in TEMPERAMENTS}
    human_emote = check_emote(table.get("human_emote", ""), file, name)
    return Event(name, lines, table.get("human", ""), human_emote, reactions)


def check_emote(emote: str, file: str, name: str) -> str:
    """Returns `emote` if it is one of LIGHT's or "".

    Raises:
      ValueError: it is not.
    """
    if emote and emote not in EMOTES:
        raise ValueError(f'lexicon/{file} [{name}] emote: expected one of {", ".join(EMOTES)} or "", got {emote!r}')
    return emote


def _reaction(table: Mapping[str, Any], file: str, name: str) -> Reaction:
    action = table.get("action", "")
    if action and action.split()[0] not in (*PHYSICAL_VERBS, "{use}", "{request}"):
        raise ValueError(f"lexicon/{file} [{name}] action: expected a verb of {PHYSICAL_VERBS}, got {action!r}")
    replies = strings(table, "reply", file, name, least=3)
    placeholders(replies, {"partner", "self", "thing", "box"}, file, name, "reply")
    return Reaction(check_emote(table.get("emote", ""), file, name), action, tuple(map(articled, replies)))


def _temperament(name: str, table: Mapping[str, Any]) -> Temperament:
    file = "temperaments.toml"
    fact = Phrases(strings(table, "fact", file, name, 10), strings(table, "fact_unseen", file, name, 5))
    asked = {kind: check_emote(table["asked"][kind], file, f"{name}.asked") for kind in ASKED}
    before, after = (strings(table, key, file, name, 3) for key in ("before", "after"))
    placeholders((*before, *after, *fact.train, *fact.unseen), set(), file, name, "before, after or fact")
    return Temperament(name, fact, before, after, asked)
