"""What cannot be done is said in words, with a next step; the bot goes on."""

import sqlite3
import threading

import pytest

from persona_tf.serving.model_thread import Limits
from persona_tf.serving.telegram import host
from persona_tf.serving.telegram.scene_commands import MAX_FACT, MAX_FACTS
from persona_tf.serving.telegram.texts import ALL, ENGLISH


@pytest.fixture(params=["en", "ru"])
def language(request):
    return request.param


@pytest.fixture
def texts(language):
    return ALL[language]


def test_what_was_typed_wrongly(start, telegram, texts, language):
    asked = {
        "/nonsense": texts.no_command.format(name="nonsense"),
        "/persona sing": texts.persona_usage,
        "/persona add": texts.fact_empty,
        "/persona add \n \n": texts.fact_empty,
        "/persona edit 2": texts.fact_empty,
        "/persona edit 9 I sing.": texts.no_fact.format(number="9"),
        "/persona edit": texts.no_fact.format(number="…"),
        "/persona remove one": texts.no_fact.format(number="one"),
        "/persona remove 0": texts.no_fact.format(number="0"),
        "/persona remove ²": texts.no_fact.format(number="²"),
        "/persona name": texts.persona_usage,
        "/persona name " + "a" * 101: texts.name_too_long.format(most=100, count=101),
        "/persona add " + "a" * 5000: texts.fact_too_long.format(most=MAX_FACT, count=5000),
        "/persona add " + "\n".join(f"Fact {i}." for i in range(98)): texts.too_many_facts.format(most=MAX_FACTS),
        "/place : It leans.": texts.place_usage,
        "/place " + "a" * 200: texts.place_too_long.format(name=100, count=20, most=500),
        "   ": texts.empty,
    }
    with start():
        for typed, expected in asked.items():
            assert telegram.ask(5, typed, language)["text"] == expected, typed[:40]
        assert (
            "| turns 1 | I bake bread. I fear geese. My cat is called Fig. |"
            in telegram.ask(5, "Hm?", language)["text"]
        )


def test_files_that_are_no_cards(start, telegram, texts, language):
    with start():
        for content, name in ((b"hello", "a.txt"), (b"{}", "a.json"), (b"\x89PNG\r\n\x1a\n", "a.png"), (b"", "a.json")):
            count = len(telegram.sent(5)) + 1
            telegram.send_file(5, content, name, language)
            assert telegram.wait_sent(5, count)["text"].startswith(texts.card_wrong.format(why="")), content
        count = len(telegram.sent(5)) + 1
        telegram.send_file(5, b"x", "a.png", language, size=21 << 20)
        assert telegram.wait_sent(5, count)["text"] == texts.card_large.format(most=20)
        assert not [call for call in telegram.of("getFile") if call.given["file_id"] == "file-4"]
        telegram._files.clear()
        telegram.send_file(5, b"{}", "a.json", language)
        telegram._files.clear()
        assert telegram.wait_sent(5, count + 1)["text"]
        telegram.send_photo(5, language)
        assert telegram.wait_sent(5, count + 2)["text"] == texts.card_photo
        telegram.send_sticker(5, language)
        assert telegram.wait_sent(5, count + 3)["text"] == texts.unreadable


def test_a_file_that_telegram_does_not_give(start, telegram, fake):
    with start():
        telegram.refusals["getFile"] = [fake.Refused(400, "Bad Request: file is too big")]
        telegram.send_file(5, b"{}", "a.json")
        assert telegram.wait_sent(5, 1)["text"] == ENGLISH.card_lost


def test_markup_and_half_characters_are_sent_as_text(start, telegram):
    nasty = "<b>*bold* _it_ [x](http://y) </b> `c` &amp; \u0000 \u202e <persona> \ud83d!"
    with start():
        assert "<b>*bold* _it_ [x](http://y) </b> `c` &amp;" in telegram.ask(5, nasty)["text"]
        assert "1. <b>*bold* _it_" in telegram.ask(5, f"/persona\n{nasty}")["text"]
        assert nasty[:20] in telegram.ask(5, f"/place {nasty}")["text"]


def test_long_replies_come_in_several_messages(start, telegram):
    with start():
        telegram.say(5, "long 1500")
        last = telegram.wait_sent(5, 2)
        pieces = [message["text"] for message in telegram.sent(5)]
    assert all(len(piece) <= 4096 for piece in pieces)
    assert " ".join(pieces).split() == ["word"] * 1500 + ["end", "*wave*", "🙂"]
    assert last["text"].endswith("🙂")


