"""Validation: facts are ticked, the reply is made of these, and rated; and all of it can be trained on."""

import gzip
import json

import pytest

from persona_tf.chat_file import ChatFile
from persona_tf.data.chats import export_chats, read_chats
from persona_tf.episode import Character, Episode, Fact
from persona_tf.serving.telegram.texts import ALL


@pytest.fixture(params=["en", "ru"])
def language(request):
    return request.param


@pytest.fixture
def texts(language):
    return ALL[language]


def newest(tmp_path):
    file = ChatFile(tmp_path / "c.sqlite", read_only=True)
    try:
        return file.get(file.newest(1)[0].id)
    finally:
        file.close()


def test_facts_are_ticked_then_the_reply_is_rated(start, telegram, fake, texts, language, tmp_path):
    with start():
        assert telegram.ask(5, "/validation", language)["text"] == texts.validation
        offer = telegram.ask(5, "Who are you?", language)
        # By what the bot leant on: the last fact most.
        assert offer["text"].endswith("1. I fear geese.\n2. My cat is called Fig.\n3. I bake bread.")
        assert fake.labels(offer) == [
            "⬜️ 1. I fear geese.",
            "⬜️ 2. My cat is called Fig.",
            "⬜️ 3. I bake bread.",
            f"➡️ {texts.answer}",
        ]
        number = offer["message_id"]
        for label, boxes in (("geese", "x--"), ("bread", "x-x"), ("geese", "--x"), ("Fig", "-xx")):
            shown = ["☑️" if box == "x" else "⬜️" for box in boxes]
            query = telegram.press(telegram.messages[number], label, language)
            telegram.wait(lambda shown=shown: [t[:2] for t in fake.labels(telegram.messages[number])][:3] == shown)
            assert telegram.told(query) == ""
        telegram.press(telegram.messages[number], texts.answer, language)
        reply = telegram.wait_sent(5, 3)
        assert "| I bake bread. My cat is called Fig. |" in reply["text"], "the ticked facts alone"
        asked = telegram.messages[number]
        assert not fake.buttons(asked)
        assert asked["text"].endswith("⬜️ 1. I fear geese.\n☑️ 2. My cat is called Fig.\n☑️ 3. I bake bread.")
        qualities = list(texts.qualities.values())
        assert fake.labels(reply) == [f"▫️ {name}" for name in qualities]
        for place, marks in ((0, "👍▫▫"), (1, "👍👍▫"), (1, "👍👎▫"), (2, "👍👎👍"), (2, "👍👎👎"), (2, "👍👎▫")):
            telegram.press(telegram.messages[reply["message_id"]], qualities[place], language)
            telegram.wait(
                lambda m=marks: [t[0] for t in fake.labels(telegram.messages[reply["message_id"]])] == list(m)
            )
    kept = newest(tmp_path)
    [_, made] = kept.state["choices"]
    [alternative] = made["alternatives"]
    assert alternative["ticked"] == ["persona/1", "persona/0"]
    assert alternative["rating"] == {"logical": True, "specific": False}


def test_what_was_ticked_and_rated_is_training_data(start, telegram, fake, tmp_path):
    with start():
        telegram.ask(5, "/validation")
        offer = telegram.ask(5, "Who are you?")
        telegram.press(offer, "Fig")
        telegram.press(offer, "Answer")
        reply = telegram.wait_sent(5, 3)
        telegram.press(reply, "logical")
        telegram.wait(lambda: "👍 logical" in fake.labels(telegram.messages[reply["message_id"]]))
        # A second one, which is bad, and after which the export ends.
        offer = telegram.ask(5, "And then?")
        telegram.press(offer, "Answer")
        reply = telegram.wait_sent(5, 5)
        assert "turns 3 | |" in reply["text"], "none ticked: none shown"
        telegram.press(reply, "personal")
        telegram.wait(lambda: "👍 personal" in fake.labels(telegram.messages[reply["message_id"]]))
        telegram.press(telegram.messages[reply["message_id"]], "personal")
        telegram.wait(lambda: "👎 personal" in fake.labels(telegram.messages[reply["message_id"]]))
    counts = export_chats(tmp_path / "c.sqlite", tmp_path / "data")
    assert sum(counts.values()) == 1
    [split] = [split for split, count in counts.items() if count]
    [episode] = read_chats(split, tmp_path / "data")
    assert [turn.speech for turn in episode.turns[:1]] == ["Who are you?"]
    assert episode.turns[1].grounding == ("persona/1",)
    assert len(episode.turns) == 3, "without the reply that is rated badly"
    with gzip.open(tmp_path / "data" / "chats" / f"{split}.jsonl.gz", "rt") as file:
        assert "chat" not in json.loads(file.readline()), "nobody is named"


