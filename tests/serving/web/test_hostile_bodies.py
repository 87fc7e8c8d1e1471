"""Bodies that nobody means well with: none crashes the server, fills its memory, or comes back as more than data."""

import importlib.util
import pathlib
import random
import re
import threading

import httpx
import pytest

KINDS = ("application/json", "text/event-stream", "image/png", "")


@pytest.fixture(scope="module")
def hostile():
    """The module hostile.py."""
    path = pathlib.Path(__file__).with_name("hostile.py")
    spec = importlib.util.spec_from_file_location("hostile", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def send(client, request, seed, count):
    """So many of them; returns how often each status came."""
    rng, statuses = random.Random(seed), {}
    for number in range(count):
        if not number % 50:  # a conversation only grows
            turns = [{"speaker": "partner", "text": "Hi"}, {"speaker": "bot", "text": "Ho"}]
            name = client.post("/api/v1/conversations", json={"turns": turns}).json()["id"]
        path, body, headers = request(rng, name)
        response = client.post(path, content=body, headers=headers)
        assert response.status_code < 500, (path, body[:2_000], response.text)
        assert response.headers.get("content-type", "").split(";")[0] in KINDS
        assert response.headers["x-content-type-options"] == "nosniff"
        if response.status_code >= 400:
            assert response.json()["error"]["message"]
            assert len(response.content) < 2_000
        statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
    return statuses


def test_some_hundred_hostile_bodies(client, hostile):
    statuses = send(client, hostile.request, 1, 400)
    assert {200, 201, 400, 404, 413, 415, 422} <= statuses.keys()
    assert client.get("/healthz").json() == {"status": "ready"}


@pytest.mark.parametrize("number", range(9))
def test_text_stays_text(client, hostile, number):
    text = hostile.TEXTS[number].strip()
    made = client.post("/api/v1/conversations", json={"persona": {"facts": [text[:500]]}}).json()
    change = client.post(f"/api/v1/conversations/{made['id']}/say", json={"text": text}).json()
    assert change["turns"][0]["text"] == text
    assert client.get(f"/api/v1/conversations/{made['id']}").json()["persona"]["facts"] == [text[:500]]


@pytest.mark.slow
def test_ten_thousand_hostile_bodies_from_eight_clients_at_once(hostile, serving_apart, tmp_path):
    with serving_apart(tmp_path / "chats.sqlite") as (process, url):
        with httpx.Client(base_url=url, timeout=60) as client:
            send(client, hostile.request, 0, 300)
        before = most_memory_mb(process)
        attack(url, hostile.request, 8, 1_250)
        assert httpx.get(f"{url}/healthz").json() == {"status": "ready"}
        assert most_memory_mb(process) < before + 200


def most_memory_mb(process):
    """The most that a process has held so far."""
    status = pathlib.Path(f"/proc/{process.pid}/status")
    if not status.is_file():
        pytest.skip("this system does not tell how much memory a process holds")
    return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) >> 10


def attack(url, request, clients, each):
    failed = []

    def one(seed):
        try:
            with httpx.Client(base_url=url, timeout=60) as client:
                send(client, request, seed, each)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=one, args=(seed,)) for seed in range(1, clients + 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


@pytest.mark.slow
def test_a_real_bot_reads_a_thousand_of_them(hostile, serving, bundle_dir, tmp_path):
    from persona_tf.serving.waking import wake

    decoding = {"method": "sample", "max_reply_tokens": 4, "max_action_tokens": 2}
    with serving(lambda: wake(bundle_dir, decoding), tmp_path / "c") as client:
        client.timeout = 120
        send(client, hostile.request, 2, 1_000)
        assert client.get("/healthz").json() == {"status": "ready"}
