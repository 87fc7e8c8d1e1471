"""Several runs side by side: tables with differences to the first, as Markdown and JSON. Knows figures only."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from persona_tf.atomic_file import write_atomically
from persona_tf.evaluation.comparison.run_group import Answers
from persona_tf.evaluation.comparison.statistics import (
    LEAST_DIALOGUES,
    Difference,
    Spread,
    differences,
    level_for,
    score,
    spreads,
)
from persona_tf.evaluation.report import GAPS
from persona_tf.evaluation.table import markdown_table, shown, shown_range, write_json

_BY_TOKENS = ("reply_ppl", "reply_token_accuracy", *GAPS.values())
"""Metrics a token: they mean the same only where the tokens are the same."""


@dataclasses.dataclass(frozen=True)
class Column:
    """One run: its name, its seeds, its metrics; and their differences to the first run (none for the first)."""

    name: str
    seeds: tuple[str, ...]
    metrics: Mapping[str, Spread]
    differences: Mapping[str, Difference]
    paired: bool = False


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Several runs on one split. ``comparisons``: how many differences there are to be read together."""

    split: str
    dialogues: int
    targets: int
    columns: tuple[Column, ...]
    comparisons: int
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The comparison as dicts, lists and numbers; what is not there is None."""
        return {
            "dialogues": self.dialogues,
            "targets": self.targets,
            "comparisons": self.comparisons,
            "notes": list(self.notes),
            "runs": [_column_json(column) for column in self.columns],
        }


def compare_runs(split: str, answers: Sequence[Answers], bootstrap_samples: int = 10_000, seed: int = 0) -> Comparison:
    """Compares runs with the first of them.

    Raises:
      ValueError: the runs have no metric in common; or see `comparison.differences`.
    """
    scores = [score(one.targets, bootstrap_samples, seed) for one in answers]
    tokens = {_tokens(targets) for one in answers for targets in one.targets}
    left_out = _BY_TOKENS if len([one for one in tokens if any(one)]) > 1 else ()
    metrics = [{n: s for n, s in spreads(one).items() if n not in left_out} for one in scores]
    common = [name for name in metrics[0] if all(name in own for own in metrics)]
    if not common:
        listed = "; ".join(f"{a.name}: {', '.join(m) or 'none'}" for a, m in zip(answers, metrics, strict=True))
        raise ValueError(f"{split}: the runs have no metric in common ({listed})")
    tested = [n for n in metrics[0] if scores[0].dialogues(n) >= LEAST_DIALOGUES]
    comparisons = sum(name in own for own in metrics[1:] for name in tested)
    columns = [Column(answers[0].name, answers[0].seeds, metrics[0], {})]
    for one, own, scored in zip(answers[1:], metrics[1:], scores[1:], strict=True):
        paired = len(one.seeds) > 1 and one.seeds == answers[0].seeds
        found = differences(scored, scores[0], paired, comparisons)
        kept = {name: difference for name, difference in found.items() if name not in left_out}
        columns.append(Column(one.name, one.seeds, own, kept, paired))
    targets = answers[0].targets[0]
    dialogues = len({target.episode for target in targets})
    notes = _notes(columns, comparisons, dialogues, bool(left_out))
    return Comparison(split, dialogues, len(targets), tuple(columns), comparisons, tuple(notes))


def markdown_comparison(comparison: Comparison) -> str:
    """A table, a metric a row: the first run's values, then those of each other and its difference to the first."""
    first, *others = comparison.columns
    names = dict.fromkeys(name for column in comparison.columns for name in column.metrics)
    head = ["metric", _head(first), "95 % interval"]
    for column in others:
        head += [_head(column), "difference", "95 % interval", ""]
    rows = [head, *([name, *_cells(comparison.columns, name)] for name in names)]
    title = f"{comparison.split}: {comparison.targets:,} targets in {comparison.dialogues:,} dialogues"
    notes = "\n".join(f"* {note}" for note in comparison.notes)
    return f"{title}\n\n{markdown_table(rows)}\n{notes}\n"


