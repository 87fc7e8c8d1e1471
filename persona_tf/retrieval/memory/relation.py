"""Whether a fact repeats another, contradicts it, or neither. Pure functions.

Two facts contradict each other where they tell of the same thing and give it another value. Where both have a slot,
as in the built-in world, that is known. Elsewhere

* their words say so: they are one sentence with a few words exchanged ("I live in Rome." / "I live in Paris."), or one
  denies what the other says; or
* their vectors do: a bi-encoder that learned which facts answer a question puts all facts that answer it close
  together, *whatever* they answer. Measured with ``experiments/retrieval_world`` (cosines; persona slots, facts in
  phrasings and with values of training, and in those of ``test_unseen``; `Rules.same_thing`):

      pair of facts            1st percentile      median     greatest        at 0.9 or more
      same slot, same value      0.95 / 0.91        0.98      1.00 / 0.99      100 % / 99.4 %
      same slot, other value     0.94 / 0.90        0.97      1.00 / 1.00      100 % / 98.8 %
      of two slots               0.17 / 0.18        0.36      0.86 / 0.86      none of 276,480 / 108,000

  So the cosine tells *what* a fact is about, and nothing of the value: whether two facts that are about the same thing
  repeat each other must be told by their words. They do if neither has a name or number that the other lacks and they
  share a word which does not stand for the thing itself, that is, whose own vector is not as near. In doubt they
  contradict each other: then the newer stays, and nothing is lost where they were the same after all.

What comes of it, in the same measurement (facts without their slots; 16 slots that the encoder knows; phrasings and
values of training / of ``test_unseen``):

    pair of facts                            called same       contrary          other
    same value, other phrasing               95.4 / 95.7 %      4.6 /  3.7 %     0 / 0.6 %
    other value, same phrasing                  0 /    0 %      100 /  100 %     0 /   0 %
    other value, other phrasing              10.4 / 10.1 %     89.6 / 88.4 %     0 / 1.5 %
    of two slots                                0 /    0 %        0 /    0 %     all of 38,600

Three fifths of the 10 % are ``rival_trade``: the rival has the same name in both facts, and it passes for the value.

The threshold holds for the encoder that it was measured with. That of the world takes facts of a kind that it never saw
for the same thing far too often (2 % of all pairs of facts of PersonaChat), so `Rules` without one go by words alone:
they find 99 to 100 % of other values in the same phrasing, none in another, and call 6 of 18,681 pairs of facts of one
PersonaChat persona a contradiction, where none is.
"""

import dataclasses
import types
from collections.abc import Callable, Mapping
from typing import Literal

from persona_tf.retrieval.memory.facts import NewFact
from persona_tf.retrieval.memory.words import FactWords, changed_words, fact_words, key, names_differ

Relation = Literal["same", "contrary", "other"]


@dataclasses.dataclass(frozen=True)
class Rules:
    """How facts are compared.

    Args:
      same_thing: facts of this cosine or more are about the same thing; None: vectors say nothing about that.
      neighbours: a new fact is compared with as many facts of its owner, the nearest ones; and with all of its slot.

    Raises:
      ValueError: no cosine, or no neighbours.
    """

    same_thing: float | None = None
    neighbours: int = 32

    def __post_init__(self) -> None:
        if self.same_thing is not None and not 0 < self.same_thing <= 1:
            raise ValueError(f"Rules.same_thing: expected a cosine in (0, 1], got {self.same_thing!r}")
        if self.neighbours < 1:
            raise ValueError(f"Rules.neighbours: expected 1 or more, got {self.neighbours!r}")


MEASURED: Mapping[str, Rules] = types.MappingProxyType({"retrieval_world": Rules(same_thing=0.9)})
"""Rules by the experiment whose encoder they were measured with (`Retriever.experiment`)."""


def rules_for(experiment: str) -> Rules:
    """The rules of an encoder by its experiment; words alone where nothing was measured."""
    return MEASURED.get(experiment, Rules())


def relation(new: NewFact, old: NewFact, cosine: float, rules: Rules, tells: Callable[[str], float]) -> Relation:
    """What a new fact is to an older one of the same owner.

    Args:
      new, old: the facts.
      cosine: of their vectors.
      rules: the threshold.
      tells: the cosine of one word's own vector with that of the old fact; asked for a few words, if at all.
    """
    if new.slot and old.slot:
        return slot_relation(new, old)
    one, other = fact_words(new.text), fact_words(old.text)
    if key(new.text) == key(old.text):
        return "same"
    if one.gist and one.gist == other.gist:
        return "contrary" if one.denies != other.denies else _numbered(one, other)
    near = rules.same_thing is not None and cosine >= rules.same_thing
    if changed_words(one, other):
        return "contrary"
    if not near:
        return "other"
    if value := new.value or old.value:
        return "same" if _holds(old.text if new.value else new.text, value) else "contrary"
    return "same" if _share_a_value(one, other, rules, tells) else "contrary"


def slot_relation(new: NewFact, old: NewFact) -> Relation:
    """That of two facts whose slots are known."""
    if new.slot != old.slot:
        return "other"
    return "same" if key(new.value or new.text) == key(old.value or old.text) else "contrary"


def _numbered(one: FactWords, other: FactWords) -> Relation:
    return "contrary" if names_differ(one, other) else "same"


def _holds(text: str, value: str) -> bool:
    return fact_words(value).stems <= fact_words(text).stems


def _share_a_value(one: FactWords, other: FactWords, rules: Rules, tells: Callable[[str], float]) -> bool:
    if names_differ(one, other) or rules.same_thing is None:
        return False
    shared = [other.telling[stem] for stem in one.telling if stem in other.telling]
    return any(tells(word) < rules.same_thing for word in shared)
