import math

import pytest

from persona_tf.evaluation.decoders.picture import picture
from persona_tf.evaluation.decoders.table import HUMAN


def metrics(ppl, bleu, **more):
    named = {"generated_ppl": ppl, "generated_self_bleu_4": bleu, **more}
    return {name: {"value": value, "count": 4} for name, value in named.items()}


WAYS = {
    HUMAN: metrics(12.5, 0.3),
    "greedy": metrics(1.5, 0.5, probe_persona_accuracy=0.9),
    "top-p 0.9": metrics(9.0, 0.3, probe_persona_accuracy=0.4),
    "top-p 0.5": metrics(math.inf, 0.4, probe_persona_accuracy=0.5),
}


@pytest.mark.parametrize(("ppl", "scale"), [(20.0, "linear"), (300.0, "log")])
def test_perplexities_of_one_size_are_drawn_on_a_line(ppl, scale):
    figure = picture({HUMAN: metrics(12.5, 0.3), "greedy": metrics(ppl, 0.4)}, HUMAN)
    assert figure.axes[0].get_xscale() == scale


def test_the_picture_shows_each_point_the_human_one_and_the_sweep_in_order():
    left, right = picture(WAYS, HUMAN).axes
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
def test_where_there_is_nothing_to_draw_a_word_stands(ways, words):
    assert [text.get_text() for axes in picture(ways, HUMAN).axes for text in axes.texts] == words


def test_intervals_reach_from_low_to_high_where_there_are_some():
    probe = {"probe_persona_accuracy": {"value": 0.5, "low": 0.4, "high": 0.7, "count": 9}}
    ways = {"top-p 0.5": probe, "top-p 0.9": {"probe_persona_accuracy": {"value": 0.3, "low": 0.1, "high": 0.3}}}
    _, right = picture(ways, HUMAN).axes
    [errors] = right.collections
    ends = [[y for _, y in segment] for segment in errors.get_segments()]
    assert ends == [pytest.approx([0.4, 0.7]), pytest.approx([0.1, 0.3])]
