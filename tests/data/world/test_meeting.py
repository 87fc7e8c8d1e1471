import pathlib

import pytest

from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.meeting import BOT, HUMAN, STRANGER_SLOTS, meeting
from persona_tf.data.world.writer import mentions
from persona_tf.data.world_cache import fingerprint
from persona_tf.example import ExampleConfig
from persona_tf.learner import knowledge_items

WORLD = WorldConfig()
SMALL = WorldConfig(slots=("trade", "home", "pet_name", "coins_owed", "age", "lost_thing"), facts=(4, 4), phrasings=3)


@pytest.fixture(scope="module")
def meetings():
    return [meeting("test", index, 0, WORLD) for index in range(40)]


def test_a_meeting_is_decided_by_split_number_seed_and_world(meetings):
    assert meeting("test", 3, 0, WORLD) == meetings[3]
    others = [meeting("test", 3, 1, WORLD), meeting("test_unseen", 3, 0, WORLD), meeting("test", 3, 0, SMALL)]
    assert len({str(m.episode.characters) for m in (*meetings, *others)}) == 43
    assert len({m.episode.id for m in (*meetings, *others[:2])}) == 42


def test_each_question_has_its_answer_in_one_fact_or_the_name(meetings):
    for met in meetings:
        me = met.episode.characters[BOT]
        facts = {fact.slot: fact.value for fact in me.facts} | {"own_name": me.name}
        asked = [question.probe.slot for question in met.questions]
        assert sorted(asked) == sorted(slot for slot, value in facts.items() if value)
        assert {"own_name", "trade", "home"} < set(asked)
        for question in met.questions:
            assert question.probe.value == facts[question.probe.slot]
            assert question.probe.source == "persona"
            assert question.speech


def test_decoys_are_the_other_values_of_the_type_that_are_in_sight(meetings):
    for met in meetings:
        texts = [fact.text for character in met.episode.characters for fact in character.facts]
        texts += [item.text for item in knowledge_items(met.episode, BOT, ExampleConfig())]
        for question in met.questions:
            assert question.probe.value not in question.probe.decoys
            assert all(any(decoy in text for text in texts) for decoy in question.probe.decoys)
        [own_name] = [q.probe for q in met.questions if q.probe.slot == "own_name"]
        assert met.episode.characters[HUMAN].name in own_name.decoys


def test_questions_come_in_any_order(meetings):
    assert len({met.questions[0].probe.slot for met in meetings}) > 10


def test_nothing_of_a_stranger_is_true_of_anyone_here(meetings):
    for met in meetings:
        here = [item.text for item in knowledge_items(met.episode, BOT, ExampleConfig())]
        here += [fact.text for fact in met.episode.characters[HUMAN].facts]
        values = met.stranger.values
        assert set(values) == set(met.stranger.types) == {"own_name", *STRANGER_SLOTS}
        for slot, value in values.items():
            same = [q.probe for q in met.questions if q.type == met.stranger.types[slot]]
            assert not any(value.lower() in v.lower() for probe in same for v in (probe.value, *probe.decoys))
        assert not any(mentions(text, values[slot]) for text in here for slot in ("own_name", "home", "trade"))
        for fact, slot in zip(met.stranger.facts, STRANGER_SLOTS, strict=True):
            assert values[slot] in fact


def test_small_talk_and_greeting_tell_nothing(meetings):
    for met in meetings:
        assert met.greeting
        assert len(met.small_talk) > 80
        for question in met.questions:
            if question.type != "person":  # names may be addressed
                said = [met.greeting, *met.small_talk]
                assert not any(mentions(line, question.probe.value) for line in said), question
        assert not any("{" in line for line in met.small_talk)


def test_a_smaller_world_asks_of_its_own_slots_alone():
    met = meeting("test", 0, 0, SMALL)
    assert {q.probe.slot for q in met.questions} <= {*SMALL.slots, "own_name"}
    assert set(met.stranger.values) == {"own_name", *STRANGER_SLOTS}, "of a stranger one may hear anything"


def test_an_unseen_split_has_words_of_its_own():
    lines = [set(meeting(split, 0, 0, WORLD).small_talk) for split in ("test", "test_unseen")]
    assert not lines[0] & lines[1]
    with pytest.raises(ValueError, match="split"):
        meeting("tset", 0, 0, WORLD)


@pytest.mark.parametrize(("name", "same"), [("meeting.py", True), ("plan.py", False)])
def test_dialogues_that_are_kept_stay_where_they_are_when_this_module_changes(name, same, monkeypatch):
    before, read = fingerprint(WORLD), pathlib.Path.read_bytes
    monkeypatch.setattr(pathlib.Path, "read_bytes", lambda path: b"other" if path.name == name else read(path))
    assert (fingerprint(WORLD) == before) == same
