"""Pairs that were picked, as files: JSON Lines with all of them, CSV with what a table holds."""

import csv
import datetime
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from persona_tf.chat_file import Kept
from persona_tf.serving.web.pairs import RUNS

COLUMNS = (
    *("id", "created", "picked", "left", "picked_run", "place", "bot", "partner", "said"),
    *(f"{run}_{field}" for run in RUNS for field in ("run", "text", "action", "emote")),
)
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def json_lines(pairs: Iterable[Kept]) -> Iterator[str]:
    """A line for each: ``picked`` is ``first``, ``second``, ``tie`` or ``bad``, ``left`` whose answer stood there."""
    for kept in pairs:
        state = {name: value for name, value in kept.state.items() if name != "answers"}
        answers = {run: {"run": kept.about[run], **kept.state["answers"][run]} for run in RUNS}
        made = {"id": kept.id, "created": _when(kept.created), "changed": _when(kept.changed)}
        yield json.dumps({**made, **state, **answers, "picked": kept.about["picked"]}, ensure_ascii=False) + "\n"


def comma_separated(pairs: Iterable[Kept]) -> Iterator[str]:
    """`COLUMNS`, then a line for each. What a spreadsheet would take for a formula begins with a quote."""
    yield _line(COLUMNS)
    for kept in pairs:
        yield _line([_cell(_row(kept)[name]) for name in COLUMNS])


def _row(kept: Kept) -> dict[str, Any]:
    state, picked = kept.state, kept.about["picked"]
    said = state["history"][-1] if state["history"] else {"text": "", "action": ""}
    row = {
        "id": kept.id,
        "created": _when(kept.created),
        "picked": picked,
        "left": state["left"],
        "picked_run": kept.about.get(picked, ""),
        "place": (state["place"] or {}).get("name", ""),
        "bot": state["persona"]["name"],
        "partner": state["partner"]["name"],
        "said": said["text"] or said["action"],
    }
    for run in RUNS:
        row |= {f"{run}_{field}": state["answers"][run][field] for field in ("text", "action", "emote")}
        row[f"{run}_run"] = kept.about[run]
    return row


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _line(cells: Iterable[str]) -> str:
    made = io.StringIO()
    csv.writer(made).writerow(cells)
    return made.getvalue()


def _when(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
