"""What a bot that writes facts writes down of a dialogue, and makes up, beside what it should have."""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from persona_tf.example import Example, OwnedFact, Target


@dataclasses.dataclass(frozen=True)
class WrittenFacts:
    """Of the turns since the last reply and up to this one, as the fields of `prediction_file` of the same names."""

    facts_gold: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    made_up_gold: str = ""
    made_up: str | None = None


Ask = Callable[[Sequence[Example]], list[list[Any]]]
"""`Bot.extract` or `Bot.invent`."""


def written_facts(
    bot: Any, examples: Sequence[Example], run: Callable[[Ask, Sequence[Example], str], Iterable[list[Any]]]
) -> list[WrittenFacts]:
    """One for each reply of the examples, in order; nothing where there are no targets of facts.

    Args:
      bot: a `Bot`.
      examples: with targets of facts after their replies.
      run: asks for all of some examples, a batch at a time; takes a word for a bar of progress.
    """
    written: dict[str, list[list[Any]]] = {}
    for task in ("extract", "invent"):
        asked = [dataclasses.replace(example, targets=_of_task(example, task)) for example in examples]
        some = any(example.targets for example in asked)
        written[task] = list(run(getattr(bot, task), asked, task)) if some else [[] for _ in asked]
    return [
        one
        for example, facts, made_up in zip(examples, written["extract"], written["invent"], strict=True)
        for one in _by_reply(example, facts, made_up)
    ]


def fact_line(turn: int, owner: str, text: str) -> str:
    """A fact as a line of text, with the turn that states it and whose it is.

    >>> fact_line(4, "partner", "My name is Tam.")
    'turn/4 partner: My name is Tam.'
    """
    return f"turn/{turn} {owner}: {text}"


def _by_reply(
    example: Example, facts: Sequence[tuple[OwnedFact, ...]], made_up: Sequence[str]
) -> Iterator[WrittenFacts]:
    read = list(zip(_of_task(example, "extract"), facts, strict=True))
    asked = dict(zip((t.turn for t in _of_task(example, "invent")), made_up, strict=True))
    gold = {t.turn: t.facts[0].text for t in _of_task(example, "invent") if t.facts}
    last = -1
    for reply in _of_task(example, "reply"):
        here = [(target, found) for target, found in read if last < target.turn <= reply.turn]
        yield WrittenFacts(
            facts_gold=tuple(line for target, _ in here for line in _lines(target, target.facts)),
            facts=tuple(line for target, found in here for line in _lines(target, found)),
            made_up_gold=gold.get(reply.turn, ""),
            made_up=asked.get(reply.turn),
        )
        last = reply.turn


def _lines(target: Target, facts: Iterable[OwnedFact]) -> Iterator[str]:
    return (fact_line(target.turn - 1, fact.owner, fact.text) for fact in facts)


def _of_task(example: Example, task: str) -> tuple[Target, ...]:
    return tuple(target for target in example.targets if target.task == task)
