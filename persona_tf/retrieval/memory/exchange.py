"""Facts <-> a line of the training schema, that of Toloka's JSON lines. Knows no files: strings in and out.

    {"persons": [[facts of the partner], [facts of the bot]],
     "dialog": [{"person": 0, "text": "...", "gk": [indices of the person's own facts]}, ...],
     "memory": [{"text": "...", "owner": "partner", "source": "said", "turn": 3, "pinned": false, ...}, ...]}

``persons`` and ``dialog`` are all that readers of the schema look at (they skip a line in which nothing is said);
``memory`` keeps what they have no place for, facts about the world among it.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from persona_tf.retrieval.memory.facts import KnownFact, NewFact

PERSONS = ("partner", "self")
"""The owners of the two personas, in the order of ``persons``."""


@dataclasses.dataclass(frozen=True)
class Message:
    """What was said by one of `PERSONS`, 0 or 1; ``used``: the numbers of the facts that it draws on."""

    person: int
    text: str
    used: tuple[int, ...] = ()


def exported(facts: Sequence[KnownFact], messages: Sequence[Message] = ()) -> str:
    """One line, without its end."""
    own = [[fact for fact in facts if fact.owner == owner] for owner in PERSONS]
    places = [{fact.number: place for place, fact in enumerate(some)} for some in own]
    dialog = [
        {"person": m.person, "text": m.text, "gk": sorted(places[m.person][n] for n in m.used if n in places[m.person])}
        for m in messages
    ]
    line = {
        "persons": [[fact.text for fact in some] for some in own],
        "dialog": dialog,
        "memory": [{name: getattr(fact, name) for name in _FIELDS} for fact in facts],
    }
    return json.dumps(line, ensure_ascii=False)


def imported(line: str) -> list[NewFact]:
    """The facts of a line: those of ``memory``, else those of ``persons`` as given before the first turn.

    Raises:
      ValueError: it is no such line; the message names the key.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"expected a line of JSON with the keys persons and dialog: {error}") from error
    if not isinstance(data, dict):
        raise ValueError(f"expected an object with the keys persons and dialog, got {line!r:.40}")
    if "memory" in data:
        return [_fact(item, f"memory[{i}]") for i, item in enumerate(_list(data, "memory"))]
    persons = _list(data, "persons")
    if len(persons) != len(PERSONS):
        raise ValueError(f"key persons: expected 2, got {len(persons)}")
    texts = [p if isinstance(p, list) else _list(p, "description") for p in persons]
    pairs = zip(PERSONS, texts, strict=True)
    return [_fact({"text": t, "owner": owner, "source": "given"}, "persons") for owner, some in pairs for t in some]


_FIELDS = tuple(field.name for field in dataclasses.fields(NewFact))


def _list(data: Any, key: str) -> list:
    if not isinstance(data, dict) or not isinstance(data.get(key), list):
        raise ValueError(f"key {key}: expected a list, got {(data.get(key) if isinstance(data, dict) else data)!r:.40}")
    return data[key]


def _fact(item: Any, where: str) -> NewFact:
    if not isinstance(item, dict) or "text" not in item or not isinstance(item.get("pinned", False), bool):
        raise ValueError(f"key {where}: expected an object with a text, got {item!r:.60}")
    try:
        return NewFact(**{name: item[name] for name in _FIELDS if name in item})
    except ValueError as error:
        raise ValueError(f"key {where}: {error}") from error
