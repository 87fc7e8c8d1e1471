"""Networks that come and go, and all that Telegram may refuse."""

import asyncio
import logging
import time

import pytest

from persona_tf.serving.telegram.server import TelegramServer
from persona_tf.serving.telegram.texts import ENGLISH


def test_too_many_requests_are_sent_again_when_telegram_says_so(start, telegram, fake):
    with start():
        telegram.refusals["sendMessage"] = [fake.Refused(429, "Too Many Requests: retry after 1", retry_after=1)]
        began = time.monotonic()
        assert telegram.ask(5, "Hello")["text"].startswith("Heard: Hello")
        assert time.monotonic() - began >= 1
    assert len(telegram.of("sendMessage")) == 2


def test_polling_goes_on_after_429_409_and_500(start, telegram, fake, caplog):
    caplog.set_level(logging.INFO, "persona_tf")
    with start():
        telegram.refusals["getUpdates"] = [
            fake.Refused(429, "Too Many Requests: retry after 1", retry_after=1),
            fake.Refused(409, "Conflict: terminated by other getUpdates request"),
            fake.Refused(502, "Bad Gateway"),
        ]
        assert telegram.ask(5, "Hello")["text"].startswith("Heard: Hello")
        assert telegram.ask(5, "Again")["text"].startswith("Heard: Again")
        telegram.wait(lambda: not telegram.refusals["getUpdates"])
        assert telegram.ask(5, "More")["text"].startswith("Heard: More")
    assert "another asks with this token: stop it" in caplog.text
    assert "Telegram cannot be reached (Bad Gateway)" in caplog.text
    assert "Telegram answers again" in caplog.text


def test_a_telegram_that_is_gone_and_comes_back(start, telegram, caplog):
    with start():
        telegram.ask(5, "Hello")
        telegram.down = True
        with telegram.news:
            telegram.news.notify_all()
        telegram.say(5, "Still there?")
        time.sleep(1)
        telegram.down = False
        assert "Still there?" in telegram.wait_sent(5, 2)["text"]
    assert "Telegram cannot be reached" in caplog.text


def test_a_telegram_that_is_not_there_at_the_start(start, telegram, fake, talking, tmp_path, caplog):
    telegram.down = True
    server = TelegramServer(fake.TOKEN, talking.TalkingBot, tmp_path / "c.sqlite", telegram.url)

    async def both():
        task = asyncio.create_task(server.run())
        await asyncio.sleep(0.8)
        telegram.down = False
        while not telegram.of("getUpdates") and not telegram._polls:
            await asyncio.sleep(0.02)
        server.stop()
        await task

    asyncio.run(asyncio.wait_for(both(), 120))
    assert f"{telegram.url} cannot be reached; trying again" in caplog.text


def test_an_update_that_comes_twice_is_answered_once(start, telegram):
    with start():
        telegram.ask(5, "Hello")
        [update] = [u for call in telegram.of("getUpdates") for u in call.answer if "message" in u]
        telegram.push({"message": update["message"]}, update["update_id"])
        assert "turns 3" in telegram.ask(5, "Once?")["text"]
        assert len(telegram.sent(5)) == 2
    with start():
        telegram.push({"message": update["message"]}, update["update_id"])
        assert "turns 5" in telegram.ask(5, "And now?")["text"], "nor after a restart"
    assert len(telegram.sent(5)) == 3


def test_an_answer_of_telegram_that_is_lost_loses_no_message(start, telegram):
    with start():
        telegram.ask(5, "Hello")
        telegram.lost_answers.add("getUpdates")
        telegram.say(5, "Lost?")
        assert "Lost? | turns 3" in telegram.wait_sent(5, 2)["text"]


def test_who_has_blocked_the_bot_holds_up_nobody(start, telegram, fake):
    with start():
        telegram.refusals["sendMessage"] = [fake.Refused(403, "Forbidden: bot was blocked by the user")]
        telegram.say(5, "Hello")
        telegram.wait(lambda: not telegram.refusals["sendMessage"])
        assert telegram.ask(5, "Hello again")["text"].startswith("Heard: Hello again | turns 3")
        telegram.refusals["editMessageReplyMarkup"] = [fake.Refused(400, "Bad Request: message is not modified")]
        telegram.ask(5, "/validation")
        offer = telegram.ask(5, "Who?")
        telegram.press(offer, "Fig")
        telegram.press(offer, "Answer")
        assert "| My cat is called Fig. |" in telegram.wait_sent(5, 4)["text"]


@pytest.mark.parametrize("when", ["at the start", "later"])
def test_a_wrong_token_is_said_and_never_shown(telegram, fake, talking, tmp_path, caplog, when):
    caplog.set_level(logging.DEBUG)
    token = fake.TOKEN if when == "later" else "999999:" + "Wrong-Token_" * 3
    if when == "later":
        telegram.refusals["getUpdates"] = [fake.Refused(401, "Unauthorized")]
    server = TelegramServer(token, talking.TalkingBot, tmp_path / "c.sqlite", telegram.url)
    with pytest.raises(ValueError, match=r"does not know the token in TELEGRAM_TOKEN .*: copy it once more") as raised:
        asyncio.run(server.run())
    assert token not in repr(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


def test_a_bot_that_cannot_be_loaded_ends_it(telegram, fake, tmp_path):
    def load():
        raise FileNotFoundError("weights.npz: not there")

    server = TelegramServer(fake.TOKEN, load, tmp_path / "c.sqlite", telegram.url)
    with pytest.raises(ValueError, match=r"could not be loaded: weights\.npz: not there"):
        asyncio.run(server.run())


def test_a_failure_of_the_bot_is_told_and_goes_by(start, telegram):
    with start():
        assert telegram.ask(5, "fail")["text"] == ENGLISH.failed
        assert "| turns 1 |" in telegram.ask(5, "Hello")["text"]
