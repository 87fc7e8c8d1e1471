import dataclasses
import itertools

import pytest

from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.generator import generate
from persona_tf.data.world.others import facts_of_others
from persona_tf.data.world.writer import mentions

WORLD = WorldConfig()


def test_no_two_facts_of_others_are_of_one_person_and_slot():
    some = list(itertools.islice(facts_of_others(0, WORLD, ("Ada",)), 5000))
    assert len({fact.slot for fact in some}) == len({fact.text.lower() for fact in some}) == 5000
    assert all(mentions(fact.text, fact.value) for fact in some)
    assert not any(fact.text.startswith("Ada's") for fact in some)
    assert some[:50] == list(itertools.islice(facts_of_others(0, WORLD, ("Ada",)), 50))


@pytest.mark.parametrize("index", range(20))
def test_acquaintances_come_after_the_own_facts_and_change_nothing_else(index):
    plain, knows = generate("train", index), generate("train", index, config=WorldConfig(acquaintances=4))
    [bot] = plain.learners
    own, all_facts = plain.characters[bot].facts, knows.characters[bot].facts
    assert all_facts[: len(own)] == own
    others = all_facts[len(own) :]
    assert len(others) == 4
    names = [character.name for character in plain.characters]
    for fact in others:
        _, name = fact.slot.split(" of ", 1)
        assert fact.text.startswith(f"{name}'s ")
        assert name not in names
    assert dataclasses.replace(knows, characters=plain.characters) == plain


def test_about_half_of_what_is_known_of_others_is_of_slots_of_ones_own():
    alike = 0
    for index in range(100):
        episode = generate("train", index, config=WorldConfig(acquaintances=4))
        facts = episode.characters[episode.learners[0]].facts
        own = {fact.slot for fact in facts}
        alike += sum(fact.slot.split(" of ", 1)[0] in own for fact in facts[-4:])
    assert 180 < alike < 300


def test_a_number_that_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"WorldConfig\.acquaintances: expected 0 to 15, got 16"):
        WorldConfig(acquaintances=16)
