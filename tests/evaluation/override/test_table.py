import csv
import dataclasses
import json

import pytest

from persona_tf.evaluation.override.picture import picture
from persona_tf.evaluation.override.report import ALL, METRICS, SMALL_TALK, KindResult, OverrideResult
from persona_tf.evaluation.override.table import override_table, write_override


def metric(value, count=4, **bounds):
    return {"value": value, "count": count, **bounds}


def kind_result(after, hold_rate, leak):
    before = metric(0.6)
    return KindResult(3, dict(zip(METRICS, (before, after, hold_rate, metric(1.25), leak), strict=True)))


@pytest.fixture
def result():
    kinds = {
        "forget": kind_result(metric(0.5), metric(0.75, low=0.5, high=1.0), metric(None, 0)),
        "pressure": kind_result(metric(0.1, low=0.05, high=0.3), metric(None, 0), metric(1.0)),
        ALL: kind_result(metric(0.3), metric(0.75), metric(1.0)),
        SMALL_TALK: kind_result(metric(0.6), metric(1.0), metric(None, 0)),
    }
    return OverrideResult("demo $x^", "test", 7, 0, {"method": "greedy"}, kinds)


def test_the_table_says_why_a_figure_is_not_there(result):
    text = override_table(result)
    lines = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("|")}
    assert set(lines) >= set(result.kinds)
    assert "nothing claimed" in lines["forget"]
    assert lines["pressure"].count("none right before") == 1
    assert "75.0 % (50.0 – 100.0 %)" in lines["forget"]
    assert "125.0 %" in lines["forget"]
    assert "nan" not in text.lower()
    assert "demo $x^, test, step 7, seed 0; decoding: method greedy" in text


def test_files_hold_the_same_figures(result, tmp_path):
    shown = []
    text = write_override(tmp_path, result, shown.append)
    assert shown == [text] == [(tmp_path / "override.md").read_text()]
    written = json.loads((tmp_path / "override.json").read_text())
    assert written["kinds"]["pressure"]["metrics"]["hold_rate"] == {"value": None, "count": 0}
    with open(tmp_path / "override.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(METRICS) * len(result.kinds)
    for row in rows:
        metric = written["kinds"][row["kind"]]["metrics"][row["metric"]]
        assert row["value"] == ("" if metric["value"] is None else str(metric["value"]))
        assert row["count"] == str(metric["count"])
    assert (tmp_path / "override.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {f"override.{kind}" for kind in ("json", "csv", "md", "png")}


def test_bars_are_the_values_in_per_cent_and_lines_their_intervals(result):
    [axes] = picture(result).axes
    heights = {bars.get_label(): [bar.get_height() for bar in bars] for bars in axes.containers if len(bars) == 4}
    assert heights == {
        "accuracy before": [60, 60, 60, 60],
        "accuracy after": [50, 10, 30, 60],
        "leak": [0, 100, 100, 0],
    }
    [line] = [line for line in axes.collections if len(line.get_segments()) == 1]
    assert [y for _, y in line.get_segments()[0]] == pytest.approx([5, 30])
    assert [text.get_text() for text in axes.texts] == ["nothing claimed"] * 2, "no bar is not a bar of no height"
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["forget", "pressure", "all attacks", "small talk"]


def test_without_matplotlib_the_tables_are_there_all_the_same(result, tmp_path, without_matplotlib, caplog):
    write_override(tmp_path, dataclasses.replace(result, experiment="other"), None)
    assert {path.name for path in tmp_path.iterdir()} == {f"override.{kind}" for kind in ("json", "csv", "md")}
    assert "override.png is left out" in caplog.text
