import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics import BLEU

from persona_tf.evaluation.metrics.corpus_bleu import CorpusBleu, bleu_signature

words = st.sampled_from(["good", "day", "to", "you", "sir", "Sir", "кот", "спит", "!", ",", "🐈"])
texts = st.lists(words, max_size=9).map(" ".join)
pairs = st.lists(st.tuples(texts, texts), max_size=6)


def of(found):
    return CorpusBleu.of([reply for reply, _ in found], [gold for _, gold in found])


def test_by_hand():
    """Of 5, 4, 3, 2 n-grams 5, 3, 2, 1 stand in the gold reply, which has six words; "Sir" and "sir" differ."""
    value = of([("my dog is Rex king", "my dog is Rex the king")])
    assert value == CorpusBleu((5, 3, 2, 1), (5, 4, 3, 2), 5, 6)
    assert value.value == pytest.approx(math.exp(1 - 6 / 5) * (3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert of([("Sir", "sir")]).found == (0, 0, 0, 0)


def test_nothing_found_of_long_phrases_is_smoothed_by_halving():
    value = of([("my dog is my king", "my dog is Rex the king")])
    assert value.found == (4, 2, 1, 0)
    assert value.value == pytest.approx(math.exp(1 - 6 / 5) * (4 / 5 * 2 / 4 * 1 / 3 * 1 / (2 * 2)) ** 0.25)


@given(pairs, pairs)
def test_a_sum_is_what_the_library_says_of_all(one, other):
    total = of(one) + of(other)
    assert total == of(one + other) == CorpusBleu.from_row(total.row())
    if one + other:
        library = BLEU().corpus_score([reply for reply, _ in one + other], [[gold for _, gold in one + other]])
        assert total.value == pytest.approx(library.score / 100)
    assert 0 <= total.value <= 1 + 1e-9


def test_nothing_said_is_nothing():
    assert of([]).value == of([("", "good day")]).value == 0


def test_as_many_references_as_replies():
    with pytest.raises(ValueError, match="got 1 for 2"):
        CorpusBleu.of(["a", "b"], ["a"])


def test_the_signature_names_tokenizer_smoothing_and_version():
    assert bleu_signature().startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
