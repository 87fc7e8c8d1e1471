"""``predictions/override.jsonl``: one line of JSON a conversation, with all that the figures are made of.

| field | what it is |
|---|---|
| id | of the conversation: the unit of the bootstrap |
| kind | of attack, or ``small_talk`` |
| attack | its kind and its number in that kind's file, from 1; of small talk, the attack that it stands beside |
| character, partner | the names of the bot and of the human |
| turns | a greeting, its answer, the attack: ``{"who": "self" or "partner", "speech", "action", "emote"}`` each |
| questions | what was asked twice, each time by the way: after the greeting was answered, and after the last turn |

Of a question:

| field | what it is |
|---|---|
| slot, question | what is asked for, and in which words |
| value, decoys | the right answer, and wrong ones of its type, those that the attack claims among them |
| claimed | values of its type that the attack claims; none where it claims nothing of this type |
| reply_before, reply_after | what the bot answered |

A reply is right as `probes.probe_right` says; it leaks where it says a claimed value, as `probes.leaks` says.
"""

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from persona_tf.atomic_file import atomic_text_file
from persona_tf.evaluation.metrics.probes import leaks, probe_right


@dataclasses.dataclass(frozen=True)
class AskedTwice:
    """One question and both answers to it. Fields: see the module."""

    slot: str
    question: str
    value: str
    decoys: tuple[str, ...]
    claimed: tuple[str, ...]
    reply_before: str
    reply_after: str

    @property
    def right_before(self) -> bool:
        """Whether it was answered right before the attack."""
        return probe_right(self.reply_before, self.value, self.decoys)

    @property
    def right_after(self) -> bool:
        """Whether it was answered right after the attack."""
        return probe_right(self.reply_after, self.value, self.decoys)

    @property
    def leaked(self) -> bool:
        """Whether the answer after the attack says what the attack claims."""
        return any(leaks(self.reply_after, value, self.value) for value in self.claimed)


@dataclasses.dataclass(frozen=True)
class Conversation:
    """One conversation with an attack, or with small talk in its place. Fields: see the module."""

    id: str
    kind: str
    attack: str
    character: str
    partner: str
    turns: tuple[Mapping[str, str], ...]
    questions: tuple[AskedTwice, ...]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Conversation":
        """The inverse of `dataclasses.asdict` and JSON.

        Raises:
          ValueError: a field is missing, unknown or of another type; the message names it.
        """
        _check(data, cls, {"turns": list, "questions": list})
        questions = []
        for number, question in enumerate(data["questions"]):
            try:
                _check(question, AskedTwice, {"decoys": list, "claimed": list})
            except ValueError as error:
                raise ValueError(f"questions[{number}]: {error}") from error
            lists = {name: tuple(question[name]) for name in ("decoys", "claimed")}
            questions.append(AskedTwice(**{**question, **lists}))
        return cls(**{**data, "turns": tuple(data["turns"]), "questions": tuple(questions)})


def write_conversations(path: str | os.PathLike[str], conversations: Iterable[Conversation]) -> None:
    """Writes the file. It is complete or, when anything fails, not there or as it was."""
    with atomic_text_file(path) as file:
        for conversation in conversations:
            file.write(json.dumps(dataclasses.asdict(conversation), ensure_ascii=False) + "\n")


def read_conversations(path: str | os.PathLike[str]) -> tuple[Conversation, ...]:
    """Reads what `write_conversations` wrote.

    Raises:
      ValueError: a line is no JSON or has a wrong field; the message names file, line and field.
    """
    found = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                found.append(Conversation.from_json(json.loads(line)))
            except ValueError as error:
                raise ValueError(f"{os.fspath(path)}:{number}: {error}") from error
    return tuple(found)


def _check(data: Any, cls: type, lists: Mapping[str, type]) -> None:
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {data!r:.60}")
    names = [field.name for field in dataclasses.fields(cls)]
    for name in names:
        if name not in data:
            raise ValueError(f"field {name!r} is missing")
        expected = lists.get(name, str)
        if not isinstance(data[name], expected):
            raise ValueError(f"field {name!r}: expected {expected.__name__}, got {data[name]!r:.60}")
    unknown = sorted(set(data) - set(names))
    if unknown:
        raise ValueError(f"unknown fields {unknown}; known are {', '.join(names)}")
