"""Examples in which one thing is not true: a value of a probe is swapped, or the persona is another's."""

import dataclasses
import random
from collections.abc import Iterable, Mapping, Sequence

from persona_tf.example import Example, with_texts


def swap_value(example: Example) -> Example | None:
    """The example of one target with its probe's counterfactual put in, or None when it has none."""
    probe = example.targets[0].probe
    if probe is None or probe.swap is None:
        return None
    return with_texts(example, {probe.swap.key: probe.swap.text})


def shuffle_personas(examples: Sequence[Example], seed: int = 0) -> list[Example]:
    """Each example with the persona of another dialogue of the same split, seeded, with as many facts.

    Where no other dialogue has one of so many facts, all of them others, the facts come from several. An example stays
    as it is, and equals itself, where it has no persona or the other dialogues have too few facts.
    """
    rng = random.Random(f"shuffled personas {seed}")
    personas = [_Persona.of(example) for example in examples]
    by_count: dict[int, list[_Persona]] = {}
    for persona in personas:
        by_count.setdefault(len(persona.facts), []).append(persona)
    shuffled = []
    for example, own in zip(examples, personas, strict=True):
        others = [other for other in by_count[len(own.facts)] if own.is_strange(other)]
        strange = rng.choice(others).facts if others else _strangers(personas, own, rng)
        texts = dict(zip(own.facts, strange.values(), strict=False)) if len(strange) == len(own.facts) else {}
        shuffled.append(with_texts(example, texts))
    return shuffled


@dataclasses.dataclass(frozen=True)
class _Persona:
    """Key to text of the facts of an example, and these texts once more."""

    dialogue: str
    facts: Mapping[str, str]
    texts: frozenset[str]

    @classmethod
    def of(cls, example: Example) -> "_Persona":
        facts = {item.key: item.text for item in example.knowledge if item.kind == "persona"}
        return cls(example.episode_id, facts, frozenset(facts.values()))

    def is_strange(self, other: "_Persona") -> bool:
        """Whether ``other`` is of another dialogue and has no fact of this one."""
        return other.dialogue != self.dialogue and self.texts.isdisjoint(other.texts)


def _strangers(personas: Iterable[_Persona], own: _Persona, rng: random.Random) -> dict[str, str]:
    """As many facts as ``own`` has, each of any other dialogue; fewer where there are not as many."""
    others = {text: text for persona in personas if persona.dialogue != own.dialogue for text in persona.facts.values()}
    strange = [text for text in others if text not in own.texts]
    return {text: text for text in rng.sample(strange, min(len(own.facts), len(strange)))}
