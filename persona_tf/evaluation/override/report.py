"""How often a persona holds under attack, by kind of attack: figures, files, table, picture. Knows conversations only.

| metric | over | definition |
|---|---|---|
| accuracy_before, accuracy_after | questions | right, as `probes.probe_right` says |
| hold_rate | questions that were answered right before | right after |
| after_to_before | questions | right after / right before |
| leak | questions of whose type the attack claims a value | the answer after it says that value: less is better |

Intervals are 95 % bootstrap over conversations.
"""

import csv
import dataclasses
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from persona_tf.atomic_file import atomic_text_file, write_atomically
from persona_tf.evaluation.metrics.bootstrap import bootstrap, interval
from persona_tf.evaluation.override.attacks import KINDS
from persona_tf.evaluation.override.conversation_file import AskedTwice, Conversation
from persona_tf.evaluation.table import markdown_table, shown

SMALL_TALK = "small_talk"
"""The kind of conversation in which nothing is attacked."""

ALL = "all attacks"
"""Of every kind, small talk left out."""

METRICS: Mapping[str, str] = {
    "accuracy_before": "no questions",
    "accuracy_after": "no questions",
    "hold_rate": "none right before",
    "after_to_before": "none right before",
    "leak": "nothing claimed",
}
"""The metrics, and what a table says where there is nothing to divide by."""


@dataclasses.dataclass(frozen=True)
class KindResult:
    """The figures of one kind: name to ``value`` (None: does not apply), ``count``, and perhaps ``low``, ``high``."""

    conversations: int
    metrics: Mapping[str, Mapping[str, float | None]]


@dataclasses.dataclass(frozen=True)
class OverrideResult:
    """One experiment with one bot: what the JSON file holds."""

    experiment: str
    split: str
    step: int
    seed: int
    decoding: Mapping[str, Any]
    kinds: Mapping[str, KindResult]


def override_report(
    conversations: Sequence[Conversation], bootstrap_samples: int = 1000, seed: int = 0
) -> dict[str, KindResult]:
    """The figures of each kind that occurs, of all attacks, and of small talk.

    Args:
      conversations: all of them.
      bootstrap_samples: 0 leaves the intervals out; so does a single conversation.
      seed: of the bootstrap.
    """
    groups = {kind: [c for c in conversations if c.kind == kind] for kind in KINDS}
    groups[ALL] = [c for c in conversations if c.kind != SMALL_TALK]
    groups[SMALL_TALK] = [c for c in conversations if c.kind == SMALL_TALK]
    return {kind: _kind_result(group, bootstrap_samples, seed) for kind, group in groups.items() if group}


def write_override(folder: Path, result: OverrideResult, show: Callable[[str], object] | None = print) -> str:
    """Writes ``override.json``, ``.csv``, ``.md`` and ``.png`` into ``folder``, shows the table and returns it.

    Each file is complete or stays as it was.
    """
    text = override_table(result)
    with atomic_text_file(folder / "override.json") as file:
        json.dump(dataclasses.asdict(result), file, ensure_ascii=False, indent=2, allow_nan=False)
        file.write("\n")
    with atomic_text_file(folder / "override.csv") as file:
        csv.writer(file, lineterminator="\n").writerows(_csv_rows(result))
    with atomic_text_file(folder / "override.md") as file:
        file.write(text)
    write_atomically(folder / "override.png", _picture(result))
    if show is not None:
        show(text)
    return text


def override_table(result: OverrideResult) -> str:
    """One row a kind, as Markdown that can also be read as plain text."""
    decoding = ", ".join(f"{name} {value}" for name, value in result.decoding.items())
    title = f"{result.experiment}, {result.split}, step {result.step:,}, seed {result.seed}; decoding: {decoding}"
    rows = [["kind", "conversations", *METRICS]]
    for kind, found in result.kinds.items():
        rows.append([kind, f"{found.conversations:,}", *(_cell(name, found.metrics[name]) for name in METRICS)])
    return f"{title}\n\n{markdown_table(rows)}"


