"""Pictures of a comparison of ways of choosing words (as in Holtzman et al. 2020, 1904.09751). Knows figures only."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from persona_tf.evaluation.decoders.ways import SWEEP
from persona_tf.evaluation.report import Metrics

_ACROSS, _UP = "generated_ppl", "generated_self_bleu_4"
_MANY_TIMES = 20
_PROBES = {
    "probe_persona_accuracy": "persona",
    "probe_setting_accuracy": "setting",
    "probe_history_accuracy": "history",
    "probe_unanswerable_accuracy": "unanswerable",
}


def picture(ways: Mapping[str, Metrics], human: str) -> Any:
    """A figure: self-BLEU against perplexity, with the point of the ``human`` row, and probe accuracy over p.

    Args:
      ways: way to its metrics; those of `ways.SWEEP` are joined by a line.
      human: the key of the gold replies.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw_variety(left, ways, human)
    _draw_probes(right, ways)
    return figure


def _draw_variety(axes: Any, ways: Mapping[str, Metrics], human: str) -> None:
    points = {way: point for way, metrics in ways.items() if (point := _point(metrics))}
    if not points:
        return _draw_word(axes, "no replies to draw")
    sweep = [points[way] for _, way in sorted(SWEEP.items()) if way in points]
    if sweep:
        axes.plot(*zip(*sweep, strict=True), "o-", color="tab:blue", label="top-p")
    others = [point for way, point in points.items() if way != human and way not in SWEEP.values()]
    if others:
        axes.plot(*zip(*others, strict=True), "s", color="tab:gray", label="other ways")
    if human in points:
        axes.plot(*points[human], "*", color="tab:orange", markersize=16, label=human)
    for way, point in points.items():
        axes.annotate(way, point, xytext=(4, 4), textcoords="offset points", fontsize=6)
    if max(ppl for ppl, _ in points.values()) > _MANY_TIMES * min(ppl for ppl, _ in points.values()):
        axes.set_xscale("log")
    axes.set(xlabel="perplexity of the replies under the model", ylabel="self-BLEU4: less is more varied")
    axes.legend(fontsize=8)


def _draw_probes(axes: Any, ways: Mapping[str, Metrics]) -> None:
    sweep = [(p, ways[way]) for p, way in sorted(SWEEP.items()) if way in ways]
    drawn = [name for name in _PROBES if any(name in metrics for _, metrics in sweep)]
    if not sweep:
        return _draw_word(axes, "no top-p among the ways")
    if not drawn:
        return _draw_word(axes, "no probes in this split")
    for name in drawn:
        there = [(p, metrics[name]) for p, metrics in sweep if name in metrics]
        values = [metric["value"] for _, metric in there]
        errors = _errors([metric for _, metric in there])
        axes.errorbar([p for p, _ in there], values, errors, fmt="o-", capsize=3, alpha=0.8, label=_PROBES[name])
    axes.set(xlabel="p of top-p", ylabel="probes answered right, 95 % intervals", ylim=(0, 1.02))
    axes.legend(fontsize=8)


def _draw_word(axes: Any, text: str) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center")
    axes.set_axis_off()


def _point(metrics: Metrics) -> tuple[float, float] | None:
    """Perplexity and self-BLEU, where both can be drawn."""
    if _ACROSS not in metrics or _UP not in metrics:
        return None
    point = metrics[_ACROSS]["value"], metrics[_UP]["value"]
    return point if all(map(math.isfinite, point)) else None


def _errors(metrics: Sequence[Mapping[str, float]]) -> list[list[float]] | None:
    """How far the intervals reach below and above; None where there are none."""
    if not all("low" in metric for metric in metrics):
        return None
    return [
        [max(0.0, metric["value"] - metric["low"]) for metric in metrics],
        [max(0.0, metric["high"] - metric["value"]) for metric in metrics],
    ]
