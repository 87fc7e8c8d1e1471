"""Bots on the same targets, compared dialogue by dialogue and seed by seed. Knows predictions only.

The value of a bot that was trained with several seeds is the mean over them. What could have come out otherwise is

* which dialogues there are: all bots and seeds are resampled with the same ones (paired bootstrap);
* which seeds there are: Student's t on the differences of pairs where both bots have the same seeds, else on the
  pooled deviation of both; draws of it are added to those of the dialogues. With one seed each, this is not in the
  interval. (A bootstrap over two or three seeds would be far too sure of itself.)
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from persona_tf.evaluation.metrics.bootstrap import Floats, bootstrap, interval
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.report import EpisodeSums, Metrics, episode_sums, report, scaled

LEAST_DIALOGUES = 10
"""With fewer dialogues that have a metric, a bootstrap says nothing and no difference is marked."""


@dataclasses.dataclass(frozen=True)
class Spread:
    """The values of one metric over seeds, and what the dialogues leave open.

    ``sd``: over seeds, None for a single one. ``low``, ``high``: 95 % over dialogues of the mean over these seeds;
    None where there is no interval.
    """

    values: tuple[float, ...]
    low: float | None = None
    high: float | None = None

    @property
    def mean(self) -> float:
        """Over seeds."""
        return math.fsum(self.values) / len(self.values)

    @property
    def sd(self) -> float | None:
        """The deviation of a sample, n - 1 below."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None


@dataclasses.dataclass(frozen=True)
class Difference:
    """One bot minus another in one metric.

    ``low``, ``high``: 95 %; ``low_all``, ``high_all``: of `level_for` as many comparisons as were asked for. None where
    fewer than `LEAST_DIALOGUES` have the metric, or it has no interval. ``over_seeds``: whether they hold over seeds.
    """

    value: float
    low: float | None = None
    high: float | None = None
    low_all: float | None = None
    high_all: float | None = None
    over_seeds: bool = False

    @property
    def marks(self) -> str:
        """``*``: beyond noise; ``**``: also when the comparisons are many; "": neither, or not known."""
        return "*" * (_leaves_out_zero(self.low, self.high) + _leaves_out_zero(self.low_all, self.high_all))


Runs = Sequence[Sequence[ScoredTarget]]
"""What one bot answered, once a seed: the same targets in the same order."""


