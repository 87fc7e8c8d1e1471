import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.evaluation.metrics.distinct import InterDistinct, ends_in_loop, intra_distinct, ngrams
from persona_tf.evaluation.metrics.words import Mean

GOLDEN = ["good day to you sir", "good day good day", "i i i i"]
texts = st.lists(st.lists(st.sampled_from(["good", "day", "to", "you"]), max_size=6).map(" ".join), max_size=5)


@pytest.mark.parametrize(("n", "intra", "inter"), [(1, 0.583333, 0.461538), (2, 0.666667, 0.6)])
def test_golden(n, intra, inter):
    assert Mean.of(intra_distinct(text, n) for text in GOLDEN).value == pytest.approx(intra, abs=1e-6)
    assert InterDistinct.of(GOLDEN, n).value == pytest.approx(inter, abs=1e-6)


def test_without_an_ngram_the_floors_count():
    assert intra_distinct("", 1) == pytest.approx(1e-7)
    assert intra_distinct("hello", 2) == pytest.approx(1e-7)
    assert InterDistinct().value == pytest.approx(1e-7)


def test_words_are_normalised():
    assert ngrams("The cat, a CAT!", 1) == [("cat",), ("cat",)]


@given(texts, texts, texts, st.integers(1, 3))
def test_a_sum_is_the_value_of_all(a, b, c, n):
    one, two, three = (InterDistinct.of(part, n) for part in (a, b, c))
    assert (one + two) + three == one + (two + three)
    assert one + two == two + one == InterDistinct.of(a + b, n)
    assert one + InterDistinct() == one


@pytest.mark.parametrize(
    ("reply", "loops"),
    [
        ("i like it i like it i like it", True),
        ("well i like it i like it i like it", True),
        ("i like it i like it", False),
        ("i like it i like it i like it too", False),
        ("no no no", False),  # the phrase has one word
        ("no no no no no no", True),  # "no no", three times
        ("a b a b a b", True),
        ("b a b a b", False),
        ("", False),
    ],
)
def test_loops(reply, loops):
    assert ends_in_loop(reply) == loops
    assert ends_in_loop([hash(word) for word in reply.split()]) == loops
