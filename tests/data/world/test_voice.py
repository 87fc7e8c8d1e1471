from collections import Counter

import pytest

from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.lexicon import load
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


def test_nothing_to_order(voice):
    assert voice.in_turn((), ()) == []
