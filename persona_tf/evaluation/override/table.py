"""Result files of attacks on the persona: ``override.{json,csv,md,png}``. Knows figures only."""

import csv
import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path

from persona_tf.atomic_file import atomic_text_file, write_atomically
from persona_tf.evaluation.override.picture import picture
from persona_tf.evaluation.override.report import METRICS, OverrideResult
from persona_tf.evaluation.pictures import save_picture
from persona_tf.evaluation.table import markdown_table, shown, shown_range, write_json


def write_override(folder: Path, result: OverrideResult, show: Callable[[str], object] | None = print) -> str:
    """Writes ``override.json``, ``.csv``, ``.md`` and, where it can be drawn, ``.png``; shows the table and returns it.

    Each file is complete or stays as it was.
    """
    text = override_table(result)
    write_json(folder / "override.json", dataclasses.asdict(result))
    with atomic_text_file(folder / "override.csv") as file:
        csv.writer(file, lineterminator="\n").writerows(_csv_rows(result))
    write_atomically(folder / "override.md", text.encode())
    save_picture(folder / "override.png", picture, result)
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


def _cell(name: str, metric: Mapping[str, float | None]) -> str:
    value, low, high = (metric.get(key) for key in ("value", "low", "high"))
    if value is None:
        return METRICS[name]
    between = shown_range(name, low, high)
    return f"{shown(name, value)} ({between})" if between else shown(name, value)


def _csv_rows(result: OverrideResult) -> list[list[object]]:
    rows: list[list[object]] = [["kind", "metric", "value", "low", "high", "count", "conversations"]]
    for kind, found in result.kinds.items():
        for name, metric in found.metrics.items():
            figures = (metric.get(key) for key in ("value", "low", "high", "count"))
            rows.append([kind, name, *("" if figure is None else figure for figure in figures), found.conversations])
    return rows
