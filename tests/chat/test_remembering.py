"""Facts are written down, made up, taken back: with a bot whose facts are known, and with one that learned it."""

import types

import pytest

from persona_tf.chat.answer import Answer
from persona_tf.chat.recalling import RecallConfig
from persona_tf.chat.remembering import attend, begin
from persona_tf.chat.session import BOT, Session
from persona_tf.episode import Character, Fact, Setting, Turn
from persona_tf.example import ExampleConfig, Item, OwnedFact
from persona_tf.retrieval.memory.facts import NewFact

MILL = Setting("Mill", description=("It leans.",))
MIRA = Character("Mira", (Fact("I bake bread."), Fact("I fear geese.")))
TAM = Character("Tam")


class FactBot:
    """Reads "Note: OWNER FACT" in a turn as that fact; asked "Where ..." without a home it makes up one."""

    def __init__(self, **config):
        self.bundle = types.SimpleNamespace(example=ExampleConfig(**{"learn_facts": True, **config}))
        self.homes = ["Tarn", "Ashmoor", "Rome"]
        self.shown, self.read, self.asked, self.error = [], [], [], None

    def answer(self, batch, seed=0):
        if self.error:
            raise self.error
        self.shown += batch
        home = next((item.text for item in batch[0].items if _is_home(item)), "")
        return [[Answer(f"Well. {home}", "", "", {}, 3)]]

    def extract(self, batch):
        return [[self._stated(example, target) for target in example.targets] for example in batch]

    def _stated(self, example, target):
        turn = next(turn for turn in example.history if turn.turn == target.turn - 1)
        self.read.append(turn.turn)
        _, note, fact = turn.speech.partition("Note: ")
        owner, _, text = fact.partition(" ")
        if turn.who == 0 and "I live" in turn.speech:
            return (OwnedFact("self", turn.speech.removeprefix("Well. ")),)
        return (OwnedFact(owner, text),) if note else ()

    def invent(self, batch):
        [example] = batch
        self.asked.append(example)
        lacks = "Where" in example.history[-1].speech and not any(map(_is_home, example.items))
        return [[f"I live in {self.homes.pop(0)}." if lacks else ""]]


def _is_home(item):
    return item.kind == "persona" and item.text.startswith("I live in")


@pytest.fixture
def bot():
    return FactBot()


@pytest.fixture
def talk(bot, memory):
    """Session and what remembers."""
    return begin(bot, memory, MILL, MIRA, TAM, seed=1)


def said(memory):
    return [(fact.owner, fact.text, fact.source) for fact in memory.facts() if fact.source != "given"]


def test_what_both_say_is_written_down_and_comes_to_mind(talk, bot, memory):
    session, remembering = talk
    session.say("Note: partner My mare is called Bella.")
    [kept] = remembering.learn()
    assert (kept.kind, bot.read) == ("kept", [0, 1])
    assert said(memory) == [("partner", "My mare is called Bella.", "said")]
    assert memory.facts("partner")[0].turn == 1
    assert not any(item.key.startswith("memory") for item in bot.shown[0].items)
    session.say("What is my mare called?")
    told = [(item.kind, item.text) for item in bot.shown[1].items if item.key.startswith("memory")]
    assert told == [("partner_persona", "My mare is called Bella.")]
    assert bot.read == [0, 1]
    assert remembering.learn() == []
    assert bot.read == [0, 1, 2, 3], "each turn once"


def test_what_was_not_learned_after_an_exchange_is_before_the_next_answer(talk, bot, memory):
    session, remembering = talk
    session.say("Note: partner My mare is called Bella.")
    session.say("Hm.")
    assert bot.read == [0, 1]
    assert [item.text for item in bot.shown[1].items if item.kind == "partner_persona"] == ["My mare is called Bella."]
    assert [outcome.kind for outcome in remembering.learn()] == ["kept"], "and told later"


def test_conflicts_are_settled_and_told(talk, memory):
    session, remembering = talk
    session.say("Note: self I bake no bread.")
    [refused] = remembering.learn()
    assert (refused.kind, refused.others[0].text) == ("refused", "I bake bread."), "given beats said"
    session.say("Note: partner I live in Rome.")
    session.say("Note: partner I live in Bath.")
    replaced = remembering.learn()[-1]
    assert (replaced.kind, replaced.others[0].text) == ("replaced", "I live in Rome.")


def test_a_fact_that_is_lacking_is_made_up_before_the_answer_and_stays(talk, bot, memory):
    session, remembering = talk
    answer = session.say("Where do you live?")
    assert answer.reply == "Well. I live in Tarn."
    assert said(memory) == [("self", "I live in Tarn.", "invented")]
    assert bot.asked[0].items == session.own_items, "it is asked with all that is known"
    remembering.learn()
    assert said(memory) == [("self", "I live in Tarn.", "said")], "once it was said"
    for _ in range(3):
        session.say("Hm.")
    assert session.say("Where do you live, again?").reply == "Well. I live in Tarn."
    assert bot.homes == ["Ashmoor", "Rome"]
    assert len(bot.asked) == 5


