import math

import pytest

from persona_tf.evaluation.generation import NAMES, Generated, generation_quality, words_and_marks

REPLIES = [
    Generated("a", "I like it. I like it. I like it.", 4.0, 8),
    Generated("a", "I like tea", 2.0, 4),
    Generated("b", "", 1.0, 1),
    Generated("b", "Кот спит!", 0.0, 0),
]


def values(replies):
    return {name: metric["value"] for name, metric in generation_quality(replies, 0).items()}


def test_by_hand():
    found = values(REPLIES)
    assert list(found) == list(NAMES)
    assert found["generated_ppl"] == pytest.approx(math.exp(7 / 13))
    assert found["generated_repetition"] == 1 / 4
    assert found["generated_words"] == (12 + 3 + 0 + 3) / 4
    # "I like tea" finds I, like and "I like" in the first; its one 3-gram 0.1 of 1, no 4-gram 0.1 of 1; 12 is nearest
    # among 12, 0 and 3: 3. The first finds I, like and "I like" once each: 2 of 12, 1 of 11, 0.1 of 10, 0.1 of 9.
    second = (2 / 3 * 1 / 2 * 0.1 * 0.1) ** 0.25
    first = (2 / 12 * 1 / 11 * 0.1 / 10 * 0.1 / 9) ** 0.25
    assert found["generated_self_bleu_4"] == pytest.approx((first + second) / 4)
    assert found["generated_zipf"] > 0


def test_a_loop_is_one_of_the_models_tokens_where_they_are_known():
    """A word that does not end is a loop of letters."""
    reply = Generated("a", "he is hungryyyyyy", pieces=(5, 6, 7, 9, 9, 9, 9, 9, 9))
    assert values([reply])["generated_repetition"] == 1
    assert values([Generated("a", reply.text)])["generated_repetition"] == 0


def test_words_and_marks_keep_case_and_letters():
    assert words_and_marks("Ёж, don't!") == ["Ёж", ",", "don", "'", "t", "!"]
    assert words_and_marks(" \n") == []


def test_intervals_are_over_dialogues_where_they_can_be():
    found = generation_quality([Generated(f"e{i}", "so " * (i + 1), 3.0, 3) for i in range(20)], 200)
    assert found["generated_words"]["low"] < found["generated_words"]["value"] < found["generated_words"]["high"]
    assert found["generated_ppl"]["low"] == pytest.approx(math.e)
    assert "low" not in found["generated_self_bleu_4"]
    assert "generated_zipf" not in found  # one word has no slope


def test_one_reply_silence_and_nothing():
    alone = values([Generated("a", "good day", 2.0, 3)])
    assert set(alone) == {"generated_ppl", "generated_zipf", "generated_repetition", "generated_words"}
    assert values([Generated("a", "", 1.0, 1), Generated("b", "")]) == {
        "generated_ppl": pytest.approx(math.e),
        "generated_words": 0,
    }
    assert generation_quality([]) == {}
    assert math.isnan(values([Generated("a", "x y", math.nan, 2)])["generated_ppl"])
