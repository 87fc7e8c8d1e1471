"""Undo, edit, alternatives, going on, ratings, and a conversation that is kept and brought back."""

import copy
import json
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_tf.chat.answer import Answer
from persona_tf.chat.session import BOT, PARTNER, Session
from persona_tf.episode import EMOTES, Character, Fact, Setting, Turn
from persona_tf.example import ExampleConfig
from persona_tf.learner import examples

MILL = Setting("Mill", description=("It leans.",))
MIRA, TAM = Character("Mira", (Fact("I bake bread."), Fact("I fear geese."))), Character("Tam")


class FakeBot:
    """Says how many turns it has seen and what its noise was; leans on its first fact and the last turn."""

    bundle = types.SimpleNamespace(example=ExampleConfig())

    def __init__(self):
        self.shown = []

    def answer(self, batch, seed=0):
        [example] = batch
        self.shown.append((example, seed))
        last = {example.history[-1].key: 0.25} if example.history else {}
        said = f"I saw {len(example.history)} with {seed % 997}."
        return [[Answer(said, "", "nod", {"persona/0": 0.5} | last, 4, -1.0)]]


@pytest.fixture
def bot():
    return FakeBot()


@pytest.fixture
def session(bot):
    return Session(bot, MILL, MIRA, TAM, seed=3)


def said(session):
    return [(turn.speaker, turn.speech) for turn in session.episode.turns]


def test_undo_takes_back_what_was_said_with_its_answer(session):
    session.open()
    first = session.episode
    session.say("a")
    session.undo()
    assert session.episode == first
    session.undo()
    assert said(session) == []
    with pytest.raises(ValueError, match="nothing was said yet"):
        session.undo()


def test_undo_takes_back_only_the_last_of_two_answers(session):
    session.say("a")
    one = session.episode
    session.open()
    session.undo()
    assert session.episode == one


def test_what_is_said_again_after_an_undo_gets_the_same_answer(session):
    answer = session.say("a")
    session.undo()
    assert session.say("a") == answer


def test_an_edit_changes_one_turn_and_the_bot_is_shown_it(session, bot):
    session.say("a")
    session.say("b")
    session.edit(0, " A! ", "wave", "smile")
    session.edit(1, "Written by hand.")
    session.say("c")
    assert [turn.speech for turn in bot.shown[-1][0].history][:3] == ["A!", "Written by hand.", "b"]
    changed = session.choices[1].now
    assert (changed.edited, changed.answer.leant_on) == (True, {})
    assert (session.episode.turns[0].action, session.episode.turns[0].emote) == ("wave", "smile")


@pytest.mark.parametrize("call", [lambda s: s.edit(2, "x"), lambda s: s.edit(-1, "x"), lambda s: s.rate(7, {})])
def test_a_turn_that_is_not_there_is_named(session, call):
    session.say("a")
    with pytest.raises(ValueError, match="expected a turn from 0 to 1, got"):
        call(session)


def test_an_edit_leaves_something(session):
    session.say("a")
    with pytest.raises(ValueError, match="undo takes a turn back"):
        session.edit(0, "  ")


def test_what_is_said_instead_drops_all_that_came_after(session, bot):
    session.say("a")
    session.say("b")
    session.say("c")
    session.say_instead(2, "B!")
    assert [speech for speaker, speech in said(session) if speaker == PARTNER] == ["a", "B!"]
    assert len(bot.shown[-1][0].history) == 3
    with pytest.raises(ValueError, match="turn 1 is the bot's"):
        session.say_instead(1, "x")


def test_a_failure_in_the_place_of_another_turn_loses_nothing(session, bot, monkeypatch):
    session.say("a")
    session.say("b")
    before = session.state()

    def fails(*_):
        raise MemoryError

    monkeypatch.setattr(bot, "answer", fails)
    for speak in (lambda: session.say_instead(0, "x"), lambda: session.regenerate(2), session.go_on):
        with pytest.raises(MemoryError):
            speak()
        assert session.state() == before


def test_alternatives_are_kept_and_stepped_through(session, bot):
    first = session.say("a")
    second = session.again()
    more = session.regenerate(3)
    answers = [first, second, *more]
    assert [one.answer for one in session.choices[-1].alternatives] == answers
    assert session.episode.turns[-1].speech == more[0].reply
    assert len({seed for _, seed in bot.shown}) == 5
    assert len({example for example, _ in bot.shown}) == 1
    for number, answer in enumerate(answers):
        assert session.choose(number) == answer
        assert session.episode.turns[-1].speech == answer.reply
    with pytest.raises(ValueError, match="an alternative from 0 to 4, got 5"):
        session.choose(5)
    session.choose(1)
    session.say("b")
    assert bot.shown[-1][0].history[1].speech == second.reply


def test_what_is_regenerated_is_the_same_one_by_one_or_together(bot):
    one, other = (Session(bot, MILL, MIRA, TAM, seed=3) for _ in range(2))
    one.say("a")
    other.say("a")
    assert [one.again() for _ in range(3)] == other.regenerate(3)


@pytest.mark.parametrize("call", [lambda s: s.regenerate(1), lambda s: s.choose(0), lambda s: s.go_on()])
def test_before_an_answer_there_is_nothing_to_change(session, call):
    with pytest.raises(ValueError, match="no answer yet"):
        call(session)


