"""The candidates among which a context's facts are to be found."""

import random
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from persona_tf.data.pairs import Pair
from persona_tf.evaluation.metrics.words import normalise
from persona_tf.retrieval.worth import worth_of_each

WAYS = {"facts": ("persona", "hundred", "consecutive"), "speaker": ("speaker", "speaker_own")}
"""By what is found. ``persona``: the facts of the speaker. ``hundred``: these and facts of other personas, 100 in all.
``consecutive``: see `consecutive`. ``speaker``: the personas of the speaker, of the partner and of a stranger, for each
reply; ``speaker_own``: the same for replies that draw on a fact of their own persona, or its name."""


class Candidates(NamedTuple):
    """Facts to rank for one context, and which of them are true.

    ``people``: () or, where these are what is ranked, how many facts each has; ``gold`` is of people then.
    """

    facts: tuple[str, ...]
    gold: tuple[int, ...]
    people: tuple[int, ...] = ()

    def ranked(self, scores: Sequence[float]) -> Sequence[float]:
        """Scores of the facts -> of what is ranked."""
        return worth_of_each(scores, self.people).tolist() if self.people else scores


def own_persona(pair: Pair) -> Candidates:
    """All facts of the speaker; those that equal a true one after normalising are true."""
    return _marked(pair, pair.facts)


def among_strangers(pairs: Sequence[Pair], count: int = 100, seed: int = 0) -> list[Candidates]:
    """For each pair the facts of its speaker and, up to ``count`` in all, some of other speakers of the split.

    All strangers' facts differ from one another and from the speaker's after normalising. They may suit the context
    just as well as the true one ("My cat is called Tom" for "My cat is called Fig"): no system can come to 100 %. Each
    draw is seeded by the pair, and the order tells nothing.
    """
    pool = list({normalise(fact): fact for pair in pairs for fact in pair.facts}.values())
    return [_with_strangers(pair, pool, count, seed) for pair in pairs]


def consecutive(pairs: Sequence[Pair], count: int = 100) -> list[tuple[Pair, Candidates]]:
    """The protocol of the Russian library, for comparison: ``count`` consecutive couples, the diagonal is true.

    A couple is a context with one of its true facts; each is ranked among the facts of its block of couples in the
    order of the file. What else is true for it, or equal to its fact, counts as *wrong*: the figure measures that
    mistake as much as the system. Couples that do not fill a block are left out.
    """
    couples = [(pair, pair.facts[i]) for pair in pairs for i in pair.gold]
    blocks = [couples[start : start + count] for start in range(0, len(couples) - count + 1, count)]
    return [
        (pair, Candidates(tuple(fact for _, fact in block), (place,)))
        for block in blocks
        for place, (pair, _) in enumerate(block)
    ]


def _with_strangers(pair: Pair, pool: Sequence[str], count: int, seed: int) -> Candidates:
    rng = random.Random(f"strangers {seed} {pair.id}")
    own = {normalise(fact) for fact in pair.facts}
    wanted = max(count - len(pair.facts), 0)
    drawn = rng.sample(range(len(pool)), min(len(pool), wanted + len(own)))
    strangers = [pool[i] for i in drawn if normalise(pool[i]) not in own][:wanted]
    facts = [*pair.facts, *strangers]
    rng.shuffle(facts)
    return _marked(pair, facts)


def _marked(pair: Pair, facts: Sequence[str]) -> Candidates:
    true = {normalise(pair.facts[i]) for i in pair.gold}
    return Candidates(tuple(facts), tuple(i for i, fact in enumerate(facts) if normalise(fact) in true))


def of_each_way(pairs: Sequence[Pair], finds: str, seed: int = 0) -> Mapping[str, list[tuple[Pair, Candidates]]]:
    """For each of `WAYS` of what is to be found, what is ranked; a way may rank nothing."""
    if finds == "speaker":
        three = [(pair, Candidates(pair.facts, (0,), pair.people)) for pair in pairs]
        return {"speaker": three, "speaker_own": [(pair, some) for pair, some in three if pair.gold]}
    return {
        "persona": [(pair, own_persona(pair)) for pair in pairs],
        "hundred": list(zip(pairs, among_strangers(pairs, seed=seed), strict=True)),
        "consecutive": consecutive(pairs),
    }
