import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from persona_tf.evaluation.metrics.rouge import rouge, rouge_signature

texts = st.lists(st.sampled_from(["good", "day", "to", "you", "sir", "knight"]), max_size=9).map(" ".join)


def test_by_hand():
    # Words: 4 of 5 and of 6 are shared; pairs: 2 of 4 and of 5; in one order: good day sir.
    found = rouge("Good day, sir, you there!", "good day to you sir knight")
    assert found == {
        "1": pytest.approx(2 * 4 / (5 + 6)),
        "2": pytest.approx(2 * 1 / (4 + 5)),
        "L": pytest.approx(2 * 3 / (5 + 6)),
    }


def test_other_scripts_count():
    assert rouge("Кот спит дома", "кот спит") == {
        "1": pytest.approx(0.8),
        "2": pytest.approx(2 / 3),
        "L": pytest.approx(0.8),
    }
    assert rouge("猫 睡觉", "猫 睡觉") == {"1": 1, "2": 1, "L": 1}


def test_nothing_shared_is_nothing():
    for reply, gold in [("", ""), ("", "good"), ("good", ""), ("the", "an"), ("good", "bad")]:
        assert rouge(reply, gold) == {"1": 0, "2": 0, "L": 0}


@given(texts, texts)
def test_of_plain_words_it_is_the_library_with_its_own_tokenizer(reply, gold):
    library = RougeScorer(["rouge1", "rouge2", "rougeL"]).score(gold, reply)
    assert rouge(reply, gold) == {name.removeprefix("rouge"): pytest.approx(s.fmeasure) for name, s in library.items()}


def test_the_signature_tells_the_version_and_the_tokenizer():
    assert rouge_signature().startswith("rouge-score 0.1.")
    assert "no stemming" in rouge_signature()