def test_the_bot_goes_on_within_its_turn(session, bot):
    first = session.say("a")
    session.go_on()
    second = session.go_on()
    assert len(session.episode.turns) == 2
    assert (
        session.episode.turns[-1].speech
        == second.reply
        == f"{first.reply} I saw 2 with {bot.shown[1][1] % 997}. " + (f"I saw 2 with {bot.shown[2][1] % 997}.")
    )
    assert bot.shown[1][1] != bot.shown[2][1]
    assert bot.shown[2][0].history[1].speech == session.choices[-1].alternatives[1].answer.reply
    # Of 12 tokens all lean half on the fact, and 4 by a quarter on what was asked; it is no source of its own.
    assert second.leant_on == {"persona/0": pytest.approx(0.5), "turn/0": pytest.approx(0.25 / 3)}
    assert (second.tokens, second.log_prob) == (12, -3.0)
    assert session.choose(0) == first


def test_ratings_and_ticks_stay_with_their_alternative(session):
    session.say("a")
    session.rate(1, {"logical": True, "personal": False})
    session.tick(1, ["persona/1", "turn/0", "persona/1"])
    session.again()
    assert session.choices[1].now.rating == {}
    session.choose(0)
    session.rate(1, {"personal": None, "specific": True})
    assert session.choices[1].now.rating == {"logical": True, "specific": True}
    assert session.choices[1].now.ticked == ("persona/1", "turn/0")
    session.tick(1, None)
    assert session.choices[1].now.ticked is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.rate(0, {"logical": True}), "turn 0 is the partner's"),
        (lambda s: s.rate(1, {"nice": True}), "logical, specific, personal, got nice"),
        (lambda s: s.tick(1, ["persona/9"]), "got 'persona/9'"),
        (lambda s: s.tick(1, ["turn/1"]), "got 'turn/1'"),
    ],
)
def test_a_rating_of_nothing_is_refused(session, call, message):
    session.say("a")
    with pytest.raises(ValueError, match=message):
        call(session)


def test_questions_can_be_answered_elsewhere_but_not_twice(session, bot):
    question = session.to_say("a")
    assert session.episode.turns == ()
    [[answer]] = bot.answer([question.example], question.seeds[0])
    session.take(question, [answer])
    direct = Session(bot, MILL, MIRA, TAM, seed=3)
    assert direct.say("a") == answer
    assert direct.state() == session.state()
    with pytest.raises(ValueError, match="went on since"):
        session.take(question, [answer])
    with pytest.raises(ValueError, match="got none"):
        session.take(session.to_open(), [])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.text(max_size=5), st.text(max_size=5), st.sampled_from(("", *EMOTES))),
        st.tuples(st.sampled_from(("open", "again", "go_on", "undo", "reset"))),
        st.tuples(st.just("regenerate"), st.integers(0, 3)),
        st.tuples(st.just("choose"), st.integers(0, 3)),
        st.tuples(st.just("edit"), st.integers(0, 4), st.text(max_size=5)),
        st.tuples(st.just("say_instead"), st.integers(0, 4), st.text(max_size=5)),
        st.tuples(st.just("rate"), st.integers(0, 4), st.just({"logical": True})),
        st.tuples(st.just("tick"), st.integers(0, 4), st.just(["persona/0"])),
    ),
    max_size=12,
)


@settings(max_examples=60)
@given(steps=STEPS)
def test_whatever_was_done_a_conversation_comes_back_as_it_was(steps):
    session = Session(FakeBot(), MILL, MIRA, TAM, seed=1)
    for name, *arguments in steps:
        before = session.state()
        try:
            getattr(session, name)(*arguments)
        except ValueError:
            assert session.state() == before, "a refusal changes nothing"
        state = json.loads(json.dumps(session.state()))
        again = Session.restore(FakeBot(), state)
        assert (again.episode, again.choices, again.items) == (session.episode, session.choices, session.items)
        assert again.say("And?") == copy.copy(session).say("And?")
        for turn, choices in zip(session.episode.turns, session.choices, strict=True):
            assert (turn.speaker == BOT) == (choices is not None)
            if choices:
                assert turn.speech == choices.now.answer.reply
        session = Session.restore(FakeBot(), state)


def test_what_is_kept_is_what_training_reads(session):
    session.say("a")
    session.regenerate(2)
    session.say("b")
    [example] = examples(session.episode, ExampleConfig())
    assert [target.reply for target in example.targets] == [s for who, s in said(session) if who == BOT]


@pytest.mark.parametrize(
    "harm",
    [
        lambda s: s.clear(),
        lambda s: s.update(version=0),
        lambda s: s.pop("episode"),
        lambda s: s.update(choices=[]),
        lambda s: s["choices"][1].update(chosen=7),
        lambda s: s["choices"][1]["alternatives"][0]["answer"].update(more=1),
        lambda s: s["episode"]["characters"].pop(),
        lambda s: s.update(seed="x"),
    ],
)
def test_what_is_no_state_is_refused(session, bot, harm):
    session.say("a")
    state = json.loads(json.dumps(session.state()))
    harm(state)
    with pytest.raises(ValueError, match="state of a conversation"):
        Session.restore(bot, state)


@pytest.mark.parametrize("facts", [(), ("persona/1",), ("persona/0", "persona/1"), None])
def test_the_bot_can_be_shown_some_of_its_facts_alone(session, facts):
    question = session.to_say("Who are you?", facts=facts)
    shown = {item.key for item in question.example.items}
    both = ("persona/0", "persona/1")
    assert {key for key in shown if key.startswith("persona/")} == {*(both if facts is None else facts)}
    assert {"self_name/0", "partner_name/0", "setting_description/0"} <= shown
    answer = Answer("I fear geese.", "", "", {}, 4)
    session.take(question, [answer])
    session.tick(1, facts)
    assert {item.key for item in session.items if item.kind == "persona"} == {"persona/0", "persona/1"}


def test_a_conversation_knows_how_many_turns_it_began_with(bot):
    opening = [Turn(BOT, "Mind the step!")]
    session = Session(bot, MILL, MIRA, TAM, opening=opening)
    session.say("a")
    assert session.opening == 1
    assert Session.restore(bot, session.state()).opening == 1
