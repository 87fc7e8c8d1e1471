"""What was read of a conversation and what came of it, noted in its memory so that it can be taken back."""

import dataclasses
import json
from typing import Any

from persona_tf.episode import Turn
from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.facts import KnownFact, Outcome


@dataclasses.dataclass(frozen=True)
class Entry:
    """What came of turn ``number``.

    ``turn``: its words; None: it was to come. ``made_up``: nobody said it; ``instead`` is the turn that stood there
    then, in whose place another was to come.
    """

    number: int
    turn: Turn | None
    outcomes: tuple[Outcome, ...] = ()
    made_up: bool = False
    instead: Turn | None = None

    def stands(self, turns: tuple[Turn, ...]) -> bool:
        """Whether the turn is among these."""
        if self.number >= len(turns):
            return False
        there = turns[self.number]
        return there != self.instead if self.turn is None else there == self.turn


class Journal:
    """The entries of a conversation, in the order in which they came, and in the memory's notes.

    ``begun``: the number that turn 0 has in the memory; what is said now is newer than all that it held before.

    Args:
      memory: whose facts these are.
      goes_on: it may hold entries; else those that it holds are of another conversation, and are dropped.

    Raises:
      ValueError: the notes are none of a journal.
    """

    def __init__(self, memory: FactMemory, goes_on: bool):
        self._memory = memory
        kept = memory.notes()
        if kept and not goes_on:
            memory.note(0, None)
        begun, *entries = kept if kept and goes_on else [""]
        self.begun = int(begun or max((fact.turn for fact in memory.facts()), default=0) + 1)
        self.entries = list(map(_entry, entries))

    def append(self, entry: Entry) -> None:
        """Adds an entry; to be called inside the memory's `at_once`, with what it tells of."""
        if not self.entries:
            self._memory.note(0, str(self.begun))
        self.entries.append(entry)
        self._keep(len(self.entries) - 1)

    def last_gone(self, turns: tuple[Turn, ...]) -> Entry | None:
        """The last entry, if it or one before it is of a turn that is not there any more.

        The words of a turn that has come since are noted in its entry.
        """
        for place, entry in enumerate(self.entries):
            if not entry.stands(turns):
                return self.entries[-1]
            if entry.turn is None:
                self.entries[place] = dataclasses.replace(entry, turn=turns[entry.number])
                self._keep(place)
        return None

    def drop_last(self) -> None:
        """Takes the last entry away; to be called inside the memory's `at_once`."""
        self._memory.note(len(self.entries), None)
        self.entries.pop()

    def _keep(self, place: int) -> None:
        self._memory.note(place + 1, json.dumps(dataclasses.asdict(self.entries[place]), ensure_ascii=False))


def _entry(text: str) -> Entry:
    try:
        data = json.loads(text)
        outcomes = tuple(map(_outcome, data.pop("outcomes")))
        turn, instead = (None if made is None else _turn(made) for made in (data.pop("turn"), data.pop("instead")))
        return Entry(**data, turn=turn, outcomes=outcomes, instead=instead)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no entry of a journal: {text!r:.80} ({type(error).__name__}: {error})") from error


def _turn(data: dict[str, Any]) -> Turn:
    return Turn(data["speaker"], data["speech"], data["action"], data["emote"])


def _outcome(data: dict[str, Any]) -> Outcome:
    return Outcome(**{**data, "others": tuple(KnownFact(**one) for one in data["others"])})
