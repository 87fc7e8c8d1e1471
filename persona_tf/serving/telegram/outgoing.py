"""What is sent to a chat, as data: messages with buttons, and changes of older ones."""

import dataclasses
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

from persona_tf.episode import Turn
from persona_tf.serving.display import FACES

MAX_MESSAGE = 4096
"""Characters of a message that Telegram takes; counted here as UTF-16 does, which is never less."""

NOTHING_SAID = "…"

_MAX_LABEL = 60


@dataclasses.dataclass(frozen=True)
class Button:
    """``data`` comes back when it is pressed; at most 64 bytes."""

    label: str
    data: str


Buttons = tuple[tuple[Button, ...], ...]
"""Rows."""


@dataclasses.dataclass(frozen=True)
class Out:
    """A message; its buttons stand under the last part of it where it is long.

    ``instead``: number of the message whose text or buttons are to be these, 0: a new one. ``text`` None: the text of
    that message stays.
    """

    text: str | None
    buttons: Buttons = ()
    instead: int = 0

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Out":
        """The inverse of `dataclasses.asdict`."""
        buttons = tuple(tuple(Button(**button) for button in row) for row in data["buttons"])
        return cls(data["text"], buttons, data["instead"])


def turn_text(turn: Turn) -> str:
    """A turn of the bot: what it says, does and shows.

    >>> turn_text(Turn(1, "Good day!", "hug Tam", "smile"))
    'Good day!\\n*hug Tam* 🙂'
    """
    beside = [f"*{turn.action}*" if turn.action else "", FACES.get(turn.emote, "")]
    return "\n".join(part for part in (turn.speech, " ".join(filter(None, beside))) if part) or NOTHING_SAID


def short(text: str, most: int = _MAX_LABEL) -> str:
    """The beginning of a text, on one line."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def parts(text: str, most: int = MAX_MESSAGE) -> Iterator[str]:
    """A text as messages that Telegram takes: none is empty or too long, and nothing is lost but white space.

    >>> list(parts("one two three", 8))
    ['one two', 'three']
    """
    rest = _sendable(text).strip()
    if not rest:
        yield NOTHING_SAID
    while rest:
        end = _fitting(rest, most)
        if end < len(rest):
            # At the end of a line, or of a word, if there is one in the second half.
            found = (rest.rfind(mark, end // 2, end + 1) for mark in ("\n", " "))
            end = next((place for place in found if place > 0), end)
        if piece := rest[:end].strip():
            yield piece
        rest = rest[end:].strip()


def _fitting(text: str, most: int) -> int:
    """How many characters of it UTF-16 has in ``most`` units."""
    if 2 * len(text) <= most:
        return len(text)
    units = 0
    for place, character in enumerate(text):
        units += 2 if ord(character) > 0xFFFF else 1
        if units > most:
            return place
    return len(text)


def _sendable(text: str) -> str:
    """Without half characters, which are no text, and control characters."""
    kinds = {"Cs": "\N{REPLACEMENT CHARACTER}", "Cc": " "}
    return "".join(c if c == "\n" else kinds.get(unicodedata.category(c), c) for c in text)
