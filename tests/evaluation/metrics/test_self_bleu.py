import math
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.evaluation.metrics.self_bleu import self_bleu

tokens = st.lists(st.sampled_from("abcde"), max_size=8)


def test_by_hand():
    # Of "a b c d" the others have: a, b, c; "a b", "b c"; "a b c"; nothing. The nearest length is 4.
    texts = ["a b c d".split(), "a b c x".split(), "y z".split()]
    shared = (3 / 4 * 2 / 3 * 1 / 2 * 0.1 / 1) ** 0.25
    assert self_bleu(texts) == pytest.approx((shared + shared + 0) / 3)


def test_an_ngram_counts_as_often_as_another_text_has_it():
    # Of "a a" the one "a" of the others covers one; the other way round it is whole; the reply is longer, or shorter.
    assert self_bleu([["a", "a"], ["a"]], k=1) == pytest.approx((1 / 2 + math.exp(1 - 2)) / 2)


def test_one_reply_said_always_is_one_and_words_of_their_own_are_nothing():
    assert self_bleu(["so it is , sir".split()] * 30) == pytest.approx(1)
    assert self_bleu([[f"x{i}", f"y{i}"] for i in range(30)]) == 0


@pytest.mark.parametrize("texts", [[], [["a"]]])
def test_alone_there_is_nothing_to_be_alike(texts):
    assert math.isnan(self_bleu(texts))


@given(st.lists(tokens, min_size=2, max_size=6), st.integers(1, 4))
def test_it_equals_nltk(texts, k):
    score = pytest.importorskip("nltk.translate.bleu_score")
    each = [
        score.sentence_bleu(
            texts[:i] + texts[i + 1 :],
            text,
            weights=[1 / k] * k,
            smoothing_function=score.SmoothingFunction().method1,
        )
        for i, text in enumerate(texts)
    ]
    assert self_bleu(texts, k) == pytest.approx(sum(each) / len(each), rel=1e-9, abs=1e-12)


def test_of_many_a_seeded_sample_is_compared_with_all():
    rng = random.Random(0)
    texts = [[rng.choice("abcdefghij") for _ in range(12)] for _ in range(400)]
    sampled = [self_bleu(texts, sample=100, seed=seed) for seed in (0, 0, 1)]
    assert sampled[0] == sampled[1] != sampled[2]
    assert sampled[0] == pytest.approx(self_bleu(texts), abs=0.03)
    assert self_bleu(texts, sample=400, seed=3) == pytest.approx(self_bleu(texts, sample=10_000))


def test_a_thousand_replies_take_seconds():
    rng = random.Random(0)
    texts = [[rng.randrange(500) for _ in range(20)] for _ in range(1000)]
    start = time.perf_counter()
    self_bleu(texts)
    assert time.perf_counter() - start < 5
