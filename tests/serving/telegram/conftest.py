"""The bot in a thread of its own, talking to a fake Telegram over HTTP."""

import asyncio
import contextlib
import importlib.util
import pathlib
import threading

import pytest

from persona_tf.serving.model_thread import Limits
from persona_tf.serving.telegram.server import TelegramServer


def _module(name):
    path = pathlib.Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def fake():
    """The module fake_telegram.py."""
    return _module("fake_telegram")


@pytest.fixture(scope="session")
def talking():
    """The module talking_bot.py."""
    return _module("talking_bot")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PTB_TIMEDELTA", "1")


@pytest.fixture
def telegram(fake):
    """A fake Telegram; at the end the bot has asked nothing that it may not."""
    server = fake.FakeTelegram()
    yield server
    server.close()
    assert not server.complaints


@pytest.fixture
def start(telegram, fake, talking, tmp_path):
    """Starts the bot, within a `with`; gives the server. Takes what `TelegramServer` takes."""

    @contextlib.contextmanager
    def running(bot=None, draw=lambda seed: talking.SCENE, chats=None, limits=None, **more):
        bot = bot or talking.TalkingBot()
        server = TelegramServer(
            fake.TOKEN,
            lambda: bot,
            chats or tmp_path / "c.sqlite",
            telegram.url,
            draw,
            limits=limits or Limits(),
            **more,
        )
        failure = []

        def serve():
            try:
                asyncio.run(server.run())
            except Exception as error:
                failure.append(error)
                raise

        thread = threading.Thread(target=serve, daemon=True)
        before = telegram._polls
        thread.start()
        telegram.wait(lambda: telegram._polls > before or failure)
        try:
            yield server
        finally:
            loop = server.loop
            if thread.is_alive():
                loop.call_soon_threadsafe(server.stop)
            thread.join(120)
            assert not thread.is_alive()
            assert not failure

    return running
