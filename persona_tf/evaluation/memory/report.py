"""The figures of a bot with a memory. Knows answers only.

| metric | over | definition |
|---|---|---|
| said_N_accuracy | questions about what was said N turns ago or more | right, as `probes.probe_right` says |
| said_N_stored, said_N_found | the same | a fact with the value was in the memory; the bot was shown it |
| facts_N_accuracy, facts_N_found | questions about the persona, of N facts in all | right; the bot was shown it |
| facts_N_ms | the same | mean time of an answer, from the question to its last word |
| facts_N_time_ratio | the same | that time / the time of the same questions with the fewest facts |
| made_up_rate | people who lack what they are asked for | a fact of that kind was made up |
| made_up_said | those | the answer tells it |
| made_up_again | ten questions of each of those, ten turns later | the answer tells it and nothing else of its type |

Intervals are 95 % bootstrap over talks.
"""

from collections.abc import Callable, Mapping, Sequence

from persona_tf.evaluation.memory.asked import Asked
from persona_tf.evaluation.metrics.bootstrap import bounds

WITHOUT = "no memory"
"""The column beside."""

Metric = Mapping[str, float]
_Pair = tuple[float, float]


def memory_report(
    asked: Sequence[Asked], bootstrap_samples: int = 1000, seed: int = 0
) -> tuple[dict[str, Metric], dict[str, dict[str, Metric]]]:
    """All metrics that apply, and those of the column `WITHOUT`.

    Args:
      bootstrap_samples: 0 leaves the intervals out.
      seed: of the bootstrap.
    """

    def share(of: Sequence[Asked], what: Callable[[Asked], float]) -> Metric:
        return _ratio([(one.talk, what(one), 1.0) for one in of], bootstrap_samples, seed)

    metrics: dict[str, Metric] = {}
    beside: dict[str, Metric] = {}
    for size, some in _by_size(asked, "said", "memory"):
        metrics[f"said_{size}_accuracy"] = share(some, _right)
        metrics[f"said_{size}_stored"] = share(some, lambda one: one.stored)
        metrics[f"said_{size}_found"] = share(some, lambda one: one.found)
    for size, some in _by_size(asked, "said", "none"):
        beside[f"said_{size}_accuracy"] = share(some, _right)
    among = _by_size(asked, "facts", "memory")
    for size, some in among:
        metrics[f"facts_{size}_accuracy"] = share(some, _right)
        metrics[f"facts_{size}_found"] = share(some, lambda one: one.found)
        metrics[f"facts_{size}_ms"] = share(some, lambda one: 1000 * one.seconds)
        if size != among[0][0]:
            metrics[f"facts_{size}_time_ratio"] = _ratio(_times(some, among[0][1]), bootstrap_samples, seed)
    first, again = (_chosen(asked, "made_up", way) for way in ("first", "memory"))
    made = [one for one in first if one.value]
    for name, some, what in (
        ("made_up_rate", first, lambda one: one.stored),
        ("made_up_said", made, _right),
        ("made_up_again", [one for one in again if one.value], _right),
    ):
        if some:
            metrics[name] = share(some, what)
    return metrics, {WITHOUT: beside} if beside else {}


def _right(one: Asked) -> float:
    return float(one.right)


def _chosen(asked: Sequence[Asked], part: str, way: str) -> list[Asked]:
    return [one for one in asked if (one.part, one.way) == (part, way)]


def _by_size(asked: Sequence[Asked], part: str, way: str) -> list[tuple[int, list[Asked]]]:
    chosen = _chosen(asked, part, way)
    return [(size, [one for one in chosen if one.size == size]) for size in sorted({one.size for one in chosen})]


def _times(some: Sequence[Asked], fewest: Sequence[Asked]) -> list[tuple[str, float, float]]:
    """Of each question both times; see `_ratio`."""
    base = {(one.talk, one.question): one.seconds for one in fewest}
    return [(one.talk, one.seconds, base[one.talk, one.question]) for one in some]


def _ratio(rows: Sequence[tuple[str, float, float]], samples: int, seed: int) -> Metric:
    """Of talk, numerator and denominator: the ratio of the sums, with its interval."""
    sums: dict[str, _Pair] = {}
    for talk, upper, lower in rows:
        above, below = sums.get(talk, (0.0, 0.0))
        sums[talk] = above + upper, below + lower
    uppers, lowers = zip(*sums.values(), strict=True)
    value = {"value": sum(uppers) / sum(lowers), "count": len(rows)}
    return value | bounds(uppers, lowers, samples, seed)
