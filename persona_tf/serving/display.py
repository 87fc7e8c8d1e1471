"""How a conversation looks in a terminal: who and where, an answer, what it leant on. Text in, text out."""

import dataclasses
import unicodedata
from collections.abc import Iterator
from typing import TYPE_CHECKING

from persona_tf.chat.answer import BLOCKED, MARKED
from persona_tf.chat.session import BOT, PARTNER, Session
from persona_tf.episode import Character, Setting, Thing, Turn

if TYPE_CHECKING:
    from persona_tf.chat.answer import Answer
    from persona_tf.chat.remembering import KnownFact, Outcome

FACES = {
    "applaud": "👏",
    "blush": "😊",
    "cry": "😢",
    "dance": "💃",
    "frown": "🙁",
    "gasp": "😮",
    "grin": "😁",
    "groan": "😩",
    "growl": "😠",
    "laugh": "😂",
    "nod": "👍",
    "nudge": "👉",
    "ponder": "🤔",
    "pout": "😒",
    "scream": "😱",
    "shrug": "🤷",
    "sigh": "😔",
    "smile": "🙂",
    "stare": "👀",
    "wave": "👋",
    "wink": "😉",
    "yawn": "🥱",
}
"""One glyph for each of `episode.EMOTES`."""

_OFFENCE = {MARKED: "this may offend", BLOCKED: "what was to be said is kept back: it may offend"}
_LEANT_ON = 3
_WIDTH = 56


@dataclasses.dataclass(frozen=True)
class Ink:
    """ANSI styles, or none where the output is no terminal."""

    on: bool

    def bold(self, text: str) -> str:
        """For names."""
        return self._styled(1, text)

    def dim(self, text: str) -> str:
        """For what is said beside the conversation."""
        return self._styled(2, text)

    def italic(self, text: str) -> str:
        """For actions."""
        return self._styled(3, text)

    def _styled(self, code: int, text: str) -> str:
        return f"\033[{code}m{text}\033[0m" if self.on else text


def welcome(session: Session, ink: Ink) -> Iterator[str]:
    """Who and where you are and whom you meet; of the bot its name alone."""
    episode = session.episode
    you = episode.characters[PARTNER]
    if episode.setting is not None:
        yield from place(episode.setting, ink)
        yield ""
    yield f"You are {ink.bold(name_of(session, PARTNER))}." if you.name else "You have no name here."
    yield from facts(you)
    yield f"You meet {ink.bold(name_of(session, BOT))}."


def place(setting: Setting, ink: Ink) -> Iterator[str]:
    """The place with its description, its objects, and who is there."""
    category = f", {plain(setting.category)}" if setting.category else ""
    if setting.name:
        yield f"{ink.bold(plain(setting.name))}{category}"
    yield from (f"  {plain(sentence)}" for sentence in setting.description)
    if setting.objects:
        yield "  There is:"
        yield from (f"    {_thing(thing)}" for thing in setting.objects)
    if setting.present:
        yield f"  Also here: {', '.join(map(plain, setting.present))}"


def facts(character: Character) -> Iterator[str]:
    """All that is known about a character: its facts, and what it has with it."""
    yield from (f"  {plain(fact.text)}" for fact in character.facts)
    for kind in ("carrying", "wearing", "wielding"):
        things: tuple[Thing, ...] = getattr(character, kind)
        if things:
            yield f"  {kind}: {', '.join(plain(thing.name) for thing in things)}"


def answer(session: Session, given: "Answer", ink: Ink) -> Iterator[str]:
    """The bot's last turn as ``Name: reply *action* (emote)``, and what it leant on."""
    yield turn(session, Turn(BOT, given.reply, given.action, given.emote), ink)
    if given.offence:
        yield ink.dim(_OFFENCE[given.offence])
    if given.leant_on:
        top = list(given.leant_on.items())[:_LEANT_ON]
        yield ink.dim("leant on: " + " · ".join(f"{share:.0%} {_short(text_of(session, k))}" for k, share in top))


def turn(session: Session, said: Turn, ink: Ink) -> str:
    """A turn as ``Name: speech *action* (emote)``."""
    parts = [
        plain(said.speech),
        ink.italic(f"*{plain(said.action)}*") if said.action else "",
        f"({said.emote}) {FACES.get(said.emote, '')}".rstrip() if said.emote else "",
    ]
    return f"{ink.bold(name_of(session, said.speaker))}: {' '.join(part for part in parts if part) or '...'}"


def known_fact(session: Session, fact: "KnownFact") -> str:
    """A remembered fact: its number, a star if it is pinned, whose it is, and where it comes from."""
    star = "*" if fact.pinned else " "
    return f"{fact.number:5} {star} {_owner(session, fact.owner)}: {plain(fact.text)} ({fact.source})"


def outcome(session: Session, told: "Outcome") -> str:
    """What became of a fact that was told; "" where there is nothing to say."""
    others = " and ".join(f"“{plain(one.text)}”" for one in told.others)
    if told.kind == "kept":
        return f"remembered: {plain(told.text)}"
    if told.kind == "replaced":
        return f"remembered: {plain(told.text)} No more: {others}"
    return f"not remembered: {plain(told.text)} It contradicts {others}" if told.kind == "refused" else ""


def text_of(session: Session, key: str) -> str:
    """What stands at a key of ``Answer.leant_on``: a knowledge item's text, or a turn with who said it."""
    kind, _, index = key.partition("/")
    if kind == "turn":
        there = session.episode.turns[int(index)]
        said = there.speech or (f"*{there.action}*" if there.action else f"({there.emote})")
        return f"{name_of(session, there.speaker)}: {said}"
    return next(item.text for item in session.items if item.key == key)


def name_of(session: Session, speaker: int) -> str:
    """The name of one of the two, for want of one "you" or "bot"."""
    return plain(session.episode.characters[speaker].name) or ("you", "bot")[speaker]


def plain(text: str) -> str:
    """One line without control characters, so that no text can steer the terminal."""
    return " ".join("".join(" " if unicodedata.category(c) == "Cc" else c for c in text).split())


def _owner(session: Session, owner: str) -> str:
    return "here" if owner == "world" else name_of(session, BOT if owner == "self" else PARTNER)


def _thing(thing: Thing) -> str:
    return plain(f"{thing.name}: {thing.description}" if thing.description else thing.name)


def _short(text: str) -> str:
    text = plain(text)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1].rstrip() + "…"
