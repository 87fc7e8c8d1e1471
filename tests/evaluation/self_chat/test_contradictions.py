"""On the world's own dialogues there is no contradiction; where a value is exchanged, there is one."""

import dataclasses

import pytest

from persona_tf.data.world.generator import episodes
from persona_tf.episode import Character, Fact
from persona_tf.evaluation.self_chat.contradictions import (
    Assertion,
    Contradiction,
    asked_slots,
    assertions,
    judge,
    own_values,
)

BRAM = Character(
    "Eustace",
    (
        Fact("I have a bench in Ashmoor and nosy neighbours.", "home", "Ashmoor"),
        Fact("Heloise cheats and boasts.", "rival_name", "Heloise"),
        Fact("I hold grudges the way others hold land.", "temperament"),
    ),
)


@pytest.mark.parametrize(
    ("reply", "slot", "value", "template"),
    [
        ("I have settled in Hollowworth.", "home", "Hollowworth", "I have settled in {value}."),
        ("Ah! I have settled  in Hollowworth. Mind the step.", "home", "Hollowworth", "I have settled in {value}."),
        ("i have settled in Krultrer.", "home", "Krultrer", "I have settled in {value}."),
        ("Who else but Wrenna?", "rival_name", "Wrenna", "Who else but {value}?"),
        ("Ỷiựz is my name.", "own_name", "Ỷiựz", "{value} is my name."),
    ],
)
def test_another_value_in_a_wording_of_the_slot_is_a_contradiction(reply, slot, value, template):
    own = own_values(BRAM)[slot]
    assert judge(BRAM, reply).contradictions == (Contradiction(slot, value, template, own),)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "I have settled in Ashmoor.",
        "I have settled in the ASHMOOR.",
        "I have settled in gloom.",  # no town
        "I have settled in Hollowworth and stay.",  # no wording of the lexicon
        "They say I have settled in Hollowworth.",  # not a whole sentence
        "Hollowworth lies that way.",  # of the place
        "My sister is called Wrenna.",  # a slot that he has no fact of
        "You are Wrenna.",  # of the partner
    ],
)
def test_what_is_right_or_not_decided_is_no_contradiction(reply):
    assert judge(BRAM, reply).contradictions == ()


def test_what_is_right_is_an_assertion():
    assert judge(BRAM, "Who else but Heloise?").asserted == (
        Assertion("rival_name", "Heloise", "Who else but {value}?"),
    )


def test_right_and_wrong_in_one_reply():
    judged = judge(BRAM, "I have settled in Ashmoor. I have settled in Hollowworth.")
    assert [a.value for a in judged.asserted] == ["Ashmoor", "Hollowworth"]
    assert [c.value for c in judged.contradictions] == ["Hollowworth"]


def test_an_answer_to_something_else_is_not_judged():
    reply, question = "Who else but Wrenna?", "What is your sister's name?"
    assert asked_slots(question) == {"sister_name"}
    assert judge(BRAM, reply, question).contradictions == ()
    assert judge(BRAM, reply, "Good day! Who is your rival?").contradictions
    assert judge(BRAM, reply, "I lost my lantern.").contradictions


def test_a_persona_without_slots_contradicts_nothing_but_its_name():
    someone = Character("Mira", (Fact("I bake bread."),))
    assert judge(someone, "I have settled in Hollowworth. Who else but Wrenna?").asserted == ()
    assert judge(Character(""), "My name is Wrenna.").asserted == ()
    assert [c.own for c in judge(someone, "My name is Wrenna.").contradictions] == ["Mira"]


@pytest.mark.parametrize("text", ["{value}", "{", "?" * 500, "а́ " * 300, "My name is ", "\0"])
def test_odd_replies(text):
    assert assertions(text) == ()


def gold(split, count):
    """Each turn of some dialogues: its speaker, what was said before, and the turn."""
    for episode in episodes(split, count, seed=5):
        for before, turn in zip((None, *episode.turns), episode.turns, strict=False):
            yield episode.characters[turn.speaker], before.speech if before else "", turn


def false_alarms(split, count):
    found = [(turn.speech, judge(c, turn.speech, before)) for c, before, turn in gold(split, count)]
    assert sum(len(judged.asserted) for _, judged in found) > count
    return [(speech, judged.contradictions) for speech, judged in found if judged.contradictions]


@pytest.mark.parametrize("split", ["test", "test_unseen", "test_novel"])
def test_no_false_alarm_on_the_worlds_own_dialogues(split):
    assert false_alarms(split, 20) == []


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "test", "test_unseen", "test_novel"])
def test_no_false_alarm_on_three_hundred_dialogues(split):
    assert false_alarms(split, 300) == []


def test_nearly_every_exchanged_value_is_found():
    asked = found = 0
    for character, before, turn in (row for split in ("test", "test_unseen") for row in gold(split, 25)):
        probe = turn.probe
        if probe is None or probe.swap is None or not probe.swap.key.startswith("persona"):
            continue
        asked += 1
        lie = dataclasses.replace(turn, speech=turn.speech.replace(probe.value, probe.swap.value))
        wrong = judge(character, lie.speech, before).contradictions
        found += [(c.slot, c.own) for c in wrong] == [(probe.slot, probe.value)]
    assert asked > 50
    assert found / asked > 0.97
