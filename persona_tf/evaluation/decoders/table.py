"""Result files of a comparison of ways of choosing words: ``decoders_<split>.{json,md,png}``. Knows figures only."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from persona_tf.atomic_file import write_atomically
from persona_tf.evaluation import generation
from persona_tf.evaluation.decoders.picture import picture
from persona_tf.evaluation.pictures import save_picture
from persona_tf.evaluation.report import Metrics
from persona_tf.evaluation.table import markdown_table, shown, write_json

HUMAN = "human"
"""The way of the row of gold replies."""

COLUMNS = (
    "reply_f1",
    *generation.NAMES,
    "reply_inter_distinct_1",
    "reply_inter_distinct_2",
    "probe_persona_accuracy",
    "probe_setting_accuracy",
    "probe_history_accuracy",
    "probe_unanswerable_accuracy",
)
"""The metrics of the table; the JSON file has all."""

_NOT_THERE = "–"


@dataclasses.dataclass(frozen=True)
class Row:
    """One way: the engine that wrote, its metrics, and milliseconds a reply, many answered at once; None: nobody's."""

    way: str
    engine: str
    metrics: Metrics
    milliseconds: float | None


def write_comparison(folder: Path, split: str, rows: Sequence[Row]) -> str:
    """Writes ``decoders_<split>.json``, ``.md`` and, where it can be drawn, ``.png``; returns the table."""
    text = comparison_table(rows)
    write_json(folder / f"decoders_{split}.json", [dataclasses.asdict(row) for row in rows])
    write_atomically(folder / f"decoders_{split}.md", text.encode())
    save_picture(folder / f"decoders_{split}.png", picture, {row.way: row.metrics for row in rows}, HUMAN)
    return text


def comparison_table(rows: Sequence[Row]) -> str:
    """The table as Markdown: a line a way."""
    names = [name for name in COLUMNS if any(name in row.metrics for row in rows)]
    body = [
        [row.way, row.engine or _NOT_THERE, *(_cell(row.metrics, name) for name in names), _cost(row)] for row in rows
    ]
    table = markdown_table([["way", "engine", *names, "ms a reply"], *body])
    return f"{table}\n{_NOT_THERE}: does not apply. generated_*: the nearer to {HUMAN}, the better.\n"


def _cell(metrics: Metrics, name: str) -> str:
    return shown(name, metrics[name]["value"]) if name in metrics else _NOT_THERE


def _cost(row: Row) -> str:
    return _NOT_THERE if row.milliseconds is None else f"{row.milliseconds:.1f}"
