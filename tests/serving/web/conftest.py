"""A real server on a free port of this machine."""

import contextlib
import importlib.util
import pathlib
import threading
import time

import httpx
import pytest
import uvicorn

from persona_tf.serving.web.app import WebConfig, make_app
from persona_tf.serving.web.server import listen

TOKEN = "s3cret token"


@pytest.fixture(scope="session")
def fake():
    """The module fake_bot.py."""
    path = pathlib.Path(__file__).with_name("fake_bot.py")
    spec = importlib.util.spec_from_file_location("fake_bot", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def running(load, chats, config=None, draw=None, wait=True):
    """Serves in a thread; gives a client, and stops as SIGTERM does."""
    with listen("127.0.0.1", 0) as listening:
        app = make_app(load, chats, config, draw)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=20) as client:
            until = time.monotonic() + 240
            while wait and client.get("/healthz").json()["status"] == "loading" and time.monotonic() < until:
                time.sleep(0.005)
            try:
                yield client
            finally:
                server.should_exit = True
                thread.join(30)
                assert not thread.is_alive()


@pytest.fixture(scope="session")
def serving():
    """The function `running`."""
    return running


@pytest.fixture
def bot(fake):
    """A fake bot."""
    return fake.FakeBot()


@pytest.fixture
def client(bot, tmp_path):
    """A client of a server with the fake bot; no limits but the default ones."""
    with running(lambda: bot, tmp_path / "chats.sqlite", WebConfig(hosts=("127.0.0.1", "localhost"))) as client:
        yield client
