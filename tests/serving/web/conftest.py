"""A real server on a free port of this machine, in a thread or in a process of its own."""

import contextlib
import functools
import importlib.util
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
import uvicorn

from persona_tf.episode import Character, Episode, Fact, Setting
from persona_tf.serving.web.app import WebConfig, make_app
from persona_tf.serving.web.server import listen

TOKEN = "s3cret token"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
QUIET = ("no-first-run", "disable-gpu", "disable-quic", "disable-background-networking", "disable-sync")
"""Of Chromium, so that it does nothing but what the tests ask for."""
PATIENCE = 60_000
"""Milliseconds that anything on a page may take."""


@pytest.fixture(scope="session")
def fake():
    """The module fake_bot.py."""
    path = pathlib.Path(__file__).with_name("fake_bot.py")
    spec = importlib.util.spec_from_file_location("fake_bot", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def running(load, chats, config=None, draw=None, wait=True, other=None, load_minds=None):
    """Serves in a thread; gives a client, and stops as SIGTERM does."""
    with listen("127.0.0.1", 0) as listening:
        app = make_app(load, chats, config, draw, other, load_minds)
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


@contextlib.contextmanager
def running_apart(chats, *kind):
    """Serves a fake bot of a kind in a process of its own; gives it and its address, and kills it."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    root, script = pathlib.Path(__file__).resolve().parents[3], pathlib.Path(__file__).with_name("fake_bot.py")
    command = [sys.executable, script, chats, str(port), *kind]
    started, url = subprocess.Popen(command, cwd=root, env={"PYTHONPATH": str(root)}), f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 240
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/healthz").status_code == 200:
                    break
            assert started.poll() is None
            assert time.monotonic() < until
            time.sleep(0.02)
        yield started, url
    finally:
        started.kill()
        started.wait()


@pytest.fixture(scope="session")
def serving_apart():
    """The function `running_apart`."""
    return running_apart


@pytest.fixture(scope="session")
def draw():
    """Draws a scene: always the same."""
    mira, tam = Character("Mira", (Fact("I bake bread."), Fact("I fear geese."))), Character("Tam")
    setting = Setting("Mill", "village", ("It leans.",))
    return lambda seed: Episode("d", "world", setting, (tam, mira), (), learners=(1,))


@pytest.fixture
def bot(fake):
    """A fake bot."""
    return fake.FakeBot()


@pytest.fixture
def client(bot, tmp_path):
    """A client of a server with the fake bot; no limits but the default ones."""
    with running(lambda: bot, tmp_path / "chats.sqlite", WebConfig(hosts=("127.0.0.1", "localhost"))) as client:
        yield client


@pytest.fixture(scope="session")
def browser():
    """Headless Chromium."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: pip install 'persona_tf[test]'")
    if CHROMIUM is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    flags = [f"--{flag}" for flag in (*QUIET, *(["no-sandbox"] if os.geteuid() == 0 else []))]
    with sync_api.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=flags, timeout=4 * PATIENCE)
        yield found
        found.close()


@pytest.fixture
def open_tab(browser):
    """Opens a page of a server; `check` fails if it said something on the console or asked another host."""
    with contextlib.ExitStack() as contexts:

        def opened(client, path="/", **settings):
            settings = {"locale": "en-GB", "viewport": {"width": 1280, "height": 900}, **settings}
            context = contexts.enter_context(contextlib.closing(browser.new_context(**settings)))
            context.set_default_timeout(PATIENCE)
            page, asked = context.new_page(), []
            page.said, page.client, page.at = [], client, str(client.base_url).rstrip("/")
            page.until, page.check = functools.partial(until, page), functools.partial(check, page, asked)
            page.on("console", lambda message: page.said.append(message.text))
            page.on("pageerror", lambda error: page.said.append(str(error)))
            page.on("request", lambda request: asked.append(request.url))
            page.goto(page.at + path)
            return page

        yield opened


def until(page, expression):
    """Waits; the browser's own way of waiting for an expression is what the content security policy forbids."""
    end = time.monotonic() + PATIENCE / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < end, expression
        page.wait_for_timeout(20)


def check(page, asked):
    """What holds of every page when a test is over."""
    assert page.evaluate("window.hacked") is None
    assert not page.said
    assert asked
    assert all(url.startswith((page.at, f"blob:{page.at}")) for url in asked)
