import json
import math

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


def test_the_table():
    assert comparison_table(ROWS) == TABLE


def test_files(tmp_path):
    assert write_comparison(tmp_path, "test", ROWS) == TABLE
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"decoders_test.{kind}" for kind in ("json", "md", "png")]
    assert (tmp_path / "decoders_test.md").read_text(encoding="utf-8") == TABLE
    data = json.loads((tmp_path / "decoders_test.json").read_text())
    assert [row["way"] for row in data] == ["human", "greedy", "top-p 0.5", "top-p 0.9"]
    assert data[2]["metrics"]["generated_ppl"]["value"] is None  # JSON has no infinity
    assert data[0]["milliseconds"] is None
    assert (tmp_path / "decoders_test.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_tables_are_there_all_the_same(tmp_path, without_matplotlib, caplog):
    assert write_comparison(tmp_path, "test", ROWS) == TABLE
    assert sorted(p.name for p in tmp_path.iterdir()) == ["decoders_test.json", "decoders_test.md"]
    assert "decoders_test.png is left out" in caplog.text
