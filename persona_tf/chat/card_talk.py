"""Messages of a card as turns: what is said, what is done (``*looks up*``), what is shown; and example dialogues."""

import re
from collections.abc import Sequence

from persona_tf.chat.card_macros import fill
from persona_tf.episode import EMOTES, Turn

_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_DONE = re.compile(r"\*([^*]+)\*")
_QUOTED = re.compile(r'"([^"]+)"|“([^”]+)”|«([^»]+)»')
_SENTENCE_END = tuple(".,!?…~-–—")
_START = re.compile(r"<START>", re.IGNORECASE)
_SHOWN = {form: e for e in EMOTES for form in (e, f"{e}s", f"{e}es", f"{e[:-1]}ies" if e.endswith("y") else e)}


def turn_of(message: str, speaker: int, names: Sequence[str] = ()) -> Turn:
    """A message as one turn. Where only what is in quotes is said, as in a novel, the rest is done.

    Args:
      message: with names filled in.
      speaker: whose it is, for `Turn.speaker`.
      names: of the speaker; they are left out where they begin what is done.

    >>> turn = turn_of('*Mira looks up. She smiles.* "Good day!"', 1, ["Mira"])
    >>> turn.speech, turn.action, turn.emote
    ('Good day!', 'looks up', 'smile')
    """
    message = _BOLD.sub(r"\1", message)
    said: list[str] = []
    done: list[str] = []
    end = 0
    for found in _DONE.finditer(message):
        _take_said(message[end : found.start()], said, done)
        done.append(found[1])
        end = found.end()
    _take_said(message[end:], said, done)
    actions = [_without_subject(one, names) for text in done for one in re.split(r"(?<=[.!?…])\s+|\n+", text)]
    shown = [_SHOWN[action] for action in actions if action in _SHOWN]
    acted = [action for action in actions if action and action not in _SHOWN]
    return Turn(speaker, _one_line(" ".join(said)), _one_line(", ".join(acted)), shown[0] if shown else "")


def examples_of(text: str, char: Sequence[str], user: str) -> tuple[tuple[Turn, ...], ...]:
    """Example dialogues, each apart: they begin with ``<START>``; turns with ``{{char}}:``, ``{{user}}:`` or a name.

    Args:
      text: as in the card.
      char: what the character is called, first what stands for ``{{char}}``. It is speaker 1.
      user: what the human is called; speaker 0.
    """
    dialogues = (_dialogue(part, char, user) for part in _START.split(text))
    return tuple(dialogue for dialogue in dialogues if dialogue)


def _dialogue(text: str, char: Sequence[str], user: str) -> tuple[Turn, ...]:
    own = "|".join(["{{char}}", "<bot>", "<char>", *(re.escape(name) for name in char if name)])
    other = "|".join(["{{user}}", "<user>", *([re.escape(user)] if user else [])])
    begins = re.compile(rf"^[ \t]*(?:({own})|{other})[ \t]*[:：]", re.IGNORECASE | re.MULTILINE)
    found = list(begins.finditer(text))
    ends = [*(one.start() for one in found), len(text)][1:]
    turns = []
    for this, end in zip(found, ends, strict=False):
        said = fill(text[this.end() : end], char[0], user)
        turn = turn_of(said, 1 if this[1] else 0, char if this[1] else [user])
        if turn.speech or turn.action or turn.emote:
            turns.append(turn)
    return tuple(turns)


def _take_said(text: str, said: list[str], done: list[str]) -> None:
    """What is outside asterisks: said, or as in a novel, where each quote is a sentence or the beginning of one."""
    quotes = list(_QUOTED.finditer(text))
    spoken = [next(filter(None, quote.groups())) for quote in quotes]
    if not quotes or not all(one.rstrip().endswith(_SENTENCE_END) for one in spoken):
        said.append(text)
        return
    said.extend(spoken)
    done.extend(part.strip() for part in _QUOTED.sub("\n", text).splitlines() if part.strip())


def _without_subject(action: str, names: Sequence[str]) -> str:
    """An action as LIGHT has it: "Mira looks up." -> "looks up"."""
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True) if name)
    action = re.sub(rf"^(?:{known + '|' if known else ''}she|he|they|i)\s+(?=\w)", "", _one_line(action), flags=re.I)
    return action.rstrip(" .,;")


def _one_line(text: str) -> str:
    return " ".join(text.replace("*", " ").split())
