import csv
import dataclasses
import json
import math

import pytest

from persona_tf.evaluation.table import Result, markdown, shown, write_result

RESULT = Result(
    experiment="tiny",
    split="valid",
    step=1200,
    examples=34,
    decoding={"mode": "greedy", "max_tokens": 32},
    metrics={
        "reply_ppl": {"value": 16.44464, "count": 34, "low": 15.0, "high": 18.25},
        "reply_f1": {"value": 0.1234, "count": 30, "low": 0.11, "high": 0.14},
        "reply_inter_distinct_2": {"value": 0.6, "count": 30},
    },
    baselines={
        "random": {"reply_f1": {"value": 0.05, "count": 30}},
        "ngram": {"reply_ppl": {"value": math.inf, "count": 34}},
    },
)
TABLE = """\
tiny, valid, step 1,200, 34 examples; decoding: mode greedy, max_tokens 32

| metric                 |  value | 95 % interval | count | random | ngram |
| ---------------------- | -----: | ------------: | ----: | -----: | ----: |
| reply_ppl              |  16.44 | 15.00 – 18.25 |    34 |        |   inf |
| reply_f1               | 12.3 % | 11.0 – 14.0 % |    30 |  5.0 % |       |
| reply_inter_distinct_2 | 60.0 % |               |    30 |        |       |
"""


def test_the_table():
    assert markdown(RESULT) == TABLE


def test_of_a_file_no_step_is_known():
    assert markdown(dataclasses.replace(RESULT, step=0)).startswith("tiny, valid, 34 examples; decoding")


def test_files(tmp_path):
    printed = []
    assert write_result(tmp_path / "evaluation", RESULT, printed.append) == TABLE
    folder = tmp_path / "evaluation"
    assert sorted(p.name for p in folder.iterdir()) == ["valid.csv", "valid.json", "valid.md"]
    assert printed == [TABLE]
    assert (folder / "valid.md").read_text(encoding="utf-8") == TABLE
    data = json.loads((folder / "valid.json").read_text())
    assert list(data) == ["experiment", "split", "step", "examples", "decoding", "metrics", "baselines", "notes"]
    assert data["metrics"]["reply_ppl"] == {"value": 16.44464, "count": 34, "low": 15.0, "high": 18.25}
    assert data["baselines"]["ngram"]["reply_ppl"]["value"] is None  # JSON has no infinity
    with open(folder / "valid.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1] == {
        "metric": "reply_f1",
        "value": "0.1234",
        "low": "0.11",
        "high": "0.14",
        "count": "30",
        "random": "0.05",
        "ngram": "",
    }


def test_notes_stand_below_the_table_and_in_the_json(tmp_path):
    noted = dataclasses.replace(RESULT, notes=("Does not apply: knowledge_r1.", "One dialogue."))
    text = write_result(tmp_path, noted, None)
    assert text == f"{TABLE}\nDoes not apply: knowledge_r1.\n\nOne dialogue.\n"
    assert json.loads((tmp_path / "valid.json").read_text())["notes"] == list(noted.notes)


def test_the_table_is_printed(tmp_path, capsys):
    write_result(tmp_path, RESULT)
    assert TABLE in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("reply_ppl", 54944.2, "54,944"),
        ("reply_word_ppl", 123.456, "123.46"),
        ("reply_bits_per_byte", 1.6194, "1.619"),
        ("probe_persona_leak", 0.0, "0.0 %"),
        ("reply_persona_gap", 0.32, "0.3200"),
        ("reply_mrr", 0.5, "50.0 %"),
        ("reply_f1", 1.0, "100.0 %"),
        ("reply_ppl", math.nan, "no number"),
        ("reply_ppl", math.inf, "inf"),
        ("generated_zipf", 0.936, "0.94"),
        ("generated_words", 7.25, "7.2"),
        ("generated_ppl", 12.383, "12.38"),
    ],
)
def test_figures(name, value, text):
    assert shown(name, value) == text
