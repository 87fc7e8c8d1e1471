"""Small talk, small words, admissions of not knowing, and the questions about names and gifts."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

from persona_tf.data.world.lexicon import NO_PHRASES, Phrases, Slot, placeholders, plain_fact, read_toml, strings
from persona_tf.data.world.manners import TEMPERAMENTS

MEETING = ("greeting", "farewell")
SLOT_NAMES = ("own_name", "partner_name", "gift_given")


@dataclasses.dataclass(frozen=True)
class Topic:
    """Something to chat about: the human's lines, and the replies by temperament."""

    name: str
    line: Phrases
    reply: Mapping[str, tuple[str, ...]]


@functools.cache
def topics() -> dict[str, Topic]:
    """All topics of small talk by name.

    Raises:
      ValueError: ``small_talk.toml`` breaks the schema; the message names table and key.
    """
    return {topic.name: topic for topic in _topics() if topic.name not in MEETING}


@functools.cache
def meeting() -> dict[str, Topic]:
    """How one may also greet and part, besides the events of that name."""
    return {topic.name: topic for topic in _topics() if topic.name in MEETING}


@functools.cache
def leads() -> Phrases:
    """What may stand before a question."""
    table = read_toml("chat")["lead"]
    return Phrases(strings(table, "line", "chat.toml", "lead"), strings(table, "line_unseen", "chat.toml", "lead"))


@functools.cache
def slots() -> dict[str, Slot]:
    """The slots of names and gifts, which no fact and no filler belongs to."""
    data = read_toml("chat")
    return {name: _slot(name, data[name]) for name in SLOT_NAMES}


@functools.cache
def admits() -> dict[str, Phrases]:
    """How each temperament says, or hides, that it does not know.

    Raises:
      ValueError: ``unanswerable.toml`` breaks the schema; the message names table and key.
    """
    file, table = "unanswerable.toml", read_toml("unanswerable")["admit"]
    found = {
        t: Phrases(strings(table, t, file, "admit", 5), strings(table, f"{t}_unseen", file, "admit"))
        for t in TEMPERAMENTS
    }
    for name, pair in found.items():
        placeholders(pair.train + pair.unseen, {"partner"}, file, "admit", name)
    return found


@functools.cache
def _topics() -> tuple[Topic, ...]:
    return tuple(_topic(name, table) for name, table in read_toml("small_talk").items())


def _slot(name: str, table: Mapping[str, Any]) -> Slot:
    file = "chat.toml"
    question, answer = (
        Phrases(strings(table, key, file, name, 10), strings(table, f"{key}_unseen", file, name, 5))
        for key in ("question", "answer")
    )
    placeholders(answer.train + answer.unseen, {"value"}, file, name, "answer")
    plain = plain_fact(table, {"value"}, file, name)
    return Slot(name, table["source"], table["type"], question, NO_PHRASES, answer, plain=plain)


def _topic(name: str, table: Mapping[str, Any]) -> Topic:
    file = "small_talk.toml"
    line = Phrases(strings(table, "line", file, name), strings(table, "line_unseen", file, name))
    reply = {t: strings(table["reply"], t, file, f"{name}.reply") for t in TEMPERAMENTS}
    for phrases in (line.train, line.unseen, *reply.values()):
        placeholders(phrases, {"partner", "self"}, file, name, "line or reply")
    return Topic(name, line, reply)