def test_a_retriever_chooses_the_ten_best_of_many(start, telegram, fake, talking, tmp_path):
    facts = tuple(Fact(f"Fact {number}.") for number in range(25))
    scene = Episode("d", "demo", None, (Character(""), Character("Mira", facts)), (), learners=(1,))
    asked = []

    def rank(turns, texts, count):
        asked.append(([turn.speech for turn in turns], list(texts)))
        return [place for place, text in enumerate(texts) if text.endswith("7.")] + list(range(count - 2))

    def load_minds():
        minds = talking.load_minds(tmp_path / "memory")
        minds.best = rank
        return minds

    with start(draw=lambda seed: scene, load_minds=load_minds):
        telegram.ask(5, "Hello")
        telegram.ask(5, "/validation")
        offer = telegram.ask(5, "Who?")
    assert [label[3:].strip() for label in fake.labels(offer)[:3]] == ["1. Fact 7.", "2. Fact 17.", "3. Fact 0."]
    assert len(fake.buttons(offer)) == 11
    [(turns, texts)] = asked
    assert turns[0] == "Hello"
    assert turns[-1] == "Who?", "the dialogue, not the last message alone"
    assert texts == [fact.text for fact in facts]


def test_words_before_an_answer_are_added_to_what_was_said(start, telegram, fake):
    with start():
        telegram.ask(5, "/validation")
        first = telegram.ask(5, "One.")
        second = telegram.ask(5, "Two.")
        query = telegram.press(first, "Answer")
        telegram.wait(lambda: telegram.told(query) is not None)
        assert telegram.told(query) == ALL["en"].old_button
        telegram.press(second, "Answer")
        assert telegram.wait_sent(5, 4)["text"].startswith("Heard: One. Two. | turns 1 |")


def test_undo_and_simple_while_facts_are_offered(start, telegram, texts, language):
    with start():
        telegram.ask(5, "/validation", language)
        telegram.ask(5, "One.", language)
        assert telegram.ask(5, "/undo", language)["text"] == texts.undone_unsaid.format(text="One.")
        telegram.ask(5, "Two.", language)
        reply = telegram.ask(5, "/simple", language, answers=2)
        assert telegram.sent(5)[-2]["text"] == texts.simple
        assert reply["text"].startswith("Heard: Two. | turns 1 | I bake bread. I fear geese. My cat")
        assert "reply_markup" not in telegram.ask(5, "Three.", language)


def test_without_facts_the_reply_comes_at_once(start, telegram, fake, texts, language):
    with start(draw=None):
        assert texts.no_facts in telegram.ask(5, "/validation", language)["text"]
        reply = telegram.ask(5, "Hello", language)
        assert reply["text"].startswith("Heard: Hello | turns 1")
        assert len(fake.buttons(reply)) == 3


def test_one_fact_is_enough(start, telegram, fake):
    with start(draw=None):
        telegram.ask(5, "/persona add I sing.")
        telegram.ask(5, "/validation")
        assert fake.labels(telegram.ask(5, "Hello")) == ["⬜️ 1. I sing.", "➡️ Answer"]


def test_ticks_and_the_question_survive_a_restart(start, telegram, fake):
    with start():
        telegram.ask(5, "/validation")
        offer = telegram.ask(5, "Who are you?")
        telegram.press(offer, "Fig")
        telegram.wait(lambda: "☑️ 2. My cat is called Fig." in fake.labels(telegram.messages[offer["message_id"]]))
    with start():
        telegram.press(offer, "Answer")
        assert "| My cat is called Fig. |" in telegram.wait_sent(5, 3)["text"]


@pytest.mark.parametrize(
    "data", ["t:00000000:0", "d:00000000", "r:1:00000000:0", "r:99:00000000:0", "", "t:x", "☃" * 9]
)
def test_a_button_of_an_old_message_is_answered_and_goes(start, telegram, fake, texts, language, data):
    with start():
        telegram.ask(5, "/validation", language)
        offer = telegram.ask(5, "Who are you?", language)
        query = telegram.press_blindly(offer, data, language)
        telegram.wait(lambda: telegram.told(query) is not None)
        assert telegram.told(query) == texts.old_button
        telegram.wait(lambda: not fake.buttons(telegram.messages[offer["message_id"]]))


def test_a_rating_of_what_was_taken_back_rates_nothing_else(start, telegram, fake, tmp_path):
    with start():
        telegram.ask(5, "/validation")
        telegram.press(telegram.ask(5, "One?"), "Answer")
        old = telegram.wait_sent(5, 3)
        telegram.ask(5, "/undo")
        telegram.press(telegram.ask(5, "Two?"), "Answer")
        telegram.wait_sent(5, 6)
        query = telegram.press(old, "logical")
        telegram.wait(lambda: telegram.told(query))
    assert newest(tmp_path).state["choices"][1]["alternatives"][0]["rating"] == {}
