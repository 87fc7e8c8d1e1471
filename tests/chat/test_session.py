import json
import types

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_tf.chat.bot import Answer, Bot
from persona_tf.chat.session import BOT, MAX_ITEMS, PARTNER, Session
from persona_tf.decoding.config import DecodeConfig
from persona_tf.episode import Character, Episode, Fact, Setting, Thing, Turn
from persona_tf.example import ExampleConfig, Item
from persona_tf.learner import examples

MILL = Setting("Mill", "village", ("It is old.", "It leans."), (Thing("a sack", "It smells."),), ("a cat",))
MIRA = Character("Mira", (Fact("I bake bread."), Fact("I fear geese.")), carrying=(Thing("a spoon"),))
TAM = Character("Tam")
NOBODY = Character("")


class FakeBot:
    """Answers by number and remembers what it was shown; fails when told to."""

    def __init__(self, **config):
        self.bundle = types.SimpleNamespace(example=ExampleConfig(**config))
        self.shown, self.seeds, self.error = [], [], None

    def answer(self, batch, seed=0):
        if self.error:
            raise self.error
        self.shown += batch
        self.seeds.append(seed)
        return [[Answer(f"answer {len(self.shown)}", "nod", "smile", {}, 3)]]


@pytest.fixture
def bot():
    return FakeBot()


@pytest.fixture
def session(bot):
    return Session(bot, MILL, MIRA, TAM, seed=3)


@pytest.fixture(scope="module")
def real_bot(bundle_dir):
    return Bot.load(bundle_dir, DecodeConfig("sample", max_reply_tokens=6, max_action_tokens=3))


def test_a_conversation_grows_by_the_partners_turn_and_the_answer(session):
    answer = session.say("Good day!", "hug Mira", "wave")
    first, second = session.episode.turns
    assert (first.speaker, first.speech, first.action, first.emote) == (PARTNER, "Good day!", "hug Mira", "wave")
    assert (second.speaker, second.speech, second.action, second.emote) == (BOT, "answer 1", "nod", "smile")
    assert answer.reply == "answer 1"
    assert (session.episode.characters, session.episode.learners) == ((TAM, MIRA), (BOT,))
    assert session.episode.setting == MILL


