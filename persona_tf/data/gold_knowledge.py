"""Which facts of a persona a reply uses, told by the lemmas they share. A pure function of strings.

For sources whose files do not say. A bot that picks the facts it speaks from learns from these labels; how right they
are is measured in ``experiments/gold_knowledge``.
"""

import collections
import dataclasses
from collections.abc import Mapping, Sequence

from persona_tf.data.lemmas import telling_words
from persona_tf.episode import Episode, Turn

THRESHOLDS: Mapping[str, float] = {"en": 1.0, "ru": 0.5}
"""The least score of a fact that is used, by language: what gave the best F0.5 on the tuning part of each, see
``experiments/gold_knowledge``."""


@dataclasses.dataclass(frozen=True)
class UsedFact:
    """A fact that a reply uses: its index in the persona, and its score (above 0, the more the surer)."""

    index: int
    score: float


def fact_scores(reply: str, facts: Sequence[str], language: str) -> tuple[float, ...]:
    """How much the reply shares with each fact: the sum over shared words of ``weight / facts that have the word``.

    Words and weights are those of `lemmas.telling_words`. A name that two facts mention says of neither that it is
    used: it counts 0.5 for each. A fact of common words alone scores next to nothing.

    Raises:
      DataError: an unknown language, or its package is not installed.

    >>> fact_scores("My dog is asleep.", ["I have two dogs.", "I love music."], "en")
    (1.0, 0.0)
    """
    said = {lemma for word in telling_words(reply, language) for lemma in word.lemmas}
    personas = [telling_words(fact, language) for fact in facts]
    tellers = collections.Counter(word for fact in personas for word in fact)
    return tuple(
        round(sum((word.weight / tellers[word] for word in fact if not said.isdisjoint(word.lemmas)), 0.0), 6)
        for fact in personas
    )


def gold_knowledge(
    reply: str, facts: Sequence[str], language: str, threshold: float | None = None
) -> tuple[UsedFact, ...]:
    """The facts that the reply uses, in the order of the persona.

    Args:
      reply: what is said.
      facts: the persona of who says it.
      language: ``en`` or ``ru``.
      threshold: the least score; None takes that of `THRESHOLDS`.

    Raises:
      DataError: an unknown language, or its package is not installed.

    >>> gold_knowledge("Yes, the dog barks at mine.", ["I have two dogs.", "I love music."], "en")
    (UsedFact(index=0, score=1.0),)
    """
    scores = fact_scores(reply, facts, language)
    least = THRESHOLDS[language] if threshold is None else threshold
    return tuple(UsedFact(index, score) for index, score in enumerate(scores) if score and score >= least)


def with_gold_knowledge(episode: Episode, language: str) -> Episode:
    """The episode with the facts that each turn uses as keys of its grounding, ``persona/2``.

    A turn that names facts of its speaker already stays as it is; other keys stay in front.
    """
    return dataclasses.replace(episode, turns=tuple(_grounded(turn, episode, language) for turn in episode.turns))


def _grounded(turn: Turn, episode: Episode, language: str) -> Turn:
    facts = [fact.text for fact in episode.characters[turn.speaker].facts]
    if not turn.speech or not facts or any(key.startswith("persona/") for key in turn.grounding):
        return turn
    keys = (f"persona/{used.index}" for used in gold_knowledge(turn.speech, facts, language))
    return dataclasses.replace(turn, grounding=(*turn.grounding, *keys))
