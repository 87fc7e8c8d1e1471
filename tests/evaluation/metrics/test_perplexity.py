import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.evaluation.metrics.perplexity import Perplexity

counts = st.integers(0, 10_000)
values = st.builds(Perplexity, counts, counts, counts, counts)


def test_golden_is_that_of_the_sum():
    assert (Perplexity(6, 3) + Perplexity(8, 2)).ppl == pytest.approx(16.4446, abs=5e-5)


def test_words_and_bytes_of_a_text():
    value = Perplexity.of(4 * math.log(2), tokens=4, text="да  ok")
    assert (value.words, value.bytes) == (2, 8)
    assert value.ppl == pytest.approx(2)
    assert value.word_ppl == pytest.approx(4)
    assert value.bits_per_byte == pytest.approx(0.5)


def test_nothing_and_too_much():
    nothing = Perplexity()
    assert all(math.isnan(value) for value in (nothing.ppl, nothing.word_ppl, nothing.bits_per_byte))
    assert Perplexity(1e6, 1, 1, 1).ppl == math.inf


@given(values, values, values)
def test_adds_in_any_order(a, b, c):
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + Perplexity() == a
