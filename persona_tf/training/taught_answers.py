"""Examples whose answers a teacher has written: sequence-level distillation (Kim and Rush 2016, arXiv 1606.07947).

What a teacher finds most likely is easier to learn than all that people say. Differs from the paper in: it is the
greedy answer, not that of a beam; and an answer that has come to no end is left as the data have it.

What is written is kept in files of some examples each, so that a run that is stopped goes on where it was.
"""

import dataclasses
import hashlib
import itertools
import json
import pathlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from persona_tf.atomic_file import write_atomically
from persona_tf.data.progress import progress_bar
from persona_tf.example import NO_EMOTE, Example, Target, strings

CHUNK = 64
"""Examples in a file."""
Answerer = Callable[[Sequence[Example]], list[list[Any]]]
"""See `teacher.Teacher.answer`."""
_Words = tuple[str, str, str]
"""Reply, action and emote."""


def answered_by(
    examples: Iterable[Example],
    share: float,
    teacher: Callable[[], Answerer],
    fingerprint: str,
    stem: pathlib.Path,
) -> Iterator[Example]:
    """The examples, in a share of them with the teacher's replies, actions and emotes in the place of the data's.

    Args:
      share: 0..1; which ones is decided by their words.
      teacher: is called once something is to be written.
      fingerprint: of the teacher: what another one has written is written anew.
      stem: the files are ``<stem>_000000.json`` and so on.

    Raises:
      OSError: a file cannot be written; what is complete stays.
    """
    stream, answer = iter(examples), None
    with progress_bar(unit="example", desc="The teacher writes") as bar:
        for number in itertools.count():
            chunk = list(itertools.islice(stream, CHUNK))
            if not chunk:
                return
            chosen = [example for example in chunk if _is_chosen(example, share)]
            path = stem.with_name(f"{stem.name}_{number:06}.json")
            key = hashlib.sha256(f"{fingerprint} {strings(chosen)!r}".encode()).hexdigest()
            words = _kept(path, key)
            if words is None:
                answer = answer or teacher()
                words = _written(chosen, answer)
                write_atomically(path, json.dumps({"key": key, "words": words}, ensure_ascii=False).encode())
            found = iter(words)
            yield from (_with(example, next(found)) if _is_chosen(example, share) else example for example in chunk)
            bar.update(len(chunk))


def _is_chosen(example: Example, share: float) -> bool:
    first = example.targets[0].turn if example.targets else 0
    return random.Random(f"written {example.id} {first} {len(example.targets)}").random() < share


def _kept(path: pathlib.Path, key: str) -> list[list[_Words | None]] | None:
    """What a file holds, where it is of these examples and this teacher."""
    try:
        content = json.loads(path.read_bytes())
        return content["words"] if content["key"] == key else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _written(examples: Sequence[Example], answer: Answerer) -> list[list[_Words | None]]:
    """Words for each target of each example; None where those of the data stay."""
    words: list[list[_Words | None]] = [[None] * len(example.targets) for example in examples]
    last = max((target.aside for example in examples for target in example.targets), default=0)
    for aside in range(last + 1):
        # Always all of them, of which some have nothing to answer: what they know is then read once.
        asked = [_as_the_end(example, aside) for example in examples]
        for row, (example, answers) in enumerate(zip(examples, answer(asked), strict=True)):
            for place, found in zip(_places(example, aside), answers, strict=True):
                if not found.cut:
                    words[row][place] = (found.reply, found.action, found.emote or NO_EMOTE)
    return words


def _places(example: Example, aside: int) -> list[int]:
    return [i for i, t in enumerate(example.targets) if t.aside == aside and t.task == "reply"]


def _as_the_end(example: Example, aside: int) -> Example:
    """The example with those targets alone, as if what they answer were said aloud at the end of all that they hear."""
    targets = tuple(dataclasses.replace(example.targets[place], aside=0) for place in _places(example, aside))
    said = tuple(turn for turn in example.history if not turn.aside)
    if aside:
        asked = [dataclasses.replace(turn, aside=0) for turn in example.history if turn.aside == aside]
        before = tuple(turn for turn in said if asked and turn.turn < asked[0].turn)
        said = (*before, *asked)
    return dataclasses.replace(example, history=said, targets=targets)


def _with(example: Example, words: Sequence[_Words | None]) -> Example:
    targets = tuple(_said(target, own) for target, own in zip(example.targets, words, strict=True))
    return dataclasses.replace(example, targets=targets)


def _said(target: Target, words: _Words | None) -> Target:
    if words is None:
        return target
    reply, action, emote = words
    return dataclasses.replace(target, reply=reply, action=action, emote=emote)
