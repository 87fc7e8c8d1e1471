"""Stops and kills: what Telegram was told to forget is answered once, and what was said is in the file."""

import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import threading

import pytest

from persona_tf.chat_file import ChatFile

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCRIPT = pathlib.Path(__file__).with_name("talking_bot.py")


@contextlib.contextmanager
def process(telegram, fake, chats, delay=0.0, log=None):
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TELEGRAM_TOKEN": fake.TOKEN, "NO_PROXY": "127.0.0.1"}
    words = [sys.executable, SCRIPT, chats, telegram.url, str(delay)]
    before = telegram._polls
    with open(log or os.devnull, "ab") as out:
        started = subprocess.Popen(words, cwd=ROOT, env=env, stdout=out, stderr=out)
    try:
        telegram.wait(lambda: telegram._polls > before or started.poll() is not None, 300)
        assert started.poll() is None
        yield started
    finally:
        started.kill()
        started.wait()


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT])
def test_what_is_being_answered_is_finished_and_what_waits_is_answered_later(telegram, fake, tmp_path, kind):
    log = tmp_path / "log"
    with process(telegram, fake, tmp_path / "c.sqlite", 0.05, log) as running:
        telegram.say(5, "One")
        telegram.wait(lambda: telegram.of("sendChatAction"))
        telegram.say(5, "Two")
        telegram.wait(lambda: not telegram.unconfirmed)
        running.send_signal(kind)
        assert running.wait(120) == 0
        assert [m["text"][:10] for m in telegram.sent(5)] == ["Heard: One"]
    with process(telegram, fake, tmp_path / "c.sqlite"):
        assert telegram.wait_sent(5, 2)["text"].startswith("Heard: Two | turns 3")
    assert "Stopping" in log.read_text()
    assert "Traceback" not in log.read_text()
    assert fake.TOKEN not in log.read_text()
    assert "HTTP Request" in log.read_text(), "the log was as loud as can be"


def test_a_second_signal_ends_it_at_once(telegram, fake, tmp_path):
    with process(telegram, fake, tmp_path / "c.sqlite", 1.0) as running:
        telegram.say(5, "One")
        telegram.wait(lambda: telegram.of("sendChatAction"))
        running.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(1)
        running.send_signal(signal.SIGINT)
        assert running.wait(120) != 0


def kill_under_load(telegram, fake, chats, kills, each):
    """People talk, the bot is killed again and again; then all that each said was answered once, in order."""
    stop, said = threading.Event(), dict.fromkeys(range(1, 7), 0)

    def talk(chat):
        while not stop.is_set():
            telegram.say(chat, f"chat {chat} says {said[chat]}")
            said[chat] += 1
            with contextlib.suppress(AssertionError):
                telegram.wait(lambda: stop.is_set() or len(telegram.sent(chat)) >= said[chat], 120)

    threads = [threading.Thread(target=talk, args=(chat,)) for chat in said]
    for number in range(1, kills + 1):
        with process(telegram, fake, chats, 0.002) as running:
            if number == 1:
                for thread in threads:
                    thread.start()
            telegram.wait(lambda number=number: len(telegram.messages) >= number * each, 120)
            running.send_signal(signal.SIGKILL)
            running.wait()
    with process(telegram, fake, chats):
        stop.set()
        with telegram.news:
            telegram.news.notify_all()
        for thread in threads:
            thread.join(120)
        for chat, count in said.items():
            telegram.wait(lambda c=chat, n=count: any(f"says {n - 1} " in m["text"] for m in telegram.sent(c)), 120)
    file = ChatFile(chats, read_only=True)
    kept = {one.about["chat"]: one.state["episode"]["turns"] for one in file.all()}
    file.close()
    repeated = 0
    for chat, count in said.items():
        words = [f"chat {chat} says {number}" for number in range(count)]
        assert [turn["speech"] for turn in kept[chat][::2]] == words, "each once, in order, in the file"
        shown = [message["text"].partition("\n")[0] for message in telegram.sent(chat)]
        answers = [turn["speech"] for turn in kept[chat][1::2]]
        # What was sent, but not yet marked as sent, comes once more: the same words.
        once = [text for place, text in enumerate(shown) if place == 0 or text != shown[place - 1]]
        assert once == answers
        repeated += len(shown) - len(once)
    assert repeated <= kills * len(said)
    return sum(said.values())


def test_a_kill_loses_nothing_and_repeats_no_turn(telegram, fake, tmp_path):
    assert kill_under_load(telegram, fake, tmp_path / "c.sqlite", 1, 20) >= 20


@pytest.mark.slow
def test_ten_kills_lose_nothing(telegram, fake, tmp_path):
    assert kill_under_load(telegram, fake, tmp_path / "c.sqlite", 10, 60) >= 600
