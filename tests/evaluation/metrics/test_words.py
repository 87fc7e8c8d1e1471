import math
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.evaluation.metrics.bleu import bleu
from persona_tf.evaluation.metrics.words import Mean, exact_match, f1, normalise, word_overlap

GOLDEN = [
    # prediction, label, precision, recall, F1, exact match, BLEU-1, BLEU-2
    ("Hello, the world!", "hello world", 1, 1, 1, 1, 1, 1),
    ("I am a mean peasant.", "I'm a mean peasant", 0.75, 0.75, 0.75, 0, 0.75, 0.5),
    ("the a an", "x", 0, 0, 0, 0, 0, 0),
    ("", "", 0, 0, 0, 1, 1, 1e-06),
    ("hello hello hello", "hello", 0.3333, 1, 0.5, 0, 0.333333, 4.08248e-07),
    ("good day to you sir knight", "good day sir", 0.5, 1, 0.6667, 0, 0.5, 0.316228),
    ("Привет, как дела?", "привет как дела", 1, 1, 1, 1, 1, 1),
]

words = st.lists(
    st.sampled_from(["good", "day", "to", "you", "sir", "knight", "I'm", "the", "a", "привет", "!"]),
    max_size=9,
)
texts = words.map(" ".join)
counts = st.integers(0, 1000)
means = st.builds(Mean, st.integers(-1000, 1000), counts)


@pytest.mark.parametrize(("reply", "gold", "precision", "recall", "f", "match", "bleu1", "bleu2"), GOLDEN)
def test_golden(reply, gold, precision, recall, f, match, bleu1, bleu2):
    assert word_overlap(reply, gold) == pytest.approx((precision, recall, f), abs=5e-5)
    assert f1(reply, gold) == word_overlap(reply, gold).f1
    assert exact_match(reply, gold) == bool(match)
    assert bleu(reply, gold, k=1) == pytest.approx(bleu1, rel=1e-5)
    assert bleu(reply, gold, k=2) == pytest.approx(bleu2, rel=1e-5)


def test_several_references_take_the_best_of_each():
    overlap = word_overlap("good day to you", "good day", "day to you all")
    assert overlap == pytest.approx((0.75, 1.0, 0.75))


def test_exact_match_needs_one_reference_to_match():
    assert exact_match("The Sea!", "land", "sea")
    assert not exact_match("seas", "land", "sea")


@pytest.mark.parametrize("metric", [word_overlap, f1, exact_match, bleu])
def test_no_reference_is_an_error(metric):
    with pytest.raises(ValueError, match="reference"):
        metric("hello")


def test_normalise_drops_whole_articles_and_ascii_punctuation_only():
    assert normalise("A theme, an anthem: THE end_of it.") == "theme anthem end of it"
    assert normalise("“the”  —  isn’t") == "“ ” — isn’t"
    assert normalise(string.punctuation) == ""


@given(texts)
def test_normalise_twice_is_once(text):
    assert normalise(normalise(text)) == normalise(text)


@given(texts, texts)
def test_swapping_the_texts_swaps_precision_and_recall(one, other):
    there, back = word_overlap(one, other), word_overlap(other, one)
    assert (there.precision, there.recall) == (back.recall, back.precision)
    assert there.f1 == pytest.approx(back.f1)
    assert 0 <= there.f1 <= max(there.precision, there.recall) + 1e-9


@given(texts)
def test_a_text_overlaps_itself_fully(text):
    assert exact_match(text, text)
    assert f1(text, text) == pytest.approx(1.0 if normalise(text) else 0.0)


@given(texts, st.lists(texts, min_size=1, max_size=3), st.integers(1, 4))
def test_bleu_equals_nltk(reply, references, k):
    score = pytest.importorskip("nltk.translate.bleu_score")
    expected = score.sentence_bleu(
        [normalise(text).split(" ") for text in references],
        normalise(reply).split(" "),
        weights=[1 / k] * k,
        smoothing_function=score.SmoothingFunction(epsilon=1e-12).method1,
    )
    assert bleu(reply, *references, k=k) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_of_two_references_equally_near_in_length_the_shorter_counts():
    assert bleu("good day sir", "good day", "good day sir knight", k=1) == pytest.approx(1.0)
    assert bleu("good day sir", "good day sir knight", k=1) == pytest.approx(math.exp(1 - 4 / 3))


def test_mean_of_nothing_is_not_a_number():
    assert math.isnan(Mean().value)


@given(means, means, means)
def test_means_add_in_any_order(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + Mean() == a


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.lists(st.floats(-1e6, 1e6)))
def test_a_sum_of_means_is_the_mean_of_all(first, second):
    total = Mean.of(first) + Mean.of(second)
    assert total.count == len(first) + len(second)
    assert total.value == pytest.approx(Mean.of(first + second).value, abs=1e-6)