def write_comparisons(path: Path, comparisons: Sequence[Comparison]) -> str:
    """Writes ``path`` (Markdown) and the same with the ending ``.json``; returns the text."""
    text = "\n".join(map(markdown_comparison, comparisons))
    write_json(path.with_suffix(".json"), {one.split: one.to_json() for one in comparisons})
    write_atomically(path, text.encode())
    return text


def mean_and_sd(name: str, spread: Spread) -> str:
    """``93.4 %``, or of several seeds ``93.4 ± 1.2 %``.

    >>> mean_and_sd("reply_f1", Spread((0.5, 0.6))), mean_and_sd("reply_ppl", Spread((2.0,)))
    ('55.0 ± 7.1 %', '2.00')
    """
    mean = shown(name, spread.mean)
    if spread.sd is None or not math.isfinite(spread.mean):
        return mean
    unit = " %" if mean.endswith(" %") else ""
    return f"{mean.removesuffix(' %')} ± {shown(name, spread.sd).removesuffix(' %')}{unit}"


def _tokens(targets: Sequence[Any]) -> tuple[int, ...]:
    return tuple(target.reply_tokens for target in targets)


def _head(column: Column) -> str:
    return column.name if len(column.seeds) == 1 else f"{column.name} ({len(column.seeds)} seeds)"


def _cells(columns: Sequence[Column], name: str) -> list[str]:
    cells: list[str] = []
    for number, column in enumerate(columns):
        spread = column.metrics.get(name)
        cells.append(mean_and_sd(name, spread) if spread else "–")
        if number:
            cells += _difference_cells(name, column.differences.get(name))
        else:
            cells.append(_range(name, spread.low, spread.high) if spread else "")
    return cells


def _difference_cells(name: str, found: Difference | None) -> list[str]:
    if found is None:
        return ["", "", ""]
    return [_signed(name, found.value), _range(name, found.low, found.high, _signed), found.marks]


def _signed(name: str, value: float) -> str:
    text = shown(name, abs(value))
    zero = not any(digit in text for digit in "123456789")
    return text if zero else f"{'+' if value > 0 else '−'}{text}"


def _range(name: str, low: float | None, high: float | None, show: Callable[[str, float], str] = shown) -> str:
    known = low is not None and high is not None and math.isfinite(low + high)
    return shown_range(name, low, high, show) if known else ""


def _notes(columns: Sequence[Column], comparisons: int, dialogues: int, tokens_differ: bool) -> list[str]:
    notes = [
        f"`*`: the 95 % interval of the difference to {columns[0].name} leaves out 0. Were it alone, that "
        f"would be beyond noise; of {comparisons}, about {0.05 * comparisons:.1f} would be marked if nothing differed.",
        f"`**`: at {100 * level_for(comparisons):.2f} % it does so, too: beyond noise also among {comparisons} "
        "(Bonferroni).",
    ]
    notes += [_seed_note(columns[0], column) for column in columns[1:]]
    if dialogues < LEAST_DIALOGUES:
        notes.append(
            f"With {dialogues} dialogues no interval of a difference can be told; {LEAST_DIALOGUES} are needed."
        )
    if tokens_differ:
        notes.append(
            "reply_ppl, reply_token_accuracy and the gaps are left out: the vocabularies differ, and with them "
            "what a token is. "
            "reply_word_ppl and reply_bits_per_byte can be compared."
        )
    return notes


def _seed_note(first: Column, column: Column) -> str:
    pair = f"{column.name} and {first.name}"
    if column.paired:
        return f"{pair}: paired over dialogues and seeds ({', '.join(column.seeds)})."
    if len(first.seeds) + len(column.seeds) > 2:
        return f"{pair}: paired over dialogues; other seeds, whose deviation is pooled."
    return f"{pair}: paired over dialogues; one seed each, so what another seed would change is not in the interval."


def _column_json(column: Column) -> dict[str, Any]:
    metrics = {
        name: {"mean": spread.mean, "sd": spread.sd, **dataclasses.asdict(spread)}
        for name, spread in column.metrics.items()
    }
    found = {name: {**dataclasses.asdict(one), "marks": one.marks} for name, one in column.differences.items()}
    return {
        "name": column.name,
        "seeds": list(column.seeds),
        "metrics": metrics,
        "differences": found,
        "paired": column.paired,
    }
