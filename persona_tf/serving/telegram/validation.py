"""Validation: facts to tick before a reply, and qualities to rate it by; as buttons, and as what is kept of them."""

import dataclasses
import secrets
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from persona_tf.chat.session import Session
from persona_tf.chat.state import QUALITIES
from persona_tf.serving.telegram.outgoing import Button, Buttons, short
from persona_tf.serving.telegram.texts import Texts

MOST_OFFERED = 10
"""Facts."""

_MARKS: Mapping[bool | None, str] = {None: "▫️", True: "👍", False: "👎"}
_NEXT: Mapping[bool | None, bool | None] = {None: True, True: False, False: None}
_QUOTED = 200
_SHOWN = 300
"""Characters of a fact, so that all of them fit into one message."""


@dataclasses.dataclass(frozen=True)
class Pending:
    """What a person said, and the facts that are offered for the reply to it, by their keys; some of them ticked.

    ``tag`` stands in the data of its buttons, so that those of others are known for what they are.
    """

    text: str
    keys: tuple[str, ...]
    ticked: tuple[str, ...] = ()
    tag: str = dataclasses.field(default_factory=lambda: secrets.token_hex(4))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Pending":
        """The inverse of `dataclasses.asdict`."""
        return cls(data["text"], tuple(data["keys"]), tuple(data["ticked"]), data["tag"])

    def toggled(self, number: int) -> "Pending":
        """With a fact ticked, or not ticked any more."""
        key = self.keys[number]
        ticked = {*self.ticked} ^ {key}
        return dataclasses.replace(self, ticked=tuple(key for key in self.keys if key in ticked))

    def question(self, facts: Mapping[str, str], texts: Texts, answered: bool = False) -> str:
        """All that is offered; once it is ``answered``, with what was ticked."""
        lines = [texts.offer.format(text=short(self.text, _QUOTED)), ""]
        for number, key in enumerate(self.keys, 1):
            mark = f"{_box(key in self.ticked)} " if answered else ""
            lines.append(f"{mark}{number}. {short(facts.get(key, ''), _SHOWN)}")
        return "\n".join(lines)

    def buttons(self, facts: Mapping[str, str], texts: Texts) -> Buttons:
        """One a fact, and one to go on."""
        ticks = [
            (Button(short(f"{_box(key in self.ticked)} {number + 1}. {facts.get(key, '')}"), f"t:{self.tag}:{number}"),)
            for number, key in enumerate(self.keys)
        ]
        return (*ticks, (Button(f"➡️ {texts.answer}", f"d:{self.tag}"),))


@dataclasses.dataclass(frozen=True)
class Press:
    """What a button means: ``kind`` is ``tick``, ``done``, ``rate``, ``pin``, ``forget`` or ``old``.

    ``number``: of a fact or a turn.
    """

    kind: str
    number: int = 0
    quality: str = ""


def press_of(data: str, conversation: str, session: Session, pending: Pending | None) -> Press:
    """What a button means in a conversation; ``old``: nothing any more."""
    match data.split(":"):
        case ["t", tag, digits] if pending and tag == pending.tag and _below(digits, len(pending.keys)):
            return Press("tick", int(digits))
        case ["d", tag] if pending and tag == pending.tag:
            return Press("done")
        case ["r", digits, tag, digit] if _below(digits, len(session.choices)) and _below(digit, len(QUALITIES)):
            if session.choices[int(digits)] is not None and tag == _tag(conversation, session, int(digits)):
                return Press("rate", int(digits), QUALITIES[int(digit)])
        case ["m", "pin" | "forget" as kind, tag, digits] if tag == memory_tag(conversation) and _below(digits, 10**6):
            return Press(kind, int(digits))
    return Press("old")


def rating_buttons(conversation: str, session: Session, number: int, texts: Texts) -> Buttons:
    """For a turn of the bot: a press says yes, another one no, a third takes it back."""
    made = session.choices[number]
    rating = made.now.rating if made else {}
    tag = _tag(conversation, session, number)
    labels = [f"{_MARKS[rating.get(quality)]} {texts.qualities[quality]}" for quality in QUALITIES]
    return (tuple(Button(label, f"r:{number}:{tag}:{place}") for place, label in enumerate(labels)),)


def rate(session: Session, number: int, quality: str) -> None:
    """What a press on a rating button does."""
    made = session.choices[number]
    session.rate(number, {quality: _NEXT[made.now.rating.get(quality) if made else None]})


def best(keys: Sequence[str], shares: Mapping[str, float]) -> tuple[str, ...]:
    """The keys with the largest shares, the largest first; of equal ones the first."""
    return tuple(sorted(keys, key=lambda key: -shares.get(key, 0.0))[:MOST_OFFERED])


def memory_tag(conversation: str) -> str:
    """Of the buttons under what a conversation remembers."""
    return f"{zlib.crc32(conversation.encode()):08x}"


def _tag(conversation: str, session: Session, number: int) -> str:
    """Of a turn: another where it was taken back and others words stand in its place."""
    turn = session.episode.turns[number]
    return f"{zlib.crc32(repr((conversation, number, turn.speech, turn.action, turn.emote)).encode()):08x}"


def _box(is_ticked: bool) -> str:
    return "☑️" if is_ticked else "⬜️"


def _below(digits: str, end: int) -> bool:
    return digits.isascii() and digits.isdigit() and len(digits) < 6 and int(digits) < end
