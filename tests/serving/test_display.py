import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.chat.bot import Answer
from persona_tf.chat.session import Session
from persona_tf.episode import EMOTES, Character, Fact, Setting, Thing, Turn
from persona_tf.example import ExampleConfig, Item
from persona_tf.serving import display
from persona_tf.serving.display import FACES, Ink

LEANT_ON = {"persona/1": 0.5, "turn/0": 0.25, "setting_name/0": 0.126, "object/0": 0.1}
ANSWER = Answer("Well met.", "hug Tam", "smile", LEANT_ON, 5)


def talk(answer, setting=None, me=None, partner=None):
    """A session in which the partner said "Good day!" and the bot answered."""
    bot = types.SimpleNamespace(
        bundle=types.SimpleNamespace(example=ExampleConfig()), answer=lambda batch, seed: [[answer]]
    )
    session = Session(bot, setting, me or Character(""), partner or Character(""))
    session.say("Good day!")
    return session


@pytest.fixture
def session():
    mill = Setting("Mill", "village", ("It leans.",), (Thing("a sack", "It smells."), Thing("a rope")), ("a cat",))
    mira = Character("Mira", (Fact("I fear geese."), Fact("I bake " + "very " * 30 + "good bread.")))
    return talk(ANSWER, mill, mira, Character("Tam", (Fact("I sail."),), wearing=(Thing("a hat"),)))


def test_every_emote_has_its_own_face():
    assert tuple(FACES) == tuple(EMOTES)
    assert len(set(FACES.values())) == len(EMOTES)
    assert all(len(face) == 1 for face in FACES.values())


def test_an_answer_shows_reply_action_emote_and_the_three_it_leant_on_most(session):
    said, leant_on = display.answer(session, ANSWER, Ink(False))
    assert said == "Mira: Well met. *hug Tam* (smile) 🙂"
    fact = "I bake very very very very very very very very very ver…"
    assert leant_on == f"leant on: 50% {fact} · 25% Tam: Good day! · 13% Mill, village"


def test_styles_are_for_terminals(session):
    said, leant_on = display.answer(session, ANSWER, Ink(True))
    assert "\033[3m*hug Tam*\033[0m" in said
    assert leant_on.startswith("\033[2mleant on: ")
    assert "\033" not in "".join(display.answer(session, ANSWER, Ink(False)))


def test_what_is_missing_is_not_shown():
    def said(*parts):
        answer = Answer(*parts, {}, 0)
        return list(display.answer(talk(answer), answer, Ink(False)))

    assert said("Hi.", "", "") == ["bot: Hi."]
    assert said("", "", "wink") == ["bot: (wink) 😉"]
    assert said("", "", "") == ["bot: ..."]


def test_welcome_says_who_and_where_and_of_the_bot_its_name_alone(session):
    assert list(display.welcome(session, Ink(False))) == [
        "Mill, village",
        "  It leans.",
        "  There is:",
        "    a sack: It smells.",
        "    a rope",
        "  Also here: a cat",
        "",
        "You are Tam.",
        "  I sail.",
        "  wearing: a hat",
        "You meet Mira.",
    ]


def test_a_place_without_a_name_is_told_all_the_same(session):
    assert list(display.place(Setting("", description=("It leans.",)), Ink(False))) == ["  It leans."]


def test_a_turn_of_either_is_shown(session):
    assert display.turn(session, Turn(0, "Hi.", "wave", "nod"), Ink(False)) == "Tam: Hi. *wave* (nod) 👍"
    assert display.turn(session, Turn(1), Ink(True)) == "\033[1mMira\033[0m: ..."


def test_what_came_to_mind_is_named_by_its_text():
    found = (Item("lore/3", "setting_description", "The tower is old."),)
    answer = Answer("Hm.", "", "", {"lore/3": 1.0}, 1)
    bot = types.SimpleNamespace(bundle=types.SimpleNamespace(example=ExampleConfig()), answer=lambda *_: [[answer]])
    session = Session(bot, None, Character("Mira"), Character("Tam"), recall=lambda turns: found)
    session.say("The tower?")
    assert list(display.answer(session, answer, Ink(False)))[1] == "leant on: 100% The tower is old."


def test_welcome_of_nobody_nowhere():
    assert list(display.welcome(talk(ANSWER), Ink(False))) == ["You have no name here.", "You meet bot."]


@given(st.text())
def test_no_text_steers_the_terminal(text):
    answer = Answer(text, text, "", {}, 0)
    session = talk(answer, Setting(text, text, (text,)), Character(text, (Fact(text),)), Character(text))
    shown = [*display.welcome(session, Ink(False)), *display.answer(session, answer, Ink(False))]
    assert not any(set(line) & {"\033", "\r", "\n", "\b", "\x9b", "\0"} for line in shown)
