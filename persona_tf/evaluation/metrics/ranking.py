"""Ranking of candidates: hits@k and reciprocal rank. Knows scores and strings only."""

import math
from collections.abc import Collection, Sequence

from persona_tf.evaluation.metrics.words import normalise


def gold_indices(candidates: Sequence[str], *labels: str) -> tuple[int, ...]:
    """The candidates that equal a label after normalising: there may be several, or none."""
    wanted = {normalise(label) for label in labels}
    return tuple(i for i, candidate in enumerate(candidates) if normalise(candidate) in wanted)


def gold_rank(scores: Sequence[float], gold: Collection[int]) -> int:
    """The rank, from 1, of the best true candidate. Ties are broken *against* it.

    So a constant scorer ranks the gold last, wherever it stands. Several candidates may be true: none of
    them counts as standing before another.

    Args:
      scores: one a candidate, the greatest is best.
      gold: indices of the true candidates, one or more.

    Raises:
      ValueError: no true candidate, an index out of range, or a score that is not a number.
    """
    true = set(gold)
    if not true or min(true) < 0 or max(true) >= len(scores):
        raise ValueError(
            f"gold_rank: expected the index of at least one true candidate, below {len(scores)}, got {sorted(true)}"
        )
    if any(math.isnan(score) for score in scores):
        raise ValueError(f"gold_rank: expected scores that are numbers, got {list(scores)!r:.80}")
    best = max(scores[i] for i in true)
    return 1 + sum(score >= best for i, score in enumerate(scores) if i not in true)


def hit(scores: Sequence[float], gold: Collection[int], k: int) -> bool:
    """Whether a true candidate is among the ``k`` best; the mean is hits@k or R@k. See `gold_rank`."""
    return gold_rank(scores, gold) <= k


def reciprocal_rank(scores: Sequence[float], gold: Collection[int]) -> float:
    """1 / rank of the best true candidate; the mean is MRR. See `gold_rank`."""
    return 1 / gold_rank(scores, gold)