def test_what_is_made_up_against_what_is_known_brings_that_to_mind(bot, make_memory):
    memory = make_memory()
    facts = [NewFact(f"Where do you live? x{n}", slot=f"s{n}", value=f"x{n}", source="given") for n in range(9)]
    memory.add([*facts, NewFact("I live in Bath.", source="said", turn=3)])
    session, remembering = begin(bot, memory, MILL, MIRA, TAM, config=RecallConfig(k=2))
    assert session.say("Where do you live? x1 x2").reply == "Well. I live in Bath."
    assert [outcome.kind for outcome in remembering.learn()][:1] == ["refused"]
    assert sum("I live in" in fact.text for fact in memory.facts()) == 1


def test_an_undo_takes_back_what_was_stored_and_brings_back_what_that_had_pushed_out(talk, memory):
    session, remembering = talk
    session.say("Note: partner I live in Rome.")
    remembering.learn()
    before = said(memory)
    session.say("Note: partner I live in Bath.")
    session.say("Note: world The mill is haunted.")
    remembering.learn()
    assert said(memory) == [("partner", "I live in Bath.", "said"), ("world", "The mill is haunted.", "said")]
    session.undo()
    remembering.learn()
    assert said(memory) == [("partner", "I live in Bath.", "said")]
    session.undo()
    remembering.learn()
    assert said(memory) == before
    session.reset()
    remembering.learn()
    assert said(memory) == []
    assert [fact.text for fact in memory.facts()] == [fact.text for fact in MIRA.facts]


def test_an_edit_takes_back_and_reads_anew(talk, bot, memory):
    session, remembering = talk
    session.say("Note: partner I live in Rome.")
    session.say("Note: partner My mare is called Bella.")
    remembering.learn()
    session.edit(0, "Note: partner I live in Bath.")
    remembering.learn()
    assert said(memory) == [("partner", "I live in Bath.", "said"), ("partner", "My mare is called Bella.", "said")]
    session.say_instead(2, "Never mind.")
    remembering.learn()
    assert said(memory) == [("partner", "I live in Bath.", "said")]


def test_an_answer_given_anew_may_rest_on_another_fact(talk, bot, memory):
    session, remembering = talk
    session.say("Where do you live?")
    remembering.learn()
    assert session.again().reply == "Well. I live in Ashmoor."
    remembering.learn()
    assert said(memory) == [("self", "I live in Ashmoor.", "said")]
    session.choose(0)
    remembering.learn()
    assert said(memory) == [("self", "I live in Tarn.", "said")]


def test_where_answering_fails_nothing_stays(talk, bot, memory):
    session, remembering = talk
    bot.error = MemoryError()
    with pytest.raises(MemoryError):
        session.say("Where do you live?")
    bot.error = None
    remembering.learn()
    assert said(memory) == []
    session.say("Hm.")
    assert said(memory) == []


def test_what_a_person_changed_meanwhile_stays(talk, memory):
    session, remembering = talk
    session.say("Note: partner I live in Rome.")
    session.say("Note: partner My mare is called Bella.")
    remembering.learn()
    rome, bella = memory.facts("partner")
    memory.edit(rome.number, "I live in Bath.")
    remembering.forget(bella.number)
    session.reset()
    remembering.learn()
    assert [fact.text for fact in memory.facts("partner")] == ["I live in Bath."]


def test_what_is_said_now_is_newer_than_an_earlier_conversation(bot, make_memory, tmp_path):
    for town in ("Rome", "Bath"):
        memory = make_memory(tmp_path / "memory.sqlite")
        session, remembering = begin(bot, memory, MILL, MIRA, TAM)
        for _ in range(3 if town == "Rome" else 0):
            session.say("Hm.")
        session.say(f"Note: partner I live in {town}.")
        remembering.learn()
    assert [fact.text for fact in memory.facts("partner")] == ["I live in Bath."]
    assert len(memory.facts("self")) == 2, "the persona is there once"


def test_a_fact_of_the_persona_can_be_forgotten(talk, bot, memory):
    session, remembering = talk
    geese = next(fact for fact in memory.facts() if "geese" in fact.text)
    assert remembering.forget(geese.number) == geese
    session.say("What do you fear?")
    assert "I fear geese." not in [item.text for item in bot.shown[0].items]
    assert "I bake bread." in [item.text for item in bot.shown[0].items]
    memory.add([NewFact("I fear geese.", source="given")])
    session.say("What do you fear?")
    assert "I fear geese." in [item.text for item in bot.shown[1].items], "it may be told again"
    with pytest.raises(KeyError):
        remembering.forget(99)


def test_a_lorebook_stands_beside_the_memory_and_is_known_when_something_is_made_up(bot, memory):
    lore = (Item("lore/0", "persona", "I live in Holm."),)
    session, _ = begin(bot, memory, MILL, MIRA, TAM, recall=lambda turns: lore)
    assert session.say("Where do you live?").reply == "Well. I live in Holm."
    assert bot.homes[0] == "Tarn"


