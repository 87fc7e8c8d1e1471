"""Examples in which one thing is not true: a value of a probe is swapped, or the persona is another's."""

import dataclasses
import random
from collections.abc import Sequence

from persona_tf.example import Example, Item


def swap_value(example: Example) -> Example | None:
    """The example of one target with its probe's counterfactual put in, or None when it has none."""
    probe = example.targets[0].probe
    if probe is None or probe.swap is None:
        return None
    key, text = probe.swap.key, probe.swap.text
    items = tuple(dataclasses.replace(i, text=text) if i.key == key else i for i in example.items)
    history = tuple(dataclasses.replace(t, speech=text) if f"turn/{t.turn}" == key else t for t in example.history)
    return dataclasses.replace(example, items=items, history=history)


def shuffle_personas(examples: Sequence[Example], seed: int = 0) -> list[Example]:
    """Each example with the persona of another of the same split, seeded, with as many facts.

    Where no other example has so many facts, the facts come from several.
    """
    rng = random.Random(f"shuffled personas {seed}")
    facts = [_facts(example) for example in examples]
    told = [frozenset(item.text for item in own) for own in facts]
    by_count: dict[int, list[int]] = {}
    for index, own in enumerate(facts):
        by_count.setdefault(len(own), []).append(index)
    pool = [item for own in facts for item in own]
    shuffled = []
    for index, own in enumerate(facts):
        others = [i for i in by_count[len(own)] if told[index].isdisjoint(told[i])]
        strange = facts[rng.choice(others)] if others else _strangers(pool, told[index], len(own), rng)
        texts = dict(zip((item.key for item in own), (item.text for item in strange), strict=False))
        example = examples[index]
        items = tuple(dataclasses.replace(i, text=texts.get(i.key, i.text)) for i in example.items)
        shuffled.append(dataclasses.replace(example, items=items))
    return shuffled


def _strangers(pool: Sequence[Item], own: frozenset[str], count: int, rng: random.Random) -> list[Item]:
    strange = [item for item in pool if item.text not in own]
    return rng.sample(strange, min(count, len(strange)))


def _facts(example: Example) -> list[Item]:
    return [item for item in example.items if item.kind == "persona"]
