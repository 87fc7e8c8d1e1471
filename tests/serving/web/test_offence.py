"""Offensive replies: marked or kept back, in every way of asking."""

import json
import time

import pytest

from persona_tf.chat.watched_bot import WatchedBot
from persona_tf.serving.web.app import WebConfig
from persona_tf.serving.web.pairs import Other

RUDE = "that toad"


@pytest.fixture(params=["marked", "blocked"])
def watched(request, serving, fake, tmp_path):
    """How, and a client of a server whose bot says back what it was told."""
    blocks = request.param == "blocked"
    bot = WatchedBot(fake.FakeBot(), blocks, lambda text: ["toad"] * text.count("toad"))
    with serving(lambda: bot, tmp_path / "c", WebConfig()) as client:
        yield request.param, client


def history(text):
    return [{"speaker": "partner", "text": text}]


def test_a_reply_says_so(watched):
    how, client = watched
    assert client.post("/api/v1/reply", json={"history": history("Hi")}).json()["offence"] == ""
    reply = client.post("/api/v1/reply", json={"history": history(RUDE)}).json()
    assert reply["offence"] == how
    assert ("toad" in reply["reply"]) == (how == "marked")
    with client.stream("POST", "/api/v1/reply", json={"history": history(RUDE), "stream": True}) as response:
        told = response.read().decode()
    assert ("toad" in told.partition('"leant_on"')[0]) == (how == "marked")


def test_a_conversation_keeps_it_and_can_be_brought_back(watched):
    how, client = watched
    name = client.post("/api/v1/conversations", json={}).json()["id"]
    client.post(f"/api/v1/conversations/{name}/say", json={"text": RUDE})
    kept = client.get(f"/api/v1/conversations/{name}").json()
    [made] = kept["turns"][1]["alternatives"]
    assert made["offence"] == how
    assert ("toad" in made["text"]) == (how == "marked")
    back = [{key: turn[key] for key in ("speaker", "text", "action", "emote")} for turn in kept["turns"]]
    leant_on = [{"key": one["key"], "weight": one["weight"]} for one in made["leant_on"]]
    back[1] |= {"chosen": 0, "alternatives": [{**made, "leant_on": leant_on}]}
    again = client.post("/api/v1/conversations", json={"turns": back})
    assert again.json()["turns"][1]["alternatives"][0]["offence"] == how


def test_openais_clients_are_told(watched):
    how, client = watched
    asked = {"messages": [{"role": "user", "content": RUDE}], "seed": 1}
    message = client.post("/v1/chat/completions", json=asked).json()["choices"][0]["message"]
    assert message["offence"] == how
    assert ("toad" in message["content"]) == (how == "marked")
    with client.stream("POST", "/v1/chat/completions", json={**asked, "stream": True}) as response:
        lines = [line[6:] for line in response.read().decode().split("\n\n") if line]
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines[:-1]]
    assert "".join(delta.get("content") or "" for delta in deltas) == message["content"]
    assert deltas[-1]["offence"] == how


def test_of_two_side_by_side_each_says_so(serving, fake, tmp_path):
    bots = [WatchedBot(fake.FakeBot(), blocks, lambda text: ["toad"] * text.count("toad")) for blocks in (False, True)]
    other = Other(lambda: bots[1], ("a", "b"), tmp_path / "pairs.sqlite")
    with serving(lambda: bots[0], tmp_path / "c", other=other) as client:
        while client.get("/api/v1/pairs").json()["status"] == "loading":
            time.sleep(0.005)
        pair = client.post("/api/v1/pairs", json={"history": history(RUDE)}).json()
    told = {pair[side]["offence"]: pair[side]["text"] for side in ("left", "right")}
    assert "toad" in told["marked"]
    assert "toad" not in told["blocked"]