@dataclasses.dataclass(frozen=True)
class Scores:
    """One bot, scored on S resamples of the dialogues; make it with `score`.

    ``reports``: the metrics of each seed. ``sums``: what each dialogue adds to them. ``draws``: for each seed the
    metrics of ``sums`` over the resamples [S, M]; two bots on the same targets have the same resamples.
    """

    ids: tuple[str, ...]
    reports: tuple[Metrics, ...]
    sums: tuple[EpisodeSums, ...]
    draws: tuple[Floats, ...]
    seed: int

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics that all seeds have."""
        return tuple(name for name in self.reports[0] if all(name in one for one in self.reports))

    def values(self, name: str) -> list[float]:
        """A metric of each seed."""
        return [one[name]["value"] for one in self.reports]

    def drawn(self, name: str) -> Floats:
        """The mean over seeds of a metric, [S]; empty where `dialogues` says 0."""
        if not self.dialogues(name):
            return np.empty(0)
        columns = [draws[:, one.names.index(name)] for one, draws in zip(self.sums, self.draws, strict=True)]
        return scaled(name, np.stack(columns)).mean(0)

    def dialogues(self, name: str) -> int:
        """How many dialogues have a metric; 0 where it does not add up over dialogues, or is no number."""
        if not all(name in one.names for one in self.sums) or not np.isfinite(self.values(name)).all():
            return 0
        return min(int((one.denominators[:, one.names.index(name)] > 0).sum()) for one in self.sums)


def score(runs: Runs, bootstrap_samples: int = 10_000, seed: int = 0) -> Scores:
    """Scores what a bot answered, once a seed.

    Raises:
      ValueError: two seeds do not answer the same targets in the same order.
    """
    ids = tuple(target.id for target in runs[0])
    for other in runs[1:]:
        _check_same(ids, tuple(target.id for target in other))
    sums = tuple(episode_sums(targets) for targets in runs)
    draws = tuple(bootstrap(one.numerators, one.denominators, bootstrap_samples, seed) for one in sums)
    return Scores(ids, tuple(report(targets, 0) for targets in runs), sums, draws, seed)


def spreads(scores: Scores) -> dict[str, Spread]:
    """Each metric over seeds and dialogues, in the order of `report.NAMES`."""
    found = {}
    for name in scores.names:
        drawn = scores.drawn(name)
        bounds = _bounds(drawn, 0.95) if drawn.size and scores.dialogues(name) > 1 else (None, None)
        found[name] = Spread(tuple(scores.values(name)), *bounds)
    return found


def differences(
    first: Scores,
    second: Scores,
    paired: bool = False,
    comparisons: int = 1,
    least_dialogues: int = LEAST_DIALOGUES,
) -> dict[str, Difference]:
    """The difference first - second of each metric that both have; see the module.

    Args:
      first, second: of as many resamples, with one seed of the bootstrap.
      paired: whether the training seeds of the two are the same, in one order.
      comparisons: how many are read together, for ``low_all`` and ``high_all``.
      least_dialogues: with fewer that have the metric there is no interval.

    Raises:
      ValueError: the two do not answer the same targets in the same order; or ``paired``, and one has more seeds.
    """
    _check_same(first.ids, second.ids)
    counts = len(first.reports), len(second.reports)
    if paired and counts[0] != counts[1]:
        raise ValueError(f"differences: expected as many seeds of both to pair them, got {counts[0]} and {counts[1]}")
    found = {}
    for name in (name for name in first.names if name in second.names):
        values = np.array(first.values(name)), np.array(second.values(name))
        value = float(values[0].mean() - values[1].mean())
        drawn = first.drawn(name), second.drawn(name)
        found[name] = Difference(value)
        if drawn[0].size and drawn[1].size and min(s.dialogues(name) for s in (first, second)) >= least_dialogues:
            seeds = _seed_noise(*values, paired, drawn[0].size, first.seed)
            noisy = drawn[0] - drawn[1] + (0.0 if seeds is None else seeds)
            bounds = (*_bounds(noisy, 0.95), *_bounds(noisy, level_for(comparisons)))
            found[name] = Difference(value, *bounds, over_seeds=seeds is not None)
    return found


def level_for(comparisons: int) -> float:
    """The level at which each of so many comparisons is tested so that 95 % holds for all together (Bonferroni)."""
    return 1 - 0.05 / max(comparisons, 1)


def _seed_noise(one: Floats, other: Floats, paired: bool, samples: int, seed: int) -> Floats | None:
    """Draws of what other seeds would change in the difference of the means, [samples]; None: not known."""
    if paired:
        free, squares, scale = len(one) - 1, np.square(one - other - (one - other).mean()).sum(), 1 / len(one)
    else:
        free, scale = len(one) + len(other) - 2, 1 / len(one) + 1 / len(other)
        squares = np.square(one - one.mean()).sum() + np.square(other - other.mean()).sum()
    if not free:
        return None
    return math.sqrt(squares / free * scale) * np.random.default_rng([seed, 1]).standard_t(free, samples)


def _bounds(draws: Floats, level: float) -> tuple[float, float]:
    low, high = interval(draws, level)
    return float(low), float(high)


def _leaves_out_zero(low: float | None, high: float | None) -> bool:
    return low is not None and high is not None and not low <= 0 <= high


def _check_same(first: Sequence[str], second: Sequence[str]) -> None:
    for mine, theirs in zip(first, second, strict=False):
        if mine != theirs:
            raise ValueError(f"compare: expected the same targets in one order, got {mine!r} and {theirs!r}")
    if len(first) != len(second):
        raise ValueError(f"compare: expected the same targets, got {len(first)} and {len(second)}")
