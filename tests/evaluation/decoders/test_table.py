import json
import math

import pytest
from matplotlib.figure import Figure

from persona_tf.evaluation.decoders.picture import picture
from persona_tf.evaluation.decoders.table import HUMAN, Row, comparison_table, write_comparison


def metrics(ppl, bleu, **more):
    named = {"generated_ppl": ppl, "generated_self_bleu_4": bleu, **more}
    return {name: {"value": value, "count": 4} for name, value in named.items()}


ROWS = [
    Row(HUMAN, "", metrics(12.5, 0.3, generated_zipf=0.93), None),
    Row("greedy", "onnx", metrics(1.5, 0.5, reply_f1=0.2, probe_persona_accuracy=0.9), 3.14),
    Row("top-p 0.5", "onnx", metrics(math.inf, 0.4, probe_persona_accuracy=0.5), 2.0),
    Row("top-p 0.9", "onnx", metrics(9.0, 0.3, probe_persona_accuracy=0.4), 2.0),
]
TABLE = """\
| way       | engine | reply_f1 | generated_ppl | generated_self_bleu_4 | generated_zipf | probe_persona_accuracy | ms a reply |
| --------- | -----: | -------: | ------------: | --------------------: | -------------: | ---------------------: | ---------: |
| human     |      – |        – |         12.50 |                30.0 % |           0.93 |                      – |          – |
| greedy    |   onnx |   20.0 % |          1.50 |                50.0 % |              – |                 90.0 % |        3.1 |
| top-p 0.5 |   onnx |        – |           inf |                40.0 % |              – |                 50.0 % |        2.0 |
| top-p 0.9 |   onnx |        – |          9.00 |                30.0 % |              – |                 40.0 % |        2.0 |

–: does not apply. generated_*: the nearer to human, the better.
"""  # noqa: E501


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved."""
    figures = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a, **k)))
    return figures


def test_the_table():
    assert comparison_table(ROWS) == TABLE


def test_files(tmp_path, drawn):
    assert write_comparison(tmp_path, "test", ROWS) == TABLE
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"decoders_test.{kind}" for kind in ("json", "md", "png")]
    assert (tmp_path / "decoders_test.md").read_text(encoding="utf-8") == TABLE
    data = json.loads((tmp_path / "decoders_test.json").read_text())
    assert [row["way"] for row in data] == ["human", "greedy", "top-p 0.5", "top-p 0.9"]
    assert data[2]["metrics"]["generated_ppl"]["value"] is None  # JSON has no infinity
    assert data[0]["milliseconds"] is None
    assert (tmp_path / "decoders_test.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(("ppl", "scale"), [(20.0, "linear"), (300.0, "log")])
def test_perplexities_of_one_size_are_drawn_on_a_line(drawn, ppl, scale):
    picture({HUMAN: metrics(12.5, 0.3), "greedy": metrics(ppl, 0.4)}, HUMAN)
    assert drawn[0].axes[0].get_xscale() == scale


def test_the_picture_shows_each_point_the_human_one_and_the_sweep_in_order(drawn):
    picture({row.way: row.metrics for row in ROWS}, HUMAN)
    left, right = drawn[0].axes
    lines = {line.get_label(): line.get_xydata().tolist() for line in left.lines}
    assert lines == {"top-p": [[9.0, 0.3]], "other ways": [[1.5, 0.5]], "human": [[12.5, 0.3]]}
    assert {text.get_text() for text in left.texts} == {"human", "greedy", "top-p 0.9"}, "what is finite"
    [line] = right.lines
    assert line.get_xydata().tolist() == [[0.5, 0.5], [0.9, 0.4]]


@pytest.mark.parametrize(
    ("ways", "words"),
    [
        ({}, ["no replies to draw", "no top-p among the ways"]),
        ({"top-p 0.9": metrics(9.0, 0.3)}, ["top-p 0.9", "no probes in this split"]),
    ],
)
def test_where_there_is_nothing_to_draw_a_word_stands(drawn, ways, words):
    picture(ways, HUMAN)
    assert [text.get_text() for axes in drawn[0].axes for text in axes.texts] == words