def test_of_a_long_conversation_half_is_left_out_at_once():
    bot = FakeBot(history_tokens=120)
    session = Session(bot, MILL, MIRA, TAM)
    for number in range(40):
        session.say(f"This is what I say as number {number:3}, and no more than that.")
    firsts = [example.history[0].turn for example in bot.shown]
    assert firsts == sorted(firsts)
    moves = [i for i in range(1, len(firsts)) if firsts[i] > firsts[i - 1]]
    assert 5 < len(moves) < 20, "now and then, not at every turn"
    for example in bot.shown:
        sizes = [len(turn.speech) // 3 + 3 for turn in example.history]
        assert sum(sizes) <= 120
        assert len(example.history) >= 3 or example in bot.shown[:2]
        assert example.history[-1].speech.startswith("This is what I say"), "what was said last is always there"


def test_what_is_told_in_the_history_is_never_left_out():
    plain, told = FakeBot(history_tokens=120), FakeBot(history_tokens=120, knowledge_as_history=True)
    for bot in (plain, told):
        session = Session(bot, MILL, MIRA, TAM)
        for number in range(20):
            session.say(f"This is what I say as number {number:3}, and no more than that.")
    for one, other in zip(plain.shown, told.shown, strict=True):
        assert other.told == len(one.items)
        assert other.history[other.told :] == one.history, "as much is left out as where it takes no room"


def test_a_very_long_turn_does_not_push_out_all_others():
    bot = FakeBot(history_tokens=120)
    session = Session(bot, MILL, MIRA, TAM)
    session.say("My mare is called Fig.")
    session.say("x" * 100_000)
    assert [turn.speech[:7] for turn in bot.shown[-1].history] == ["My mare", "answer ", "xxxxxxx"]


def test_a_reply_can_be_told_while_it_is_written(real_bot):
    pieces, session = [], Session(real_bot, MILL, MIRA, TAM, seed=1)
    answer = session.say("Good day!", on_text=pieces.append)
    assert "".join(pieces) == answer.reply
    again = Session(real_bot, MILL, MIRA, TAM, seed=1).say("Good day!")
    assert (again.reply, again.action, again.emote) == (answer.reply, answer.action, answer.emote)

    def stop(piece):
        raise KeyboardInterrupt

    turns = session.episode.turns
    with pytest.raises(KeyboardInterrupt):
        session.say("And now?", on_text=stop)
    assert session.episode.turns == turns


def test_the_bot_may_speak_first(session, bot):
    session.open()
    assert [turn.speaker for turn in session.episode.turns] == [BOT]
    assert bot.shown[0].history == ()


@pytest.mark.parametrize("kinds", [("persona", "self_name"), ExampleConfig().kinds])
@pytest.mark.parametrize("as_history", [False, True])
def test_talking_shows_what_training_shows(kinds, as_history):
    bot = FakeBot(kinds=kinds, knowledge_as_history=as_history)
    session = Session(bot, MILL, MIRA, TAM)
    session.open()
    session.say("One", "nod", "smile")
    session.say("")
    session.say("Two")
    [trained] = examples(session.episode, bot.bundle.example)
    assert len(bot.shown) == len(trained.targets) == 4
    for shown, target in zip(bot.shown, trained.targets, strict=True):
        assert (shown.id, shown.items, shown.told) == (trained.id, trained.items, trained.told)
        assert shown.knowledge == session.items
        assert shown.history == tuple(turn for turn in trained.history if turn.turn < target.turn)
        assert [one.turn for one in shown.targets] == [target.turn]


def test_nothing_said_adds_no_turn(session):
    session.say(" \n ")
    assert [turn.speaker for turn in session.episode.turns] == [BOT]


def test_each_answer_has_its_own_noise_and_a_reset_brings_it_back(session, bot):
    for _ in range(2):
        session.open()
        session.say("a")
        session.again()
        session.again()
        session.say("b")
        session.reset()
        assert session.episode.turns == ()
    first, second = bot.seeds[:5], bot.seeds[5:]
    assert first == second
    assert len(set(first)) == 5
    assert all(0 <= seed < 2**31 for seed in first)
    other = FakeBot()
    Session(other, MILL, MIRA, TAM, seed=4).open()
    assert other.seeds[0] not in first


def test_again_takes_the_place_of_the_last_answer(session, bot):
    session.say("a")
    session.again()
    assert [turn.speech for turn in session.episode.turns] == ["a", "answer 2"]
    assert bot.shown[0] == bot.shown[1]


def test_again_needs_an_answer(session):
    with pytest.raises(ValueError, match="no answer yet"):
        session.again()
    session.say("a")
    session.reset()
    with pytest.raises(ValueError, match="no answer yet"):
        session.again()


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_a_failure_leaves_the_conversation_as_it_was(session, bot, error):
    session.say("a")
    before = session.episode
    bot.error = error
    for speak in (lambda: session.say("b"), session.open, session.again):
        with pytest.raises(type(error)):
            speak()
        assert session.episode == before


def test_an_unknown_emote_is_an_error_that_lists_them(session):
    with pytest.raises(ValueError, match=r"applaud.*got 'smirk'"):
        session.say("a", emote="smirk")
    assert session.episode.turns == ()


def test_too_much_to_know_is_an_error_that_counts(bot):
    def with_facts(count):
        return Session(bot, None, Character("", tuple(Fact(f"I like {i}.") for i in range(count))), NOBODY)

    assert len(with_facts(MAX_ITEMS).items) == MAX_ITEMS
    with pytest.raises(ValueError, match=f"at most {MAX_ITEMS} .* got {MAX_ITEMS + 1}"):
        with_facts(MAX_ITEMS + 1)


def test_nowhere_and_nobody_is_enough(bot):
    session = Session(bot, None, NOBODY, NOBODY)
    session.say("hi")
    assert session.items == ()
    assert session.episode.setting is None


@given(st.text(), st.text())
def test_a_conversation_is_text_whatever_was_typed(speech, action):
    session = Session(FakeBot(), MILL, Character("Mira\ud800", (Fact("I \udcff."),)), TAM)
    session.say(speech + "\ud800\udfff", action)
    written = json.dumps(session.episode.to_json(), ensure_ascii=False).encode()
    assert Episode.from_json(json.loads(written)) == session.episode
    assert session.episode.characters[BOT].name == "Mira\ufffd"
    assert session.episode.turns[0].speech == f"{speech}\ufffd\ufffd".lstrip()


def test_a_real_bot_answers_and_leans_on_what_is_there(real_bot):
    session = Session(real_bot, MILL, MIRA, TAM, seed=1)
    session.open()
    answer = session.say("Good day!", "hug Mira", "smile")
    keys = {item.key for item in session.items} | {"turn/0", "turn/1"}
    assert set(answer.leant_on) <= keys
    assert "turn/1" in answer.leant_on
    assert 0 < sum(answer.leant_on.values()) <= 1 + 1e-5


def test_equal_seeds_give_equal_talks(real_bot):
    def talk(seed):
        session = Session(real_bot, MILL, MIRA, TAM, seed)
        answers = [session.say("hi"), session.say("ho"), session.again()]
        return [answer.reply for answer in answers]

    assert talk(1) == talk(1)
    assert talk(1) != talk(2)
    assert len(set(talk(1))) == 3


def test_a_real_bot_answers_nobody_nowhere(real_bot):
    session = Session(real_bot, None, NOBODY, NOBODY)
    assert session.open().leant_on == {}
    session.say("hi")
    assert len(session.episode.turns) == 3


@settings(max_examples=30, deadline=None)
@given(text=st.text(st.characters()))
def test_a_real_bot_takes_any_unicode(real_bot, text):
    session = Session(real_bot, None, Character("Mira", (Fact(text),)), Character(text))
    answer = session.say(text, text)
    assert session.episode.turns[-1].speech == answer.reply


@pytest.mark.parametrize("text", ["x" * 100_000, "x " * 50_000, "\0" * 100_000, "🐉" * 25_000])
def test_a_real_bot_takes_very_long_texts(real_bot, text):
    session = Session(real_bot, Setting(text, text, (text,)), Character(text, (Fact(text),)), NOBODY)
    session.say(text)
    session.say("And?")
    assert session.episode.turns[0].speech == text.strip()
    assert len(session.episode.turns) == 4


def test_a_real_bot_takes_a_long_conversation(real_bot):
    session = Session(real_bot, MILL, MIRA, TAM)
    for i in range(12):
        session.say(f"{i} words that fill the history " * 20)
    assert len(session.episode.turns) == 24


# ------------------------------------------------------------------------- an opening, and what comes to mind


def test_a_conversation_may_begin_with_turns_that_stay(bot):
    opening = (Turn(BOT, "Good day!\ud800", "wave", "smile"),)
    session = Session(bot, MILL, MIRA, TAM, opening=opening)
    assert session.episode.turns == (Turn(BOT, "Good day!\ufffd", "wave", "smile"),)
    with pytest.raises(ValueError, match="no answer yet"):
        session.again()
    session.say("Hi")
    assert [turn.speech for turn in bot.shown[0].history] == ["Good day!\ufffd", "Hi"]
    session.reset()
    assert len(session.episode.turns) == 1
    session.reset((Turn(BOT, "Hm?"),))
    session.say("Hi")
    session.reset()
    assert [turn.speech for turn in session.episode.turns] == ["Hm?"]
    session.reset(())
    assert session.episode.turns == ()


def lore(*texts, kind="setting_description"):
    return tuple(Item(f"lore/{number}", kind, text) for number, text in enumerate(texts))


def test_what_comes_to_mind_is_known_for_one_answer(bot):
    asked = []

    def recall(turns):
        asked.append([turn.speech for turn in turns])
        return lore("The tower is old.\ud800") if "tower" in turns[-1].speech else ()

    session = Session(bot, MILL, MIRA, TAM, recall=recall)
    known = session.items
    session.say("The tower?")
    assert asked == [["The tower?"]]
    assert session.items == bot.shown[0].items == known + lore("The tower is old.\ufffd")
    session.again()
    assert bot.shown[1].items == bot.shown[0].items
    session.say("And now?")
    assert bot.shown[2].items == known
    assert session.items == bot.shown[1].items, "so that what an answer leant on still has a text"
    session.say("tower")
    session.reset()
    assert session.items == known


def test_what_the_bot_cannot_know_does_not_come_to_its_mind():
    bot = FakeBot(kinds=("persona",))
    items = (*lore("The tower is old."), Item("lore/1", "persona", "I fear towers."))
    session = Session(bot, MILL, MIRA, TAM, recall=lambda turns: items)
    session.open()
    assert [item.key for item in bot.shown[0].items if item.key.startswith("lore")] == ["lore/1"]


def test_who_writes_facts_knows_those_of_the_partner_that_come_to_mind():
    items = (Item("memory/1", "partner_persona", "I am a guard."),)
    for writes in (False, True):
        bot = FakeBot(learn_facts=writes)
        session = Session(bot, MILL, MIRA, TAM, recall=lambda turns: items)
        session.open()
        assert (bot.shown[0].items[-1:] == items) == writes
        assert session.own_items == bot.shown[0].items[: len(session.own_items)]


def test_a_fact_of_the_persona_can_be_dropped(session, bot):
    before = session.items
    session.say("Hi")
    [geese] = [item for item in before if item.text == "I fear geese."]
    session.drop_fact(1)
    assert set(session.items) == set(before) - {geese}, "the keys of the others stay"
    session.say("Well?")
    assert set(bot.shown[1].items) == set(session.items)
    assert len(session.episode.turns) == 4
    assert Session.restore(bot, session.state()).items == session.items
    for number in (-1, 2):
        with pytest.raises(ValueError, match=f"expected a fact from 0 to 1, got {number}"):
            session.drop_fact(number)


def test_what_comes_to_mind_has_the_room_that_is_left(bot):
    session = Session(bot, MILL, MIRA, TAM, recall=lambda turns: lore(*map(str, range(500))))
    session.open()
    assert len(session.items) == len(bot.shown[0].items) == MAX_ITEMS
    assert session.items[-1].text == str(MAX_ITEMS - len(Session(bot, MILL, MIRA, TAM).items) - 1)


def test_a_failure_leaves_in_mind_what_was_there(session, bot):
    session = Session(bot, MILL, MIRA, TAM, recall=lambda turns: lore(*"abc"[: len(turns)]))
    session.say("a")
    before = session.items
    bot.error = MemoryError()
    with pytest.raises(MemoryError):
        session.say("b")
    assert session.items == before


def test_a_real_bot_leans_on_what_comes_to_its_mind(real_bot):
    found = {"now": lore("The tower is called Fenwick.", "It is old.")}
    session = Session(real_bot, MILL, MIRA, TAM, seed=1, recall=lambda turns: found["now"])
    answers = [session.say("The tower?")]
    assert {"lore/0", "lore/1"} <= set(answers[0].leant_on)
    found["now"] = ()
    answers.append(session.say("And?"))
    assert not [key for key in answers[1].leant_on if key.startswith("lore")]
    plain = Session(real_bot, MILL, MIRA, TAM, seed=1, opening=session.episode.turns[:2])
    assert plain.say("And?").reply == answers[1].reply, "what is known is read anew where it changes"


def test_of_a_persona_of_many_facts_none_is_shown_but_what_comes_to_mind(bot):
    many = Character("Mira", tuple(Fact(f"Fact {n}.") for n in range(300)))
    with pytest.raises(ValueError, match="expected at most 128 facts"):
        Session(bot, MILL, many, TAM)
    session = Session(bot, MILL, many, TAM, most_facts=12)
    session.say("Hi")
    assert not any(item.kind == "persona" for item in bot.shown[0].items)
    assert len(session.facts) == 300
    assert list(session.facts.items())[11] == ("persona/11", "Fact 11.")
    again = Session.restore(bot, session.state(), most_facts=12)
    assert again.facts == session.facts, "all of them stay"
    again.recall = lambda turns: [Item("memory/7", "persona", "I sing."), Item("lore/0", "persona", "I am old.")]
    again.say("Hi")
    assert [item.key for item in bot.shown[1].items if item.kind == "persona"] == ["memory/7", "lore/0"]
    asked = again.to_say("Hi", facts=["persona/3"])
    assert sorted(i.key for i in asked.example.items if i.kind == "persona") == ["lore/0", "persona/3"], "these alone"
    few = Session(bot, MILL, MIRA, TAM, most_facts=2)
    few.say("Hi")
    assert sum(item.kind == "persona" for item in bot.shown[2].items) == 2