def test_a_persona_of_many_long_facts_is_shown_and_offered(start, telegram, fake):
    with start(draw=None):
        for part in range(4):
            facts = "\n".join(f"{part} {number} " + "ж" * 480 for number in range(7))
            telegram.say(5, f"/persona add {facts}")
            telegram.wait(lambda part=part: any(f"{part} 6 ж" in m["text"] for m in telegram.sent(5)))
        count = len(telegram.sent(5))
        telegram.say(5, "/validation")
        telegram.say(5, "Hello")
        offer = telegram.wait_sent(5, count + 2)
        telegram.press(offer, "Answer")
        telegram.wait(lambda: not fake.buttons(telegram.messages[offer["message_id"]]))
    assert len(fake.labels(offer)) == 11


def test_when_too_many_talk_it_says_so(start, telegram, talking):
    bot = talking.TalkingBot()
    with start(bot, limits=Limits(rows=1, batches=1, waiting=1)):
        bot.gate.clear()
        for chat in (1, 2, 3):
            telegram.say(chat, "Hi")
            telegram.wait(lambda chat=chat: len(telegram.of("sendChatAction")) >= chat)
        telegram.wait(lambda: any(m["text"] == ENGLISH.busy for m in telegram.messages.values()))
        bot.gate.set()
        telegram.wait(lambda: len(telegram.messages) >= 3)


def test_an_answer_that_takes_too_long_is_given_up(start, telegram, talking):
    bot = talking.TalkingBot()
    with start(bot, limits=Limits(seconds=0.3)) as server:
        bot.gate.clear()
        threading.Timer(1, bot.gate.set).start()
        assert telegram.ask(5, "a b c d e f")["text"] == ENGLISH.late
        server._model.limits = Limits()
        assert "| turns 1 |" in telegram.ask(5, "Hello")["text"]


def test_who_sends_without_end_is_told_to_wait(start, telegram, talking):
    bot = talking.TalkingBot()
    with start(bot):
        bot.gate.clear()
        for number in range(60):
            telegram.say(5, f"Message {number}")
        telegram.wait(lambda: not telegram.unconfirmed)
        assert "/help" in telegram.ask(6, "/help")["text"]
        bot.gate.set()
        last = telegram.wait_sent(5, 31)
        assert last["text"] == ENGLISH.too_fast
        assert telegram.ask(5, "Last")["text"].startswith("Heard: Last | turns 61 |")


def test_a_full_conversation_says_how_to_go_on(start, telegram, monkeypatch):
    monkeypatch.setattr(host, "MAX_TURNS", 2)
    with start():
        telegram.ask(5, "One")
        assert telegram.ask(5, "Two")["text"] == ENGLISH.full
        telegram.ask(5, "/start")
        assert "turns 1" in telegram.ask(5, "Two")["text"]


def test_a_file_that_cannot_be_written_is_told(start, telegram, monkeypatch):
    from persona_tf.chat_file import ChatFile

    with start():
        telegram.ask(5, "One")
        with monkeypatch.context() as patch:
            patch.setattr(ChatFile, "save", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
            assert telegram.ask(5, "Two")["text"] == ENGLISH.failed
        assert "Two again | turns 3" in telegram.ask(5, "Two again")["text"]


def test_a_conversation_that_cannot_be_read_makes_place_for_another(start, telegram, tmp_path):
    with start():
        telegram.ask(5, "One")
    with sqlite3.connect(tmp_path / "c.sqlite") as file:
        file.execute("UPDATE conversations SET state = '{}'")
    with start():
        assert "turns 1" in telegram.ask(5, "Two")["text"]
        assert "turns 3" in telegram.ask(5, "Three")["text"]
    with start():
        assert "turns 5" in telegram.ask(5, "Four")["text"]


def test_a_conversation_that_someone_else_changes_is_read_again(start, telegram, monkeypatch):
    from persona_tf.chat_file import ChatFile

    save, lost = ChatFile.save, [1, 1]

    def sometimes(self, *given):
        return lost.pop() and None if lost else save(self, *given)

    with start():
        telegram.ask(5, "One")
        monkeypatch.setattr(ChatFile, "save", sometimes)
        assert "Two | turns 3" in telegram.ask(5, "Two")["text"]
        assert len(telegram.sent(5)) == 2
