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
from persona_tf.evaluation.json_lines import Types, check_fields, read_json_lines
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
        check_fields(data, _CONVERSATION_TYPES, _CONVERSATION_TYPES)
        questions = tuple(
            _asked(question, f"questions[{number}].") for number, question in enumerate(data["questions"])
        )
        return cls(**{**data, "turns": tuple(data["turns"]), "questions": questions})


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
    return tuple(read_json_lines(path, Conversation.from_json))


_CONVERSATION_TYPES: Types = {
    **{field.name: (str,) for field in dataclasses.fields(Conversation)},
    **dict.fromkeys(("turns", "questions"), (list,)),
}
_ASKED_TYPES: Types = {
    **{field.name: (str,) for field in dataclasses.fields(AskedTwice)},
    **dict.fromkeys(("decoys", "claimed"), (list,)),
}


def _asked(data: Any, inside: str) -> AskedTwice:
    check_fields(data, _ASKED_TYPES, _ASKED_TYPES, inside)
    return AskedTwice(**{**data, "decoys": tuple(data["decoys"]), "claimed": tuple(data["claimed"])})
