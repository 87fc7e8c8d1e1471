import dataclasses
import doctest
import string

import pytest

from persona_tf.data.world import chat, statements
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.generator import generate
from persona_tf.data.world.lexicon import load
from persona_tf.episode import WORLD, Aside, Statement

STATES = WorldConfig(states=True, asides=6)
SLOTS = {**load().slots, **chat.slots()}


@pytest.fixture(scope="module")
def dialogues():
    return [generate(split, i, config=STATES) for split in ("train", "test_unseen") for i in range(40)]


def _bare(turn):
    return dataclasses.replace(turn, states=(), could_state=None)


def _turns(episode):
    return [*episode.turns, *(turn for aside in episode.asides for turn in (aside.question, aside.answer))]


def test_doctests():
    assert doctest.testmod(statements).failed == 0


def test_every_slot_has_a_sentence_of_its_own():
    plain = {name: slot.plain for name, slot in SLOTS.items() if name != "partner_name"}
    assert all(plain.values())
    assert len(set(plain.values())) == len(plain)
    for name, text in plain.items():
        fields = {field for _, field, _, _ in string.Formatter().parse(text) if field}
        needs = {"who"} if SLOTS[name].needs else {"thing"} if SLOTS[name].where == "object" else set()
        assert fields == {"value"} | needs, name


def test_labels_change_no_word(dialogues):
    plain = dataclasses.replace(STATES, states=False)
    for episode in dialogues:
        _, _, split, _, index = (episode.id.replace("world/", "world//")).split("/")
        turns = tuple(map(_bare, episode.turns))
        asides = tuple(Aside(a.at, _bare(a.question), _bare(a.answer)) for a in episode.asides)
        bare = dataclasses.replace(episode, turns=turns, asides=asides)
        assert bare == generate(split, int(index), config=plain)


def test_what_is_stated_is_said(dialogues):
    stated = [(turn, state) for episode in dialogues for turn in _turns(episode) for state in turn.states]
    assert len(stated) > 200
    for turn, state in stated:
        assert state.fact.value in f"{turn.speech} {turn.action}"
        before, _, after = SLOTS[state.fact.slot].plain.partition("{value}")
        if "{" not in before + after:
            assert state.fact.text == f"{before}{state.fact.value}{after}"
    kinds = {(state.owner == WORLD, SLOTS[state.fact.slot].source) for _, state in stated}
    assert kinds == {(True, "setting"), (False, "persona"), (False, "history")}


def test_an_answer_states_what_was_asked_of_whom(dialogues):
    owners = {"self": 0, "partner": 0, "world": 0}
    for episode in dialogues:
        [bot] = episode.learners
        for turn in _turns(episode):
            if turn.probe is None or turn.probe.source == "unanswerable":
                continue
            [state] = turn.states
            assert (state.fact.slot, state.fact.value) == (turn.probe.slot, turn.probe.value)
            slot = SLOTS[state.fact.slot]
            if slot.source == "setting":
                owner, wanted = "world", WORLD
            elif slot.teller == "partner" or slot.name in ("gift_given", "partner_name"):
                owner, wanted = "partner", 1 - bot
            else:
                owner, wanted = "self", bot
            assert state.owner == wanted
            owners[owner] += 1
    assert min(owners.values()) > 20


def test_what_is_told_and_asked_later_is_stated_where_it_is_told(dialogues):
    found = 0
    for episode in dialogues:
        for turn in episode.turns:
            told = [key for key in turn.grounding[:1] if key.startswith("turn/")]
            if turn.probe and turn.probe.source == "history" and told:
                states = episode.turns[int(told[0].removeprefix("turn/"))].states
                assert turn.states[0] in states
                found += 1
    assert found > 30


def test_what_the_human_tells_of_itself_is_its_own(dialogues):
    found = 0
    for episode in dialogues:
        human = 1 - episode.learners[0]
        own = {(fact.slot, fact.value): fact.text for fact in episode.characters[human].facts}
        for turn in episode.turns:
            if turn.speaker != human:
                continue
            said = [state for state in turn.states if (state.fact.slot, state.fact.value) in own]
            told = [key for key, text in own.items() if text in turn.speech]
            assert {(s.fact.slot, s.fact.value) for s in said} == set(told)
            assert all(isinstance(s, Statement) and s.owner == human for s in turn.states)
            found += len(said)
    assert found > 10


def test_what_could_be_made_up_is_new_and_of_the_right_type(dialogues):
    asked = 0
    for episode in dialogues:
        [bot] = episode.learners
        facts = {fact.slot for fact in episode.characters[bot].facts}
        for turn in _turns(episode):
            unknown = turn.probe and turn.probe.source == "unanswerable"
            about_self = unknown and SLOTS[turn.probe.slot].source == "persona"
            assert (turn.could_state is not None) == bool(about_self)
            if turn.could_state:
                asked += 1
                slot = SLOTS[turn.could_state.slot]
                assert slot.name == turn.probe.slot
                assert slot.name not in facts
                assert turn.could_state.value in load().every(slot.type)
                assert turn.could_state.value in turn.could_state.text
                assert not turn.states
    assert asked > 10
