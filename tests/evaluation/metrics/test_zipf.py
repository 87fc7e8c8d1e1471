import math

import pytest

from persona_tf.evaluation.metrics.zipf import zipf_coefficient


@pytest.mark.parametrize("s", [0.5, 1.0, 1.5])
def test_a_text_that_follows_the_law_has_its_exponent(s):
    tokens = [rank for rank in range(1, 40) for _ in range(round(1e5 * rank**-s))]
    assert zipf_coefficient(tokens) == pytest.approx(s, abs=0.001)


def test_of_two_words_it_is_the_line_through_both():
    assert zipf_coefficient("a a a a b".split()) == pytest.approx(math.log(4) / math.log(2))
    assert zipf_coefficient("a b c".split()) == pytest.approx(0, abs=1e-12)


def test_by_hand():
    # Frequencies 4, 2, 1 at ranks 1, 2, 3; least squares.
    x, y = [math.log(r) for r in (1, 2, 3)], [math.log(f) for f in (4, 2, 1)]
    mean = sum(x) / 3
    slope = sum((a - mean) * b for a, b in zip(x, y, strict=True)) / sum((a - mean) ** 2 for a in x)
    assert zipf_coefficient("d a a b a c b a".split()[1:]) == pytest.approx(-slope)


def test_the_rare_ones_beyond_five_thousand_are_left_out():
    common = [rank for rank in range(1, 5001) for _ in range(1 + 5000 // rank)]
    assert zipf_coefficient([*common, *range(10_000, 14_000)]) == zipf_coefficient(common)


@pytest.mark.parametrize("tokens", [[], ["a"], ["a", "a"]])
def test_one_word_has_no_slope(tokens):
    assert math.isnan(zipf_coefficient(tokens))
