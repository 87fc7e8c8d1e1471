"""Examples in which one thing is not true: a value of a probe is swapped, or the persona is another's."""

import random
from collections.abc import Sequence

from persona_tf.example import Example, Item, with_texts


def swap_value(example: Example) -> Example | None:
    """The example of one target with its probe's counterfactual put in, or None when it has none."""
    probe = example.targets[0].probe
    if probe is None or probe.swap is None:
        return None
    return with_texts(example, {probe.swap.key: probe.swap.text})


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
        shuffled.append(with_texts(examples[index], texts))
    return shuffled


def _strangers(pool: Sequence[Item], own: frozenset[str], count: int, rng: random.Random) -> list[Item]:
    strange = [item for item in pool if item.text not in own]
    return rng.sample(strange, min(count, len(strange)))


def _facts(example: Example) -> list[Item]:
    return [item for item in example.knowledge if item.kind == "persona"]
