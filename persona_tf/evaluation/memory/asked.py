"""A question that was asked of a bot with a memory, with its answer: a line of ``predictions/remember.jsonl``."""

import dataclasses
import json
import pathlib
from collections.abc import Sequence

from persona_tf.atomic_file import atomic_text_file
from persona_tf.evaluation.metrics.probes import holds, probe_right
from persona_tf.example import Item

PARTS = ("said", "facts", "made_up")
"""What was said long ago; the persona, among more and more facts; what the bot made up itself."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """One question and its answer.

    ``part``: one of `PARTS`. ``talk``: who was asked, for the bootstrap. ``way``: ``memory`` or ``none``. ``size``: of
    ``said`` how many turns lie between, of ``facts`` how many facts there are; 0 elsewhere. ``stored``: whether a fact
    with the value was in the memory; ``found``: whether the bot was shown it. ``seconds``: what the answer took; 0: it
    was not alone. ``value`` "": there is none to be right.
    """

    part: str
    talk: str
    way: str
    size: int
    question: str
    value: str
    decoys: tuple[str, ...]
    reply: str
    stored: bool = False
    found: bool = False
    seconds: float = 0.0

    @property
    def right(self) -> bool:
        """Whether the answer holds the value and no other of its type that is in sight."""
        return bool(self.value) and probe_right(self.reply, self.value, self.decoys)


def tells(items: Sequence[Item], value: str) -> bool:
    """Whether one of these knowledge items holds the value."""
    return any(holds(item.text, value) for item in items)


def write_asked(path: pathlib.Path, asked: Sequence[Asked]) -> None:
    """A line of JSON each; the file is complete or as it was."""
    with atomic_text_file(path) as file:
        for one in asked:
            line = {**dataclasses.asdict(one), "right": one.right}
            # Hundreds of other values say little to who reads it.
            line["decoys"] = [decoy for decoy in one.decoys if holds(one.reply, decoy)]
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
