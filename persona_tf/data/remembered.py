"""Examples in which what was said first is remembered as facts alone, as a memory would have kept it.

From them a bot learns to answer from what a fact writer wrote down: in its words, and as the kinds of knowledge item
that they become, however long ago it was.
"""

import dataclasses
import random

from persona_tf.example import PARTNER, Example, Item, OwnedFact, Target

KINDS = {"self": "persona", "partner": "partner_persona"}
"""What a fact of each owner becomes. What is true of the place is known anyway."""

LONGEST_AGO = 200
"""The most turns that are said to have come before the example."""


def remember(example: Example, share: float) -> Example:
    """The example, or in a share of all cases `forgotten` from one of the partner's turns on; decided by its words.

    Args:
      example: with targets of facts, which say what its turns state (see `learner.fact_targets`).
      share: 0..1.
    """
    first = example.targets[0].turn if example.targets else 0
    rng = random.Random(f"remember {example.id} {first} {len(example.targets)}")
    stated = [target.turn for target in _readings(example) if any(fact.owner in KINDS for fact in target.facts)]
    replies = [target.turn for target in example.targets if target.task == "reply"]
    cuts = [
        turn.turn
        for turn in example.history
        if turn.who == PARTNER and not turn.aside and stated and min(stated) <= turn.turn < max(replies, default=0)
    ]
    if not cuts or rng.random() >= share:
        return example
    return forgotten(example, rng.choice(cuts), rng.randrange(LONGEST_AGO))


def forgotten(example: Example, cut: int, before: int = 0) -> Example:
    """What is left of an example when all turns before ``cut`` are forgotten, but for the facts that they state.

    A fact that an item tells already stands in its place, in the fact's own words. Targets that would see nothing are
    left out; those that drew on a turn that is gone draw on its facts.

    >>> from persona_tf.example import HistoryTurn
    >>> said = ((1, "I am Tam."), (0, "Hi."), (1, "Who am I?"))
    >>> talk = tuple(HistoryTurn(who, number, text, "", "") for number, (who, text) in enumerate(said))
    >>> read = Target(1, "", task="extract", facts=(OwnedFact("partner", "My name is Tam.", "Tam"),))
    >>> left = forgotten(Example("e", (), talk, (Target(1, "Hi."), Target(3, "Tam.", gold_turns=(0,)), read)), 2)
    >>> [item.text for item in left.items], [turn.speech for turn in left.history], left.targets[0].gold
    (['My name is Tam.'], ['Who am I?'], (0,))

    Args:
      before: how many more turns are said to have come before.
    """
    items = list(example.items)
    where: dict[int, list[tuple[OwnedFact, int]]] = {}
    for target in _readings(example):
        for fact in target.facts:
            if target.turn <= cut and fact.owner in KINDS:
                where.setdefault(target.turn - 1, []).append((fact, _put(items, fact)))
    history = tuple(dataclasses.replace(t, turn=t.turn + before) for t in example.history if t.turn >= cut)
    targets = tuple(_moved(t, cut, before, where) for t in example.targets if t.turn > cut)
    return dataclasses.replace(example, items=tuple(items), history=history, targets=targets)


def _readings(example: Example) -> list[Target]:
    return [target for target in example.targets if target.task == "extract" and not target.aside]


def _put(items: list[Item], fact: OwnedFact) -> int:
    """Puts a fact among the items, in the place of one that tells the same, and says where it stands."""
    kind = KINDS[fact.owner]
    for place, item in enumerate(items):
        if item.kind == kind and (item.text == fact.text or (fact.value and fact.value in item.text)):
            items[place] = dataclasses.replace(item, text=fact.text)
            return place
    items.append(Item(f"{kind}/{1000 + len(items)}", kind, fact.text))
    return len(items) - 1


def _moved(target: Target, cut: int, before: int, where: dict[int, list[tuple[OwnedFact, int]]]) -> Target:
    """The target with other numbers; what it drew on of turns that are gone, it draws on as items."""
    value = target.probe.value if target.probe else ""
    facts = [found for turn in target.gold_turns for found in where.get(turn, ())]
    gold = [place for fact, place in facts if not value or fact.value == value]
    return dataclasses.replace(
        target,
        turn=target.turn + before,
        gold=tuple(dict.fromkeys((*target.gold, *gold))),
        gold_turns=tuple(turn + before for turn in target.gold_turns if turn >= cut),
    )
