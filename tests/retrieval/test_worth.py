"""What people are worth by their facts."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.retrieval import worth
from persona_tf.retrieval.worth import worth_of_each


def test_examples_in_the_docstrings():
    assert doctest.testmod(worth).failed == 0


@given(st.lists(st.lists(st.floats(-9, 9)), max_size=5))
def test_each_is_worth_its_best_fact(people):
    found = worth_of_each([score for scores in people for score in scores], [len(scores) for scores in people])
    assert found.tolist() == [max([*scores, -np.inf]) for scores in people]


@pytest.mark.parametrize("people", [[1], [2, 1], []])
def test_scores_of_other_facts_are_refused(people):
    with pytest.raises(ValueError, match=f"expected {sum(people)} scores, as many as facts, got 2"):
        worth_of_each([0.0, 1.0], people)
