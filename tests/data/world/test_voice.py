from collections import Counter

import pytest

from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.lexicon import Phrases, load
from persona_tf.data.world.voice import Voice


@pytest.fixture
def voice():
    return Voice("seed", "train", WorldConfig(), load())


def test_all_options_come_and_the_first_is_drawn_by_weight(voice):
    orders = [tuple(voice.in_turn("abc", [1.0, 2.0, 5.0])) for _ in range(8000)]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    first = Counter(order[0] for order in orders)
    assert [first[o] / 8000 for o in "abc"] == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.02)
    # What is left then, is drawn by its weights too.
    after_c = Counter(order[1] for order in orders if order[0] == "c")
    assert after_c["b"] / after_c["a"] == pytest.approx(2, abs=0.2)


FACTS = Phrases(
    (
        "I was a clumsy apprentice, but {value} taught me.",
        "From cockcrow to candle, so {value} had it.",
        "{value} taught me by night, when good children sleep.",
        "I learned from {value}, or I would be herding cows.",
        "All I know I learned from {value}.",
        "Two, three, and {value} was my teacher.",
    )
)


def _facts(rate, split="train"):
    voice = Voice("seed", split, WorldConfig(crossed=rate), load())
    return Counter(voice.fact(FACTS, "Ada") for _ in range(3000))


def test_facts_exchange_clauses():
    found = _facts(0.5)
    new = set(found) - set(FACTS.train)
    assert new == {
        "I was a clumsy apprentice, so {value} had it.",
        "From cockcrow to candle, but {value} taught me.",
        "{value} taught me by night, or I would be herding cows.",
        "I learned from {value}, when good children sleep.",
    }
    # Half of those of two clauses are crossed, half of these with their own.
    assert sum(found[phrase] for phrase in new) / found.total() == pytest.approx(4 / 6 / 4, abs=0.03)


def test_by_default_they_do_not():
    assert set(_facts(0.0)) == set(FACTS.train)


def test_nothing_to_order(voice):
    assert voice.in_turn((), ()) == []
