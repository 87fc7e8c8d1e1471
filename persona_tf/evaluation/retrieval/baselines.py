"""What finds facts without having learned anything: chance, the last fact, and BM25."""

import logging
import random
from collections.abc import Callable, Sequence

import bm25s

from persona_tf.data.pairs import Pair
from persona_tf.evaluation.metrics.words import normalise
from persona_tf.evaluation.retrieval.candidates import Candidates

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to say everything

Ranker = Callable[[Pair, Candidates], Sequence[float]]
"""A pair and candidates -> a score of each candidate."""


def by_chance(seed: int = 0) -> Ranker:
    """Scores drawn at random, seeded by the pair."""

    def rank(pair: Pair, candidates: Candidates) -> list[float]:
        rng = random.Random(f"chance {seed} {pair.id} {len(candidates.facts)}")
        return [rng.random() for _ in candidates.facts]

    return rank


def last_fact(pair: Pair, candidates: Candidates) -> list[float]:
    """The last fact of the persona first, then the one before; all others after them, alike."""
    place = {fact: float(i) for i, fact in enumerate(pair.facts)}
    return [place.get(fact, -1.0) for fact in candidates.facts]


def bm25(facts: Sequence[str], question_alone: bool) -> Ranker:
    """BM25 (Robertson et al. 1995; the library bm25s, Lù 2024, arXiv 2407.03618, its defaults).

    Words are those of normalised texts; how rare a word is, all ``facts`` say, not the candidates alone.

    Args:
      facts: all facts that may be candidates.
      question_alone: whether the last turn alone is the query, or all that was said.
    """
    different = list(dict.fromkeys(facts))
    place = {fact: i for i, fact in enumerate(different)}
    model = bm25s.BM25()
    # A fact without words is a document with one that nobody can say.
    model.index([normalise(fact).split() or ["\0"] for fact in different], show_progress=False)
    known = {word for fact in different for word in normalise(fact).split()}

    def rank(pair: Pair, candidates: Candidates) -> list[float]:
        said = [pair.question] if question_alone else [turn.speech for turn in pair.history]
        words = [word for text in said for word in normalise(text).split() if word in known]
        if not words:
            return [0.0] * len(candidates.facts)
        scores = model.get_scores(words)
        return [float(scores[place[fact]]) for fact in candidates.facts]

    return rank


WAYS_OF = {"last fact": ("persona",)}
"""The ways of drawing candidates that a baseline is for, where these are not all: among strangers' facts, knowing which
are the speaker's own would be half of the answer."""


def rankers(facts: Sequence[str], seed: int = 0) -> dict[str, Ranker]:
    """All of them by name."""
    return {
        "random": by_chance(seed),
        "last fact": last_fact,
        "bm25, last turn": bm25(facts, question_alone=True),
        "bm25, all turns": bm25(facts, question_alone=False),
    }
