"""What a person did, out of one of Telegram's updates."""

import dataclasses
import re

from telegram import CallbackQuery, Message, Update

from persona_tf.whole_text import whole_text

ALLOWED = ["message", "callback_query"]
"""The kinds of update that are asked for."""

_COMMAND = re.compile(r"/([A-Za-z0-9_]+)(?:@\w+)?(?=\s|$)(.*)", re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Said:
    """Words."""

    text: str


@dataclasses.dataclass(frozen=True)
class Command:
    """``/name rest``; the rest begins with the white space that stood there."""

    name: str
    rest: str


@dataclasses.dataclass(frozen=True)
class Pressed:
    """A button under a message."""

    query: str
    message: int
    data: str


@dataclasses.dataclass(frozen=True)
class Sent:
    """A file. ``size`` in bytes, 0: not known."""

    file: str
    size: int


@dataclasses.dataclass(frozen=True)
class Unread:
    """What is not read: a ``photo``, another thing that is no text (``other``), or what came too fast (``fast``)."""

    why: str


@dataclasses.dataclass(frozen=True)
class Event:
    """What was done in a chat; ``language``: IETF tag of the person's app, or ""."""

    update: int
    chat: int
    language: str
    what: Said | Command | Pressed | Sent | Unread


def event_of(update: Update) -> Event | None:
    """None: nothing that would want an answer."""
    query, message = update.callback_query, update.message
    if query is not None:
        return _pressed(update.update_id, query)
    if message is None:
        return None
    what = _what(message)
    if what is None:
        return None
    language = message.from_user.language_code if message.from_user else None
    return Event(update.update_id, message.chat.id, language or "", what)


def _pressed(update: int, query: CallbackQuery) -> Event | None:
    if query.message is None:
        return None
    pressed = Pressed(query.id, query.message.message_id, query.data or "")
    return Event(update, query.message.chat.id, query.from_user.language_code or "", pressed)


def _what(message: Message) -> Said | Command | Sent | Unread | None:
    if message.text is not None:
        # Half characters are no text, and no file takes them.
        text = whole_text(message.text)
        command = _COMMAND.fullmatch(text)
        return Command(command[1].lower(), command[2]) if command else Said(text)
    if message.document is not None:
        return Sent(message.document.file_id, message.document.file_size or 0)
    # In a group pictures and notices are not for the bot.
    return Unread("photo" if message.photo else "other") if message.chat.type == "private" else None