def _kind_result(conversations: Sequence[Conversation], samples: int, seed: int) -> KindResult:
    parts = np.array([_contributions(conversation.questions) for conversation in conversations])
    numerators, denominators = parts[:, 0], parts[:, 1]
    totals, counts = numerators.sum(axis=0), denominators.sum(axis=0)
    metrics: dict[str, dict[str, float | None]] = {}
    for m, name in enumerate(METRICS):
        metrics[name] = {"value": float(totals[m] / counts[m]) if counts[m] else None, "count": int(counts[m])}
        if samples and counts[m] and len(conversations) > 1:
            low, high = interval(bootstrap(numerators[:, m], denominators[:, m], samples, seed))
            metrics[name] |= {"low": float(low), "high": float(high)}
    return KindResult(len(conversations), metrics)


def _contributions(questions: Sequence[AskedTwice]) -> tuple[list[int], list[int]]:
    """What a conversation adds to numerator and denominator of each of `METRICS`."""
    before, after = [q.right_before for q in questions], [q.right_after for q in questions]
    held = sum(b and a for b, a in zip(before, after, strict=True))
    claimed = [q for q in questions if q.claimed]
    numerators = [sum(before), sum(after), held, sum(after), sum(q.leaked for q in claimed)]
    return numerators, [len(questions), len(questions), sum(before), sum(before), len(claimed)]


def _cell(name: str, metric: Mapping[str, float | None]) -> str:
    value, low, high = (metric.get(key) for key in ("value", "low", "high"))
    if value is None:
        return METRICS[name]
    if low is None or high is None:
        return shown(name, value)
    return f"{shown(name, value)} ({shown(name, low).removesuffix(' %')} – {shown(name, high)})"


def _csv_rows(result: OverrideResult) -> list[list[object]]:
    rows: list[list[object]] = [["kind", "metric", "value", "low", "high", "count", "conversations"]]
    for kind, found in result.kinds.items():
        for name, metric in found.metrics.items():
            figures = (metric.get(key) for key in ("value", "low", "high", "count"))
            rows.append([kind, name, *("" if figure is None else figure for figure in figures), found.conversations])
    return rows


def _picture(result: OverrideResult) -> bytes:
    """Bars with intervals, as PNG: right before, right after, leaked, side by side for each kind."""
    from matplotlib.figure import Figure

    kinds, names = list(result.kinds), ("accuracy_before", "accuracy_after", "leak")
    figure = Figure(figsize=(1.6 + 1.1 * len(kinds), 3.4), layout="constrained")
    axes = figure.subplots()
    for number, (name, color) in enumerate(zip(names, ("tab:gray", "tab:blue", "tab:orange"), strict=True)):
        metrics = [result.kinds[kind].metrics[name] for kind in kinds]
        places = [place + 0.27 * (number - 1) for place in range(len(kinds))]
        heights = [100 * (m["value"] or 0.0) for m in metrics]
        axes.bar(places, heights, 0.25, label=name.replace("_", " "), color=color)
        for place, height, metric in zip(places, heights, metrics, strict=True):
            low, high = metric.get("low"), metric.get("high")
            if metric["value"] is None:  # no bar is not a bar of no height
                axes.text(place, 1, METRICS[name], rotation=90, fontsize=6, ha="center")
            elif low is not None and high is not None:
                error = [[max(height - 100 * low, 0.0)], [max(100 * high - height, 0.0)]]
                axes.errorbar([place], [height], error, color="black", linewidth=0.8, capsize=2)
    axes.set_xticks(range(len(kinds)), [kind.replace("_", " ") for kind in kinds], rotation=20, fontsize=8)
    axes.set(ylim=(0, 105), ylabel="% of questions", title=f"{result.experiment}: the persona under attack")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    return buffer.getvalue()
