"""A picture of how often a persona holds under attack. Knows figures only; needs matplotlib when it draws."""

from collections.abc import Mapping, Sequence
from typing import Any

from persona_tf.evaluation.override.report import METRICS, OverrideResult

_BARS = {"accuracy_before": "tab:gray", "accuracy_after": "tab:blue", "leak": "tab:orange"}
"""The metrics that are drawn side by side for each kind, and their colours."""


def picture(result: OverrideResult) -> Any:
    """A figure: bars in per cent with 95 % intervals, a group for each kind; a word where a metric does not apply."""
    from matplotlib.figure import Figure

    kinds = list(result.kinds)
    figure = Figure(figsize=(1.6 + 1.1 * len(kinds), 3.4), layout="constrained")
    axes = figure.subplots()
    for number, (name, color) in enumerate(_BARS.items()):
        places = [place + 0.27 * (number - 1) for place in range(len(kinds))]
        _draw(axes, name, color, places, [result.kinds[kind].metrics[name] for kind in kinds])
    axes.set_xticks(range(len(kinds)), [kind.replace("_", " ") for kind in kinds], rotation=20, fontsize=8)
    axes.set(ylim=(0, 105), ylabel="% of questions")
    axes.set_title(f"{result.experiment}: the persona under attack", parse_math=False)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _draw(
    axes: Any, name: str, color: str, places: Sequence[float], metrics: Sequence[Mapping[str, float | None]]
) -> None:
    heights = [100 * (metric["value"] or 0.0) for metric in metrics]
    axes.bar(places, heights, 0.25, label=name.replace("_", " "), color=color)
    for place, height, metric in zip(places, heights, metrics, strict=True):
        low, high = metric.get("low"), metric.get("high")
        if metric["value"] is None:  # no bar is not a bar of no height
            axes.text(place, 1, METRICS[name], rotation=90, fontsize=6, ha="center")
        elif low is not None and high is not None:
            error = [[max(height - 100 * low, 0.0)], [max(100 * high - height, 0.0)]]
            axes.errorbar([place], [height], error, color="black", linewidth=0.8, capsize=2)
