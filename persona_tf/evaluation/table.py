"""Result files: ``evaluation/<split>.{json,csv,md}``, the table that is shown, and what all tables are made of.

Knows figures only.
"""

import csv
import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from persona_tf.atomic_file import atomic_text_file, write_atomically


@dataclasses.dataclass(frozen=True)
class Result:
    """One evaluation of one bot on one split: what the JSON file holds.

    ``step`` is that of training, 0 where it is not known, as of a file of predictions. ``metrics`` maps a name to
    ``value``, ``count`` and perhaps ``low`` and ``high``; ``baselines`` maps a baseline's name to such metrics.
    ``decoding`` says how the replies were made; ``notes`` stand below the table.
    """

    experiment: str
    split: str
    step: int
    examples: int
    decoding: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, float]]
    baselines: Mapping[str, Mapping[str, Mapping[str, float]]] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The result as JSON-able dicts; numbers that are not finite become null."""
        return {field.name: finite(getattr(self, field.name)) for field in dataclasses.fields(self)}


def write_result(folder: str | os.PathLike[str], result: Result, show: Callable[[str], object] | None = print) -> str:
    """Writes ``<split>.json``, ``<split>.csv`` and ``<split>.md`` into ``folder``, shows the table.

    Each file is complete or stays as it was. ``show`` takes the table as text; None shows nothing.
    """
    text = markdown(result)
    write_json(Path(folder) / f"{result.split}.json", result.to_json())
    with atomic_text_file(Path(folder) / f"{result.split}.csv") as file:
        csv.writer(file, lineterminator="\n").writerows(_csv_rows(result))
    write_atomically(Path(folder) / f"{result.split}.md", text.encode())
    if show is not None:
        show(text)
    return text


def markdown(result: Result) -> str:
    """The table as Markdown that can also be read as plain text: columns are aligned."""
    decoding = ", ".join(f"{name} {value}" for name, value in result.decoding.items())
    step = f"step {result.step:,}, " if result.step else ""
    head = f"{result.experiment}, {result.split}, {step}{result.examples:,} examples"
    title = f"{head}; decoding: {decoding}" if decoding else head
    columns = ["metric", "value", "95 % interval", "count", *result.baselines]
    rows = [columns, *(_markdown_row(result, name) for name in result.metrics)]
    below = "".join(f"\n{note}\n" for note in result.notes)
    return f"{title}\n\n{markdown_table(rows)}{below}"


def markdown_table(rows: Sequence[Sequence[str]]) -> str:
    """A header and rows of cells as Markdown, columns aligned: the first to the left, the others to the right."""
    widths = [max(3, *(len(row[i]) for row in rows)) for i in range(len(rows[0]))]
    ruler = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "".join(_markdown_line(row, widths) + "\n" for row in (rows[0], ruler, *rows[1:]))


def shown(name: str, value: float) -> str:
    """A figure as a table shows it: shares in per cent, others, such as perplexities, as they are.

    >>> shown("reply_f1", 0.1234), shown("reply_ppl", 16.4446), shown("reply_bits_per_byte", 1.6194)
    ('12.3 %', '16.44', '1.619')
    """
    if math.isnan(value):
        return "no number"
    if math.isinf(value):
        return str(value)
    if name.endswith("ppl"):
        return f"{value:.2f}" if value < 1000 else f"{value:,.0f}"
    if name.endswith("bits_per_byte"):
        return f"{value:.3f}"
    if name.endswith("zipf"):
        return f"{value:.2f}"
    if name.endswith("words"):
        return f"{value:.1f}"
    if name.endswith("_ms"):
        return f"{value:.1f} ms"
    if name.endswith("gap"):
        return f"{value:.4f}"
    return f"{100 * value:.1f} %"


def shown_range(name: str, low: float | None, high: float | None, show: Callable[[str, float], str] = shown) -> str:
    """An interval as a table shows it; "" where there is none.

    >>> shown_range("reply_f1", 0.11, 0.14), shown_range("reply_ppl", 15.0, 18.25), shown_range("reply_f1", None, None)
    ('11.0 – 14.0 %', '15.00 – 18.25', '')
    """
    if low is None or high is None:
        return ""
    return f"{show(name, low).removesuffix(' %').removesuffix(' ms')} – {show(name, high)}"


def write_json(path: Path, value: Any) -> None:
    """Writes dicts, lists and numbers as JSON; the file is complete or as it was. What is not finite becomes null."""
    with atomic_text_file(path) as file:
        json.dump(finite(value), file, ensure_ascii=False, indent=2, allow_nan=False)
        file.write("\n")


def finite(value: Any) -> Any:
    """A value of dicts, lists and numbers as JSON knows it: numbers that are not finite become None."""
    if isinstance(value, Mapping):
        return {key: finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _markdown_row(result: Result, name: str) -> list[str]:
    metric = result.metrics[name]
    bounds = shown_range(name, metric.get("low"), metric.get("high"))
    beside = (metrics.get(name) for metrics in result.baselines.values())
    baselines = ["" if other is None else shown(name, other["value"]) for other in beside]
    return [name, shown(name, metric["value"]), bounds, f"{int(metric['count']):,}", *baselines]


def _markdown_line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *others = zip(cells, widths, strict=True)
    return "| " + " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]) + " |"


def _csv_rows(result: Result) -> list[list[object]]:
    rows: list[list[object]] = [["metric", "value", "low", "high", "count", *result.baselines]]
    for name, metric in result.metrics.items():
        beside = [metrics.get(name, {}).get("value", "") for metrics in result.baselines.values()]
        rows.append([name, *(metric.get(key, "") for key in ("value", "low", "high", "count")), *beside])
    return rows
