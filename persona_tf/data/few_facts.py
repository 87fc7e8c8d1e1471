"""Examples in which the persona is a few facts, as a retriever would have found them, or none.

A bot that is to read what was found learns from them that a fact which is shown is likely to be needed, and what people
say whose facts it does not know.
"""

import random

from persona_tf.example import Example, without

WAYS = ("none", "used", "some")
"""What is shown: no fact; those alone that the example's replies draw on; or about every other one."""


def few_facts(example: Example, share: float) -> Example:
    """The example, or in a share of all cases one with fewer facts of the persona; decided by its words.

    Each of `WAYS` is as frequent. A reply draws no more on what is left out.

    Args:
      example: whose targets say what they draw on.
      share: 0..1.
    """
    first = example.targets[0].turn if example.targets else 0
    rng = random.Random(f"few facts {example.id} {first} {len(example.targets)}")
    if rng.random() >= share:
        return example
    way = rng.choice(WAYS)
    used = {key for target in example.targets for key in target.grounding}
    facts = [item.key for item in example.knowledge if item.kind == "persona"]
    if way == "none":
        return without(example, facts)
    return without(example, [key for key in facts if (key not in used if way == "used" else rng.random() < 0.5)])
