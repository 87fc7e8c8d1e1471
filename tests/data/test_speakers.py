"""Replies and the personas of those who may have said them."""

import dataclasses
import doctest
import itertools

import pytest

from persona_tf.data import speakers
from persona_tf.data.speakers import exchange, personas, speaker_pairs
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.generator import episodes as world
from persona_tf.episode import Aside, Character, Episode, Fact, Turn
from persona_tf.example import ExampleConfig, HistoryTurn

TALK = (Turn(0, "Hail!"), Turn(1, "Geese!"), Turn(0, "What?"), Turn(0, "Well?"), Turn(1, "", action="hug Tam"))


def talk(id, own, other, learners=(1,)):
    cast = Character(f"Tam {id}", tuple(map(Fact, other))), Character(f"Mira {id}", tuple(map(Fact, own)))
    return Episode(id, "demo", None, cast, TALK, learners)


def apart(pair):
    """The facts of each of the three."""
    left = iter(pair.facts)
    return [tuple(itertools.islice(left, count)) for count in pair.people]


def test_examples_in_the_docstrings():
    assert doctest.testmod(speakers).failed == 0


def test_a_pair_is_a_reply_with_what_it_answers_and_three_personas():
    told = [talk("a", ["I fear geese.", "I bake."], ["I dig."]), talk("b", ["I sing."], ["I swim."])]
    [first, other] = speaker_pairs(told, ExampleConfig())
    assert first.id == "a:1/1"
    assert apart(first) == [
        ("My name is Mira a.", "I fear geese.", "I bake."),
        ("My name is Tam a.", "I dig."),
        ("My name is Mira b.", "I sing."),
    ]
    assert [(turn.who, turn.speech) for turn in first.history] == [(1, "Hail!"), (0, "Geese!")]
    assert apart(other)[2] == apart(first)[0], "after the last, the first"


def test_gold_are_the_own_facts_that_a_reply_draws_on():
    keys = ("self_name/0", "partner_name/0", "persona/1", "turn/0", "object/0"), ("turn/0",)
    said = tuple(Turn(1, "Geese!", grounding=some) for some in keys)
    told = [talk("a", ["I fear geese.", "I bake."], ["I dig."]), talk("b", ["I sing."], ["I swim."])]
    told[0] = dataclasses.replace(told[0], turns=said)
    drawn, other = [pair for pair in speaker_pairs(told, ExampleConfig()) if pair.episode == "a"]
    assert [drawn.facts[i] for i in drawn.gold] == ["My name is Mira a.", "I bake."]
    assert other.gold == ()


def test_who_has_no_name_has_no_fact_of_it():
    told = [talk("a", ["I fear geese."], ["I dig."]), talk("b", ["I sing."], ["I swim."])]
    tam, mira = told[0].characters
    nameless = dataclasses.replace(mira, name="")
    told[0] = dataclasses.replace(
        told[0], characters=(tam, nameless), turns=(Turn(1, "Geese!", grounding=("persona/0",)),)
    )
    [pair] = [pair for pair in speaker_pairs(told, ExampleConfig()) if pair.episode == "a"]
    assert apart(pair)[0] == ("I fear geese.",)
    assert pair.gold == (0,)


def test_a_turn_without_words_is_nobodys_reply():
    told = [talk("a", ["I bake."], ["I dig."]), talk("b", ["I sing."], ["I swim."])]
    assert all(pair.question for pair in speaker_pairs(told, ExampleConfig()))
    assert {pair.id for pair in speaker_pairs(told, ExampleConfig())} == {"a:1/1", "b:1/1"}


@pytest.mark.parametrize(
    "told",
    [
        [talk("a", ["I bake."], ["I dig."])],
        [talk("a", [], ["I dig."]), talk("b", [], ["I swim."])],
        [talk("a", ["I bake."], []), talk("b", ["I sing."], [])],
        [talk("a", ["I bake."], ["I dig."]), talk("b", ["I bake.", "I sing."], ["I swim."])],
        [talk("a", ["I bake."], ["I dig."]), talk("b", ["I dig."], ["I bake."])],
    ],
)
def test_where_one_of_the_three_is_missing_there_is_no_pair(told):
    assert list(speaker_pairs(told, ExampleConfig())) == []
    assert [dict(found) for _, found in personas(told)] == [{} for _ in told]


def test_both_may_learn():
    told = [talk("a", ["I bake."], ["I dig."], (0, 1)), talk("b", ["I sing."], ["I swim."])]
    pairs = {pair.id: pair for pair in speaker_pairs(told, ExampleConfig())}
    assert [facts[1:] for facts in apart(pairs["a:0/0"])] == [("I dig.",), ("I bake.",), ("I sing.",)]
    assert [turn.speech for turn in pairs["a:0/0"].history] == ["Hail!"], "nobody spoke before"


def test_asides_are_replies_too():
    aside = Aside(2, Turn(0, "What do you fear?"), Turn(1, "Owls."))
    told = [
        dataclasses.replace(talk("a", ["I bake."], ["I dig."]), asides=(aside,)),
        talk("b", ["I sing."], ["I swim."]),
    ]
    found = [pair for pair in speaker_pairs(told, ExampleConfig(), with_asides=True) if pair.episode == "a"]
    assert ["Hail!", "Geese!"] in [[turn.speech for turn in pair.history] for pair in found]
    assert ["What do you fear?", "Owls."] in [[turn.speech for turn in pair.history] for pair in found]


def test_in_the_world_everybody_has_a_stranger():
    found = list(speaker_pairs(world("test", 30, config=WorldConfig()), ExampleConfig()))
    assert len({pair.episode for pair in found}) == 30
    for pair in found:
        assert len(pair.people) == 3
        assert sum(pair.people) == len(set(pair.facts)), "what two of them share tells nobody apart"


def test_the_exchange_leaves_out_what_was_said_before_and_what_is_told():
    def turn(who, number, speech):
        return HistoryTurn(who, number, speech, "", "")

    history = (turn(1, 0, "Old."), turn(1, 1, "New?"), turn(0, 2, "Mine."))
    assert exchange(history, "Reply.") == (turn(1, 1, "New?"), turn(0, 2, "Reply."))
    assert exchange((), "Reply.") == (turn(0, 0, "Reply."),)
