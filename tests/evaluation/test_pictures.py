import dataclasses

import pytest

from persona_tf.evaluation.baselines import Context
from persona_tf.evaluation.leant_on import choose_probes, leant_on
from persona_tf.evaluation.pictures import learning_curves, probe_bars, save_picture
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.table import Result

METRICS = {
    "reply_f1": {"value": 0.3, "count": 9},
    "probe_persona_accuracy": {"value": 0.8, "count": 9, "low": 0.7, "high": 0.9},
    "probe_persona_leak": {"value": 0.1, "count": 9},
}
RESULT = Result("demo $x^", "test", 1, 9, {}, METRICS, {"random": {"probe_persona_accuracy": {"value": 0.1}}})


def probe(number, reply, source="persona", **fields):
    leant = {"leant_on": {"persona/0": 0.7, "turn/2": 0.2}, "knowledge_gold": ("persona/0",), "question": "Who? $x^"}
    about = {"value": "Rook", "reply": reply, "source": source}
    return ScoredTarget(f"e/{number}", "e", **{**leant, **about, **fields})


CONTEXT = Context((("persona/0", "My dog is $Rook^."),), ("hi", "ho"), "ho", history_turns=(0, 2))


def labels(figure):
    return [[tick.get_text() for tick in axes.get_yticklabels()] for axes in figure.axes]


def test_bars_are_the_values_and_lines_the_intervals():
    [axes] = probe_bars(RESULT).axes
    assert [bar.get_width() for bar in axes.patches] == [0.8, 0.1]
    assert list(axes.lines[0].get_xdata()) == [0.7, 0.9]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["persona accuracy", "persona leak"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["random"]
    [axes] = probe_bars(dataclasses.replace(RESULT, baselines={})).axes
    assert axes.get_legend() is None


def test_curves_have_a_colour_a_run_and_a_line_a_seed():
    runs = {
        "a": [{"valid/loss": [(1, 2.0)]}, {"valid/loss": [(1, 1.0), (2, 0.5)]}],
        "b $^": [{"train/loss": [(1, 1.0)]}],
    }
    figure = learning_curves(runs)
    shown = {axes.get_title(): axes for axes in figure.axes if axes.get_title()}
    assert list(shown) == ["valid/loss", "train/loss"]
    assert [list(line.get_ydata()) for line in shown["valid/loss"].lines] == [[2.0], [1.0, 0.5]]
    assert len({line.get_color() for line in shown["valid/loss"].lines}) == 1
    assert [line.get_marker() for line in shown["valid/loss"].lines] == [".", "None"], "one point has no line to it"
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["a", "b $^"]
    with pytest.raises(ValueError, match="no run has one of the curves"):
        learning_curves({"a": [{"other": [(1, 1.0)]}]})


def test_three_probes_are_chosen_a_right_one_and_a_wrong_one_among_them():
    targets = [
        probe(0, "", source=""),
        probe(1, "Rook"),
        probe(2, "Rook"),
        probe(3, "Rook", "history"),
        probe(4, "Fig"),
    ]
    chosen = choose_probes(targets, [CONTEXT] * 5)
    assert [(p.target.id, p.right) for p in chosen] == [("e/1", True), ("e/4", False), ("e/3", True)]
    assert [p.target.id for p in choose_probes(targets[:3], [CONTEXT] * 3)] == ["e/1", "e/2"]
    assert choose_probes(targets[:1], [CONTEXT]) == []
    unknown = probe(5, "I do not know.", "unanswerable", decoys=("Fig",))
    assert choose_probes([unknown], [CONTEXT])[0].right
    assert choose_probes([probe(6, "Rook", leant_on={})], [CONTEXT]) == []


def test_what_was_leant_on_is_shown_with_its_text():
    figure = leant_on(choose_probes([probe(1, "Fig"), probe(2, "Rook")], [CONTEXT] * 2))
    assert labels(figure) == [["persona/0: My dog is $Rook^.", "turn/2: ho"]] * 2
    right, wrong = figure.axes
    assert "[right]" in right.get_title(loc="left")
    assert "[wrong, expected Rook]" in wrong.get_title(loc="left")
    assert [bar.get_width() for bar in right.patches] == [0.7, 0.2]
    assert right.patches[0].get_facecolor() != right.patches[1].get_facecolor()
    with pytest.raises(ValueError, match="no probe"):
        leant_on([])


@pytest.mark.parametrize(
    "draw",
    [
        lambda: probe_bars(RESULT),
        lambda: learning_curves({"$x^": [{"valid/loss": [(1, 2.0), (2, float("nan"))]}]}),
        lambda: leant_on(choose_probes([probe(1, "$a_ Привет 🐉 \n\n")], [CONTEXT])),
    ],
)
def test_any_text_can_be_drawn(draw, tmp_path, caplog):
    assert save_picture(tmp_path / "x" / "a.png", draw)
    assert (tmp_path / "x" / "a.png").read_bytes().startswith(b"\x89PNG")
    assert not caplog.text


def test_a_missing_matplotlib_is_a_word_and_no_failure(tmp_path, without_matplotlib, caplog):
    assert not save_picture(tmp_path / "a.png", probe_bars, RESULT)
    assert "a.png is left out: matplotlib cannot be imported" in caplog.text
    assert "pip install 'matplotlib>=3.8'" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_drawn_or_written_is_a_word(tmp_path, caplog):
    assert not save_picture(tmp_path / "a.png", leant_on, [])
    assert "a.png is left out: there is no probe" in caplog.text
    (tmp_path / "file").write_text("")
    assert not save_picture(tmp_path / "file" / "a.png", probe_bars, RESULT)
    assert "cannot write" in caplog.text
