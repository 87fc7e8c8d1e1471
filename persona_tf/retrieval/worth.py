"""What a person's facts are worth together: as much as the best of them."""

import itertools
from collections.abc import Sequence

import numpy as np


def worth_of_each(scores: Sequence[float], people: Sequence[int]) -> np.ndarray:
    """Scores of several people's facts, one after the other -> what each is worth, float64 [people].

    A reply is told from one fact or two; what the others say of it, mean or sum would add as noise. Who has no facts is
    worth less than anybody.

    Args:
      scores: one a fact.
      people: how many facts each has.

    Raises:
      ValueError: there are more or fewer scores than facts.

    >>> worth_of_each([0.1, 0.7, 0.3], [2, 1, 0]).tolist()
    [0.7, 0.3, -inf]
    """
    if sum(people) != len(scores):
        raise ValueError(f"worth_of_each: expected {sum(people)} scores, as many as facts, got {len(scores)}")
    left = iter(scores)
    return np.array([max(itertools.islice(left, count), default=-np.inf) for count in people], np.float64)
