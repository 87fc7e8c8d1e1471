import pytest

from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.lexicon import load
from persona_tf.data.world.long_talk import BOT, HUMAN, lack, long_talk
from persona_tf.data.world.writer import mentions

WORLD = WorldConfig()
APART = (5, 20, 100)


@pytest.fixture(scope="module")
def talks():
    return [long_talk("test", number, 0, WORLD, APART) for number in range(4)]


def test_each_thing_that_was_told_is_asked_for_at_each_distance(talks):
    for talk in talks:
        assert [turn.speaker for turn in talk.episode.turns] == [HUMAN, BOT] * (len(talk.episode.turns) // 2)
        assert len({question.told for question in talk.questions}) == 5
        assert len(talk.questions) == 15
        for question in talk.questions:
            told = talk.episode.turns[question.told]
            assert mentions(told.speech, question.probe.value)
            [stated] = told.states
            assert (stated.owner, stated.fact.slot, stated.fact.value) == (
                HUMAN,
                question.probe.slot,
                question.probe.value,
            )
            assert question.apart <= question.at - question.told - 1 <= question.apart + 1
            assert question.at % 2 == question.told % 2 == 0, "it is the human's turn"
            assert question.at <= len(talk.episode.turns)


def test_nothing_but_the_turn_itself_tells_what_is_asked_for(talks):
    for talk in talks:
        for question in talk.questions:
            said = [turn.speech for turn in talk.episode.turns]
            assert not mentions(question.speech, question.probe.value)
            places = [i for i, speech in enumerate(said) if mentions(speech, question.probe.value)]
            assert places[0] == question.told
            assert question.probe.value not in question.probe.decoys


def test_what_is_lacking_is_nowhere_and_is_asked_for_in_different_words():
    for number in range(8):
        one = lack("test", number, 0, WORLD)
        slot = load().slots[one.slot]
        assert slot.name not in {fact.slot for character in one.episode.characters for fact in character.facts}
        assert len(set(one.questions)) == 11
        assert one.plain.fullmatch(slot.plain.format(value="Ashmoor the 2nd"))[1] == "Ashmoor the 2nd"
        assert set(load().fillers[slot.type].train) <= set(one.values)
        assert len(one.small_talk) > 10


def test_a_world_without_such_slots_is_told():
    with pytest.raises(ValueError, match="expected 5 slots of what the partner tells, the world has 0"):
        long_talk("test", 0, 0, WorldConfig(slots=("trade", "home", "favourite_food")), APART)
