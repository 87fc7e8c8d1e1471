import numpy as np
import pytest

from persona_tf.chat.fact_finder import FactFinder
from persona_tf.chat.session import BOT
from persona_tf.episode import Turn
from persona_tf.learner import history_turns
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.encoders import build_encoder
from persona_tf.retrieval.layout import Layout
from persona_tf.retrieval.retriever import Retriever
from persona_tf.text.config import TextConfig

FACTS = ["I bake bread.", "My cat is called Fig.", "I fear geese."]
TURNS = (Turn(0, "Good day!"), Turn(1, "Fresh bread?"), Turn(0, "Whose cat is that?"))


@pytest.fixture(params=["bi", "poly", "cross"])
def finder(request, tokenizer, tiny_config):
    """With a tiny encoder that was never trained."""
    encoder = build_encoder(
        RetrieverConfig(kind=request.param, dimensions=8, codes=3), tiny_config(precision="float32")
    )
    rng = np.random.default_rng(1)
    for weight in encoder.weights:
        weight.assign(weight + rng.normal(0, 0.2, weight.shape).astype(np.float32))
    return FactFinder(Retriever(encoder.config, encoder, Layout(tokenizer, TextConfig(tokenizer.size))))


def test_the_best_facts_are_those_that_the_retriever_scores_best(finder):
    facts = [f"I own {number} geese." for number in range(14)]
    [scores] = finder._retriever.score([history_turns(TURNS, BOT)], [facts])
    assert finder.best(TURNS, facts, 10) == np.argsort(-scores, kind="stable")[:10].tolist()


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_fewer_facts_than_wanted_are_all_given(finder, count):
    assert sorted(finder.best(TURNS, FACTS[:count], 10)) == list(range(count))
    assert sorted(finder.best((), FACTS[:count], 10)) == list(range(count))


def test_equal_facts_and_empty_ones_are_found_too(finder):
    assert sorted(finder.best(TURNS, ["", "I bake.", "", "I bake.", "a" * 5000], 10)) == [0, 1, 2, 3, 4]
