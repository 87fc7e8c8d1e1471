"""Two bots on the same targets, compared dialogue by dialogue. Knows predictions only."""

from collections.abc import Sequence

import numpy as np

from persona_tf.evaluation.bootstrap import bootstrap, interval
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.report import EpisodeSums, Metrics, episode_sums, scaled


def compare(
    first: Sequence[ScoredTarget],
    second: Sequence[ScoredTarget],
    bootstrap_samples: int = 1000,
    seed: int = 0,
) -> Metrics:
    """The difference first - second of each metric that both have, with its 95 % paired bootstrap interval.

    Both are resampled with the same dialogues. An interval that leaves out 0 is a difference that the choice
    of dialogues does not explain; the choice of training seeds it does not see.

    Raises:
      ValueError: the two do not answer the same targets in the same order.
    """
    for mine, theirs in zip(first, second, strict=False):
        if mine.id != theirs.id:
            raise ValueError(f"compare: expected the same targets in one order, got {mine.id!r} and {theirs.id!r}")
    if len(first) != len(second):
        raise ValueError(f"compare: expected the same targets, got {len(first)} and {len(second)}")
    sums = episode_sums(first), episode_sums(second)
    names = [name for name in sums[0].names if name in sums[1].names]
    return {name: _difference(name, sums, bootstrap_samples, seed) for name in names}


def _difference(name: str, sums: tuple[EpisodeSums, EpisodeSums], samples: int, seed: int) -> dict[str, float]:
    values, resampled = [], []
    for one in sums:
        m = one.names.index(name)
        upper, lower = one.numerators[:, m], one.denominators[:, m]
        values.append(float(scaled(name, np.asarray(upper.sum() / lower.sum()))))
        resampled.append(scaled(name, bootstrap(upper, lower, samples, seed)))
    result = {"value": values[0] - values[1], "count": sums[0].counts[sums[0].names.index(name)]}
    if samples and len(sums[0].episodes) > 1:
        low, high = interval(resampled[0] - resampled[1])
        result |= {"low": float(low), "high": float(high)}
    return result