def test_a_persona_of_many_facts_costs_an_answer_as_much_as_one_of_few(bot, make_memory):
    sizes = []
    for count in (10, 300):
        me = Character("Mira", tuple(Fact(f"I own a thing of kind x{n}.", f"s{n}", f"x{n}") for n in range(count)))
        session, _ = begin(bot, make_memory(), MILL, me, TAM)
        session.say("What is x7?")
        sizes.append(len(bot.shown[-1].items))
        assert "I own a thing of kind x7." in [item.text for item in bot.shown[-1].items]
    assert sizes[1] <= sizes[0]


def test_a_bot_that_never_learned_it_only_recalls(memory):
    bot = FactBot(learn_facts=False)
    session, remembering = begin(bot, memory, MILL, MIRA, TAM)
    memory.add([NewFact("My mare is called Bella.", source="given")])
    session.say("Note: partner I live in Rome. Where?")
    assert remembering.learn() == []
    assert (bot.read, bot.asked, remembering.learns) == ([], [], False)
    assert "My mare is called Bella." in [item.text for item in bot.shown[0].items]


def test_what_was_said_before_it_attended_is_read_in_bits_that_are_seen_whole(memory):
    bot = FactBot(history_tokens=60)
    opening = [Turn(n % 2, f"Turn number {n} of a talk that is long.") for n in range(50)]
    session, remembering = begin(bot, memory, MILL, MIRA, TAM, opening=opening)
    remembering.learn()
    assert bot.read == list(range(50))
    assert session.episode.turns[1].speaker == BOT


def opened_again(bot, memory, session):
    """The same conversation in another program."""
    again = Session.restore(bot, session.state())
    return again, attend(bot, memory, again, goes_on=True)


def test_who_opens_a_conversation_again_can_take_back_what_was_learned_before(bot, make_memory, tmp_path):
    memory = make_memory(tmp_path / "memory.sqlite")
    session, remembering = begin(bot, memory, MILL, MIRA, TAM)
    session.say("Note: partner I live in Rome.")
    session.say("Note: partner I live in Bath.")
    remembering.learn()
    session.say("Where do you live?")
    assert ("self", "I live in Tarn.", "invented") in said(memory)
    session, remembering = opened_again(bot, make_memory(tmp_path / "memory.sqlite"), session)
    assert remembering.learn()[-1].kind == "duplicate", "what it made up it has said"
    read = list(bot.read)
    session, remembering = opened_again(bot, make_memory(tmp_path / "memory.sqlite"), session)
    remembering.learn()
    assert bot.read == read, "each turn once"
    assert said(memory) == [("partner", "I live in Bath.", "said"), ("self", "I live in Tarn.", "said")]
    session.edit(4, "Never mind.")
    session, remembering = opened_again(bot, make_memory(tmp_path / "memory.sqlite"), session)
    session.undo()
    remembering.learn()
    assert said(memory) == [("partner", "I live in Bath.", "said")]
    session.undo()
    remembering.learn()
    assert said(memory) == [("partner", "I live in Rome.", "said")]
    assert memory.fact(3).text == "I live in Rome.", "under its own number"


def test_what_was_made_up_for_an_answer_that_never_came_goes(talk, bot, memory):
    session, remembering = talk
    session.say("Where do you live?")
    remembering.learn()
    bot.error = MemoryError()
    with pytest.raises(MemoryError):
        session.again()
    assert ("self", "I live in Ashmoor.", "invented") in said(memory)
    session, remembering = opened_again(bot, memory, session)
    remembering.learn()
    assert said(memory) == [("self", "I live in Tarn.", "said")], "the answer that stands there still"


def test_another_conversation_on_the_same_memory_takes_back_nothing(talk, bot, memory):
    session, remembering = talk
    session.say("Note: partner I live in Rome.")
    remembering.learn()
    session, remembering = begin(bot, memory, MILL, MIRA, TAM)
    session.say("Hm.")
    remembering.learn()
    assert said(memory) == [("partner", "I live in Rome.", "said")]
    assert remembering.turn_of(memory.facts("partner")[0]) is None


def test_notes_that_are_no_journal(bot, memory):
    memory.note(0, "1")
    memory.note(1, "{}")
    with pytest.raises(ValueError, match=r"no entry of a journal: '\{\}'"):
        attend(bot, memory, Session(bot, MILL, MIRA, TAM), goes_on=True)


def test_a_person_tells_and_changes_facts(talk, memory):
    _, remembering = talk
    told = remembering.tell("My mare is called Bella.", "partner")
    assert (told.kind, remembering.change(told.number, pinned=True).kind) == ("kept", "kept")
    assert remembering.change(told.number, "My mare is called Rose.", pinned=False).text == "My mare is called Rose."
    assert not memory.fact(told.number).pinned
    remembering.tell("I sing.", "partner")
    assert remembering.change(told.number, "I sing.", pinned=True).kind == "duplicate"
    assert not memory.fact(told.number).pinned, "all or nothing"
