"""`kill -9` while many talk: what was acknowledged is there after the restart."""

import contextlib
import json
import signal
import sqlite3
import threading
import time

import httpx
import pytest


def said(client, path, text, streams):
    """Says something; the turns that were acknowledged, by the answer or by the last event of a stream."""
    if not streams:
        return client.post(f"{path}/say", json={"text": text}).json()["turns"]
    with client.stream("POST", f"{path}/say", json={"text": text, "stream": True}) as response:
        last = response.read().decode().strip().split("\n\n")[-1]
    assert last.startswith("event: done")
    return json.loads(last.partition("data: ")[2])["turns"]


def talk(url, known, stop):
    """Talks until the server is gone; ``known`` gets, by conversation, the turns that were acknowledged."""
    with contextlib.suppress(httpx.TransportError), httpx.Client(base_url=url, timeout=20) as client:
        while not stop.is_set():
            path = f"/api/v1/conversations/{client.post('/api/v1/conversations', json={}).json()['id']}"
            known[path] = []
            for number in range(6):
                known[path] += said(client, path, f"{path} says {number}", streams=number % 2)
                rated = client.post(f"{path}/rate", json={"turn": len(known[path]) - 1, "logical": True}).json()
                known[path][-1] = rated["turns"][0]


def kill_and_look(serving_apart, chats, kills, each):
    """Kills the server when so many more turns were acknowledged; looks at the end."""
    stop, known = threading.Event(), {}

    def acknowledged():
        return sum(map(len, list(known.values())))

    for kill in range(1, kills + 1):
        with serving_apart(chats) as (running, url):
            threads = [threading.Thread(target=talk, args=(url, known, stop)) for _ in range(8)]
            for thread in threads:
                thread.start()
            until = time.monotonic() + 60
            while acknowledged() < kill * each and time.monotonic() < until:
                time.sleep(0.005)
            running.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join(30)
    with serving_apart(chats) as (_, url), httpx.Client(base_url=url, timeout=20) as client:
        for path, turns in known.items():
            found = client.get(path).json()["turns"]
            assert len(found) - len(turns) in (0, 2), "at most the one that was not told yet"
            kept = found[: len(turns)]
            if turns and not turns[-1]["alternatives"][0]["rating"]:
                kept[-1]["alternatives"][0]["rating"] = {}  # rated, but not told
            assert kept == turns
            assert all(path in turn["text"] for turn in found), "no conversation has words of another"
    with contextlib.closing(sqlite3.connect(chats)) as file:
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return acknowledged()


def test_a_kill_loses_nothing_that_was_acknowledged(serving_apart, tmp_path):
    assert kill_and_look(serving_apart, tmp_path / "chats.sqlite", 1, 20) >= 20


@pytest.mark.slow
def test_ten_kills_lose_nothing_that_was_acknowledged(serving_apart, tmp_path):
    assert kill_and_look(serving_apart, tmp_path / "chats.sqlite", 10, 100) >= 1000


def compare(url, known):
    """Makes pairs and picks until the server is gone; ``known`` gets them as they were acknowledged."""
    with contextlib.suppress(httpx.TransportError), httpx.Client(base_url=url, timeout=20) as client:
        while True:
            made = client.post("/api/v1/pairs", json={"persona": {"name": str(len(known))}})
            if made.status_code == 503:  # the other bot is not awake
                continue
            pair = made.json()
            known[pair["id"]] = pair
            known[pair["id"]] = client.post(f"/api/v1/pairs/{pair['id']}/pick", json={"pick": "left"}).json()


@pytest.mark.slow
def test_kills_lose_no_pair_and_no_pick_that_was_acknowledged(serving_apart, tmp_path):
    known = {}
    for kill in range(1, 4):
        with serving_apart(tmp_path / "c") as (running, url):
            threads = [threading.Thread(target=compare, args=(url, known)) for _ in range(4)]
            for thread in threads:
                thread.start()
            until = time.monotonic() + 60
            while len(known) < kill * 40 and time.monotonic() < until:
                time.sleep(0.005)
            running.send_signal(signal.SIGKILL)
            for thread in threads:
                thread.join(30)
    assert len(known) >= 120
    with serving_apart(tmp_path / "c") as (_, url), httpx.Client(base_url=url, timeout=20) as client:
        found = {name: client.get(f"/api/v1/pairs/{name}").json() for name in known}
    for name, pair in known.items():
        one = found[name]
        if pair["pick"] is None:
            one |= {"pick": None, "changed": pair["changed"]}  # picked, but not told
        assert one == pair
