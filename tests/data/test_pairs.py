"""Pairs of what was said and the facts that an answer draws on."""

import dataclasses
import doctest

from persona_tf.data import pairs as module
from persona_tf.data.pairs import MORE, pairs, with_more
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.generator import generate
from persona_tf.episode import Aside, Turn
from persona_tf.example import ExampleConfig

PERSONA = ExampleConfig(kinds=("persona",))


def test_each_turn_of_a_learner_is_a_pair(episodes):
    found = list(pairs(episodes, PERSONA))
    facts = ("I bake bread.", "My cat is called Fig.", "I fear geese.")
    mira = {pair.id: pair for pair in found if pair.facts == facts and pair.episode == "market"}
    assert {key: pair.gold for key, pair in mira.items()} == {
        "market:1/1": (0,),
        "market:1/3": (1,),
        "market:1/5": (2,),
    }
    pair = mira["market:1/3"]
    assert pair.question == "Whose cat is that?"
    assert [(turn.who, turn.turn) for turn in pair.history] == [(1, 0), (0, 1), (1, 2)]
    [gate] = [pair for pair in found if pair.id == "gate:0/2"]
    assert gate.gold == (1,)  # keys are as the speaker sees them
    assert not any(pair.episode == "bare" for pair in found)  # nobody has facts there
    [single] = [pair for pair in found if pair.episode == "single"]
    assert (single.history, single.question, single.gold) == ((), "", ())


def test_what_counts_as_a_fact_is_the_configs(episodes):
    config = ExampleConfig(kinds=("persona", "object"))
    [pair] = [pair for pair in pairs(episodes, config) if pair.id == "market:1/3"]
    assert [pair.facts[i] for i in pair.gold] == ["a rake : It is rusty.", "My cat is called Fig."]


def test_asides_are_asked_in_the_place_of_what_was_said(episodes):
    question, answer = Turn(0, "What do you fear?"), Turn(1, "Geese.", grounding=("persona/2",))
    episode = dataclasses.replace(episodes[0], asides=(Aside(2, question, answer),))
    assert len(list(pairs([episode], PERSONA, True))) == len(list(pairs([episode], PERSONA))) + 1
    [aside] = [pair for pair in pairs([episode], PERSONA, True) if pair.question == "What do you fear?"]
    assert aside.gold == (2,)
    assert [turn.speech for turn in aside.history][:2] == [turn.speech for turn in episode.turns[:2]]


def test_examples_of_many_targets_and_told_knowledge_make_the_same_pairs(episodes):
    told = dataclasses.replace(PERSONA, knowledge_as_history=True, max_targets=8)
    assert list(pairs(episodes, told)) == list(pairs(episodes, PERSONA))


def test_doctests():
    assert doctest.testmod(module).failed == 0


def test_more_is_learned_of_replies(episodes):
    plain = list(pairs(episodes, PERSONA))
    assert list(with_more(plain, ())) == plain
    found = list(with_more(plain, MORE))
    new = [pair for pair in found if pair not in plain]
    assert [pair for pair in found if pair in plain] == plain
    replies = {pair.id: pair.facts for pair in new if pair.history and len(pair.facts) == 1}
    assert replies["market:1/3"] == ("She is mine. Fig is her name.",)
    assert "single:1/0" not in replies, "nothing was said before"
    retold = [pair for pair in new if [turn.speech for turn in pair.history] == [pair.reply] != [pair.question, ""]]
    gold = {pair.id: [pair.facts[i] for i in pair.gold] for pair in retold if len(pair.facts) > 1}
    assert gold["market:1/5"] == ["I fear geese."]
    assert "market:1/5" in replies


def test_what_was_said_first_can_be_remembered():
    """Besides the pairs as they are: each answer that drew on a turn draws on the fact that it stated."""
    config = ExampleConfig(kinds=("persona",))
    world = WorldConfig(states=True, asides=4)
    turns, facts = 0, 0
    for index in range(20):
        episode = generate("train", index, config=world)
        plain = list(pairs([episode], config, with_asides=True))
        both = list(pairs([episode], config, with_asides=True, remembered=1.0))
        assert both[: len(plain)] == plain
        [bot] = episode.learners
        told = [s.fact.text for turn in episode.turns for s in turn.states if s.owner == 1 - bot]
        for pair in both[len(plain) :]:
            assert pair.question
            assert len({turn.turn for turn in pair.history}) == len(pair.history)
            turns += 1
            facts += any(pair.facts[i] in told for i in pair.gold)
    assert turns > 50
    assert facts > 10


def test_nothing_is_remembered_where_turns_do_not_say_what_they_state(episodes):
    config = ExampleConfig(kinds=("persona",))
    assert list(pairs(episodes, config, remembered=1.0)) == list(pairs(episodes, config))
