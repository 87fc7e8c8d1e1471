"""What a memory brings to mind: the facts that suit what was said so far, as knowledge items of one answer.

The bot reads the few that suit best, and those that are pinned. So a persona of 10,000 facts costs an answer no more
than one of ten.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from persona_tf.chat.session import BOT, Recall, Session
from persona_tf.episode import Character, Turn
from persona_tf.example import ExampleConfig, Item
from persona_tf.learner import history_turns
from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.facts import KnownFact, given_facts
from persona_tf.retrieval.memory.relation import rules_for
from persona_tf.retrieval.memory.store import FactStore
from persona_tf.retrieval.memory.words import key

if TYPE_CHECKING:  # it would bring Keras
    from persona_tf.retrieval.retriever import Retriever

KINDS: Mapping[str, str] = {"self": "persona", "partner": "partner_persona", "world": "setting_description"}
"""What a fact of each owner becomes: the kind of knowledge item as which training shows remembered facts."""

Rank = Callable[[Sequence[Turn], Sequence[str], int], Sequence[int]]
"""Turns, facts, and how many -> the numbers of those facts that suit the next turn, the best first."""

_MOST_TURNS = 64
"""What was said before, no encoder of contexts reads any more."""


@dataclasses.dataclass(frozen=True)
class RecallConfig:
    """How much a memory tells at once.

    ``k``: how many facts an answer is shown besides those that are pinned. ``threshold``: none of a lower score; None:
    whatever the score. ``most_shown``: of a character of more facts the bot is shown none from the beginning: they are
    found in the memory, too.

    Raises:
      ValueError: a number below 0.
    """

    k: int = 6
    threshold: float | None = None
    most_shown: int = 12

    def __post_init__(self) -> None:
        for name in ("k", "most_shown"):
            if getattr(self, name) < 0:
                raise ValueError(f"RecallConfig.{name}: expected 0 or more, got {getattr(self, name)}")


USUAL = RecallConfig()


class MemoryRecall:
    """A `session.Recall`: the facts of a memory that suit the dialogue, the pinned ones first.

    Args:
      memory: what is known.
      example: of the bot; owners whose kind of item it does not know are not searched.
      config: how many.
      shown: gives what the bot is shown anyway, which is not told twice.
    """

    def __init__(
        self,
        memory: FactMemory,
        example: ExampleConfig,
        config: RecallConfig = USUAL,
        shown: Callable[[], Sequence[Item]] = tuple,
    ):
        self._memory, self._config, self._shown = memory, config, shown
        self._owners = [owner for owner, kind in KINDS.items() if kind in example.told_kinds]

    def __call__(self, turns: Sequence[Turn]) -> tuple[Item, ...]:
        """What comes to mind after these turns, in the order of the facts' numbers.

        So what is found again is equal to what was found before, and need not be read anew.
        """
        if not self._owners:
            return ()
        context, k = history_turns(turns, BOT)[-_MOST_TURNS:], self._config.k
        shown = {(item.kind, key(item.text)) for item in self._shown()}
        found = self._memory.search(context, k + len(shown), self._config.threshold, self._owners)
        new = [one.fact for one in found if (KINDS[one.fact.owner], key(one.fact.text)) not in shown]
        best = [fact for fact in new if fact.pinned] + [fact for fact in new if not fact.pinned][:k]
        return tuple(item_of(fact) for fact in sorted(best, key=lambda fact: fact.number))


class PersonaRecall:
    """A `session.Recall`: the facts of a persona that suit the dialogue, under the keys that they have in the persona.

    For a `Session` that is shown none of them from the beginning, and remembers nothing else.

    Args:
      session: whose persona it is.
      best: see `FactFinder.best`.
      count: how many.
    """

    def __init__(self, session: Session, best: Rank, count: int = USUAL.k):
        self._facts, self._best, self._count = session.facts, best, count

    def __call__(self, turns: Sequence[Turn]) -> tuple[Item, ...]:
        """What comes to mind after these turns, in the order of the persona."""
        found = self._best(turns[-_MOST_TURNS:], list(self._facts.values()), self._count)
        keys = list(self._facts)
        return tuple(Item(keys[place], "persona", self._facts[keys[place]]) for place in sorted(found))


def item_of(fact: KnownFact) -> Item:
    """A fact of a memory as a knowledge item: ``memory/17``."""
    return Item(f"memory/{fact.number}", KINDS[fact.owner], fact.text)


def joined(*recalls: Recall | None) -> Recall:
    """Whatever one of them brings to mind, in their order; None brings nothing.

    >>> one, other = (Item("lore/0", "persona", "I bake."),), (Item("memory/1", "persona", "I sing."),)
    >>> [item.key for item in joined(lambda turns: one, None, lambda turns: other)(())]
    ['lore/0', 'memory/1']
    """
    there = [recall for recall in recalls if recall is not None]
    return lambda turns: [item for recall in there for item in recall(turns)]


def give(memory: FactMemory, me: Character, partner: Character, example: ExampleConfig) -> None:
    """Puts into a memory what is known before the first turn.

    The partner's facts are given only to a bot that knows its partner's from the beginning.
    """
    known = given_facts(me, "self")
    if "partner_persona" in example.kinds:
        known += given_facts(partner, "partner")
    memory.add(known)


def open_memory(file: str | os.PathLike[str] | None, retriever: pathlib.Path, session: str) -> FactMemory:
    """The memory of a conversation.

    Args:
      file: an SQLite file, made if it is not there; None: it lasts as long as the program.
      retriever: the bundle of what finds facts.
      session: the conversation's name; a file may hold many.

    Raises:
      FileNotFoundError: the bundle or the file's folder is not there.
      ValueError: one of them is damaged or something else; or the retriever is no bi-encoder.
      TimeoutError, OSError: see `FactStore`.
    """
    encoder = load_finder(retriever)
    return FactMemory(FactStore(file), session, encoder, rules_for(encoder.experiment))


def load_finder(retriever: pathlib.Path) -> "Retriever":
    """What finds facts for a memory; raises what `open_memory` raises of it."""
    from persona_tf.retrieval.bundle import load_retriever

    encoder = load_retriever(retriever, "float32")
    if encoder.config.kind != "bi" or encoder.config.finds != "facts":
        raise ValueError(
            f"{retriever}: expected a bi-encoder that finds facts, such as that of retrieval_world, got kind "
            f"{encoder.config.kind!r}, which finds {encoder.config.finds!r}"
        )
    return encoder
