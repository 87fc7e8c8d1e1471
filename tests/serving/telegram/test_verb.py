"""`persona_tf telegram` as one types it, with a real, if untrained, bot."""

import os
import pathlib
import signal
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]


@pytest.fixture
def run_dir(bundle_dir, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "bundle").symlink_to(bundle_dir)
    return tmp_path / "run"


@pytest.fixture
def type_it(telegram, fake, run_dir):
    """Starts the verb with some flags; at the end it is gone."""
    started = []

    def typed(*flags, token=fake.TOKEN):
        env = {**os.environ, "PYTHONPATH": str(ROOT), "TELEGRAM_TOKEN": token, "NO_PROXY": "127.0.0.1"}
        words = [sys.executable, "-m", "persona_tf", "telegram", f"--run={run_dir}", f"--telegram_api={telegram.url}"]
        pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        started.append(subprocess.Popen([*words, *flags], cwd=run_dir, env=env, **pipe))
        return started[-1]

    yield typed
    for process in started:
        process.kill()
        process.communicate()


def test_it_talks_until_it_is_stopped(type_it, telegram, fake, run_dir):
    telegram.say(5, "/start")  # before it is there
    process = type_it("--name=Mira", "--persona=I bake bread.|I fear geese.", "--place=Mill: It leans.")
    assert "You meet Mira." in telegram.wait_sent(5, 1, 240)["text"]
    assert telegram.ask(5, "Hello")["text"]
    telegram.ask(5, "/validation")
    offer = telegram.ask(5, "What do you do?")
    assert len(fake.buttons(offer)) == 3
    telegram.press(offer, "bread")
    telegram.press(offer, "Answer")
    assert len(fake.buttons(telegram.wait_sent(5, 5))) == 3
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate(timeout=240)
    assert process.returncode == 0, told
    assert "On Telegram as @mira_bot" in told
    assert fake.TOKEN not in told
    assert (run_dir / "telegram.sqlite").is_file()


def test_a_wrong_token_ends_it_with_a_sentence(type_it, run_dir):
    token = "999999:" + "Wrong-Token_" * 3
    told, _ = type_it(token=token).communicate(timeout=240)
    assert "persona_tf telegram: Telegram does not know the token in TELEGRAM_TOKEN (asked at http://127.0.0.1:" in told
    assert "Traceback" not in told
    assert token not in told
