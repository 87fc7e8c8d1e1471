"""R@1, R@5 and MRR, multi-positive, with intervals over dialogues."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from persona_tf.evaluation.metrics.bootstrap import bootstrap, interval
from persona_tf.evaluation.metrics.ranking import gold_rank

METRICS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "r1": lambda ranks: ranks <= 1,
    "r5": lambda ranks: ranks <= 5,
    "mrr": lambda ranks: 1 / ranks,
}
"""By name: ranks -> what each adds to the mean."""


class RankedContext(NamedTuple):
    """Where the first true fact came among the candidates of one context, and the dialogue that it is of."""

    episode: str
    rank: int


def rank_context(episode: str, scores: Sequence[float], gold: Sequence[int]) -> RankedContext:
    """See `metrics.ranking.gold_rank`: ties count against the true ones, none of which counts against another."""
    return RankedContext(episode, gold_rank(scores, gold))


def figures(
    way: str,
    ranked: Sequence[RankedContext],
    samples: int = 1000,
    seed: int = 0,
    names: Sequence[str] = tuple(METRICS),
) -> dict[str, Mapping[str, float]]:
    """``<way>_r1``, ``<way>_r5`` and ``<way>_mrr``: each ``value``, ``count``, ``low``, ``high``; {} of nothing.

    Args:
      way: how candidates were drawn.
      ranked: one a context.
      samples: of the bootstrap over dialogues; 0: no interval.
      seed: of the bootstrap.
      names: of `METRICS`; of three candidates one is always among five.
    """
    if not ranked:
        return {}
    values = _values(ranked, names)
    found = {
        f"{way}_{name}": {"value": float(value), "count": float(len(ranked))}
        for name, value in zip(names, values.mean(axis=0), strict=True)
    }
    return _with_intervals(found, ranked, values, samples, seed)


def leads(
    way: str,
    ranked: Sequence[RankedContext],
    others: Iterable[Sequence[RankedContext]],
    samples: int = 1000,
    seed: int = 0,
    names: Sequence[str] = tuple(METRICS),
) -> dict[str, Mapping[str, float]]:
    """``<way>_r1_lead`` ..: how far a system is ahead of the best of some others on the same contexts.

    The best is another one for each figure. An interval above 0 is a lead beyond noise: it is of the difference, paired
    over dialogues. Arguments as for `figures`; {} where there are no contexts or no others.
    """
    rivals = [_values(other, names) for other in others] if ranked else []
    if not rivals:
        return {}
    best = np.argmax([rival.mean(axis=0) for rival in rivals], axis=0)
    values = _values(ranked, names) - np.stack([rivals[i][:, m] for m, i in enumerate(best)], axis=1)
    found = {
        f"{way}_{name}_lead": {"value": float(value), "count": float(len(ranked))}
        for name, value in zip(names, values.mean(axis=0), strict=True)
    }
    return _with_intervals(found, ranked, values, samples, seed)


def _values(ranked: Sequence[RankedContext], names: Sequence[str]) -> np.ndarray:
    """What each context adds to each figure: float64 [contexts, names]."""
    ranks = np.array([one.rank for one in ranked])
    return np.stack([METRICS[name](ranks) for name in names], axis=1).astype(np.float64)


def _with_intervals(
    found: dict[str, dict[str, float]], ranked: Sequence[RankedContext], values: np.ndarray, samples: int, seed: int
) -> dict[str, Mapping[str, float]]:
    if not samples:
        return dict(found)
    places = {episode: i for i, episode in enumerate(dict.fromkeys(one.episode for one in ranked))}
    sums = np.zeros((len(places), 2, values.shape[1]))
    np.add.at(sums, [places[one.episode] for one in ranked], np.stack([values, np.ones_like(values)], axis=1))
    low, high = interval(bootstrap(sums[:, 0], sums[:, 1], samples, seed))
    for i, metric in enumerate(found.values()):
        metric |= {"low": float(low[i]), "high": float(high[i])}
    return dict(found)
