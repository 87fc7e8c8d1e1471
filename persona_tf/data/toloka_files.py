"""The two forms of Toloka Persona Chat Rus, a table and JSON lines -> `Dialogue`. Knows no splits and no episodes."""

import csv
import dataclasses
import functools
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from persona_tf.data.skips import Skips
from persona_tf.data.text_lines import text_lines
from persona_tf.data.toloka_html import Message, html_facts, html_messages

Facts = tuple[str, ...]

_HEADER = "persona_1_profile"
_CELLS = ("the first profile", "the second profile", "the dialogue")
_RECORD = re.compile(r'"?<span[^>]*>.*\t"?<span')
"""A line with which a record can begin, should the one before it not have ended."""
_LINES_A_RECORD = 500


@dataclasses.dataclass(frozen=True)
class Dialogue:
    """A dialogue as it is read: the facts of both, and their turns, no two in a row of one person.

    ``where`` is the file and the line.
    """

    where: str
    facts: tuple[Facts, Facts]
    turns: tuple[Message, ...]

    @property
    def id(self) -> str:
        """``toloka/`` and 12 hexadecimal digits of the SHA-256 of all that is said and known."""
        content = json.dumps([self.facts, [[turn.speaker, turn.text] for turn in self.turns]], ensure_ascii=False)
        return f"toloka/{hashlib.sha256(content.encode()).hexdigest()[:12]}"


def parse_toloka(path: Path, skips: Skips) -> Iterator[Dialogue]:
    """The dialogues of one file: JSON lines if its name ends in .jsonl, else the table.

    What cannot be read, holds no turn or was there before is counted in ``skips`` and left out.
    """
    seen: dict[str, str] = {}
    for dialogue in _json_lines(path, skips) if path.suffix == ".jsonl" else _table(path, skips):
        if not dialogue.turns:
            skips.add(dialogue.where, "a dialogue in which nothing is said")
        elif dialogue.id in seen:
            skips.add(dialogue.where, f"the same dialogue as at {seen[dialogue.id]}")
        else:
            seen[dialogue.id] = dialogue.where
            yield dialogue


def turns_of(messages: Iterable[Message]) -> tuple[Message, ...]:
    """Consecutive messages of one person joined by a blank; the facts that they use, together.

    >>> turns_of([Message(0, "Да.", (1,)), Message(0, "А ты?", ()), Message(1, "Нет.")])
    (Message(speaker=0, text='Да. А ты?', gold=(1,)), Message(speaker=1, text='Нет.', gold=None))
    """
    turns: list[Message] = []
    for message in messages:
        if not message.text:
            continue
        last = turns[-1] if turns else None
        if last is None or last.speaker != message.speaker:
            turns.append(message)
        else:
            # Where one of the two is not known, what the whole uses is not known either.
            known = last.gold is not None and message.gold is not None
            gold = tuple(sorted({*(last.gold or ()), *(message.gold or ())})) if known else None
            turns[-1] = Message(last.speaker, f"{last.text} {message.text}", gold)
    return tuple(turns)


# ------------------------------------------------------------------------------------------- the table


def _table(path: Path, skips: Skips) -> Iterator[Dialogue]:
    for number, record in _records(path, skips):
        where = f"{path}:{number}"
        cells = _cells(record) or record.replace("\n", "<br />").split("\t")
        if number == 1 and cells[0].strip() == _HEADER:
            continue
        cells = [cell.strip() for cell in cells]
        if len(cells) < len(_CELLS) or any(cells[len(_CELLS) :]):
            skips.add(where, f"expected 3 cells, {', '.join(_CELLS)}, with tabs between; found {len(cells)}")
            continue
        messages = html_messages(cells[2], functools.partial(skips.add, where))
        yield Dialogue(where, (html_facts(cells[0]), html_facts(cells[1])), turns_of(messages))


def _records(path: Path, skips: Skips) -> Iterator[tuple[int, str]]:
    """Records with the number of their first line. A quoted cell may hold line ends; a quote that is never closed
    costs its own record only."""
    begun, lines = 0, list[str]()
    for number, line in text_lines(path, skips):
        if lines and (_RECORD.match(line) or len(lines) == _LINES_A_RECORD):
            yield begun, "\n".join(lines)
            lines = []
        begun = begun if lines else number
        lines.append(line)
        if len(_cells("\n".join(lines)) or ()) >= len(_CELLS) or (number == 1 and line.startswith(_HEADER)):
            yield begun, "\n".join(lines)
            lines = []
    if lines:
        yield begun, "\n".join(lines)


def _cells(record: str) -> list[str] | None:
    """The cells of a record, or None where a quote is open at its end."""
    end = "\x00end"  # an open quote swallows it
    try:
        row = next(csv.reader(io.StringIO(f"{record}\t{end}", newline=""), delimiter="\t"), [])
    except csv.Error:
        return None
    return row[:-1] if row and row[-1] == end else None


# ------------------------------------------------------------------------------------------- JSON lines


def _json_lines(path: Path, skips: Skips) -> Iterator[Dialogue]:
    for number, line in text_lines(path, skips):
        where = f"{path}:{number}"
        try:
            data = json.loads(line)
            persons, dialog = _field(data, "persons", list), _field(data, "dialog", list)
            if len(persons) != 2:
                raise ValueError(f"key persons: expected 2, got {len(persons)}")
            (one, first), (other, second) = map(_facts, persons)
            messages = [_message(item, (first, second), where, skips) for item in dialog]
        except (ValueError, RecursionError) as error:
            skips.add(where, str(error))
            continue
        yield Dialogue(where, (one, other), turns_of(messages))


def _facts(person: Any) -> tuple[Facts, dict[int, int]]:
    """The facts of a person that are not empty, and the place of each by its index in the file."""
    listed = person if isinstance(person, list) else _field(person, "description", list)
    if not all(isinstance(fact, str) for fact in listed):
        raise ValueError("key description: expected a list of strings")
    texts = [" ".join(fact.split()) for fact in listed]
    kept = [index for index, text in enumerate(texts) if text]
    return tuple(texts[index] for index in kept), {index: place for place, index in enumerate(kept)}


def _message(item: Any, places: tuple[dict[int, int], dict[int, int]], where: str, skips: Skips) -> Message:
    person, text = _field(item, "person", int), _field(item, "text", str)
    if person not in (0, 1):
        raise ValueError(f"key person: expected 0 or 1, got {person}")
    if "gk" not in item:
        return Message(person, " ".join(text.split()))
    gold = _field(item, "gk", list)
    there = [index for index in gold if type(index) is int and index in places[person]]
    if len(there) < len(gold):
        skips.add(where, f"key gk: {gold} are not all facts of person {person}; those that are stay")
    return Message(person, " ".join(text.split()), tuple(sorted({places[person][index] for index in there})))


def _field(data: Any, key: str, kind: type) -> Any:
    if not isinstance(data, dict) or key not in data:
        raise ValueError(f"expected an object with the key {key}, got {str(data)[:40]!r}")
    if type(data[key]) is not kind:
        raise ValueError(f"key {key}: expected {kind.__name__}, got {data[key]!r:.40}")
    return data[key]
