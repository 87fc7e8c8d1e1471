"""The load program: a server that mixes conversations up is found out; a real one with a tiny bot does not."""

import asyncio
import json
import re
import shutil
import time

import httpx
import pytest

from persona_tf.bench.many_at_once import LINES, Load, _talk, many_at_once


class Server:
    """Streams one text and then tells a turn with another, of the conversation of that name; or refuses."""

    def __init__(self, streamed, told, name="a", status=200):
        self.streamed, self.told, self.name, self.status = streamed, told, name, status

    def __call__(self, request):
        if not request.url.path.endswith("/say"):
            return httpx.Response(self.status, json={"id": "a"})
        turn = {"speaker": "bot", "text": self.told, "action": "", "emote": ""}
        events = ("text", {"text": self.streamed}), ("done", {"id": self.name, "turns": [turn]})
        lines = [f"event: {kind}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n" for kind, data in events]
        return httpx.Response(200, text="".join(lines))


def played(server):
    async def talk():
        async with httpx.AsyncClient(transport=httpx.MockTransport(server), base_url="http://here") as http:
            await _talk(http, load, 7, time.perf_counter() + 60)

    load = Load()
    asyncio.run(talk())
    return load


def test_what_is_told_is_counted_and_kept():
    load = played(Server("Hi\u2028!", "Hi\u2028!"))
    assert len(load.waits) == len(LINES)
    assert load.talks == {7: ("a", [["bot", "Hi\u2028!", "", ""]] * len(LINES))}


@pytest.mark.parametrize("mixed", [Server("Hi", "Ho"), Server("Hi", "Hi", "b")])
def test_a_conversation_with_words_of_another_is_found_out(mixed):
    with pytest.raises(ValueError, match="a: heard 'Hi', then was told"):
        played(mixed)


def test_a_refusal_says_who_was_asked_and_what_came():
    with pytest.raises(OSError, match=r"GET /api/v1/scene: 503: .*id"):
        played(Server("Hi", "Hi", status=503))


def test_it_says_what_it_lacks(tmp_path):
    with pytest.raises(FileNotFoundError, match="no trained bot to be served; make train EXP=quickstart"):
        many_at_once(tmp_path)


@pytest.mark.slow
def test_no_conversation_is_mixed_up(bundle_dir, tmp_path):
    shutil.copytree(bundle_dir, tmp_path / "bundle")
    told = many_at_once(tmp_path, clients=16, rounds=1, seconds=10.0)
    found = re.search(r"of (\d+) conversations played both ways (\d+) are the same, of (\d+) (\d+) are kept", told)
    both, same, played, kept = map(int, found.groups())
    assert told.endswith("errors: 0"), told
    assert both == same >= 1
    assert played == kept > 16
