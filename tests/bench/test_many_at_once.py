"""The load program: a server that mixes conversations up is found out; a real one with a tiny bot does not."""

import asyncio
import re
import shutil
import time

import pytest

from persona_tf.bench.many_at_once import LINES, Load, _talk, many_at_once


class Connection:
    """To a server that streams one text and then tells a turn with another, of the conversation of that name."""

    def __init__(self, streamed, told, name="a"):
        self.streamed, self.told, self.name = streamed, told, name

    async def json(self, method, path, body=None):
        return {"id": "a"}

    async def events(self, path, body):
        yield "text", {"text": self.streamed}
        turn = {"speaker": "bot", "text": self.told, "action": "", "emote": ""}
        yield "done", {"id": self.name, "turns": [turn]}


def played(connection):
    load = Load()
    asyncio.run(_talk(connection, load, 7, time.perf_counter() + 60))
    return load


def test_what_is_told_is_counted_and_kept():
    load = played(Connection("Hi", "Hi"))
    assert len(load.waits) == len(LINES)
    assert load.talks == {7: ("a", [["bot", "Hi", "", ""]] * len(LINES))}


@pytest.mark.parametrize("mixed", [Connection("Hi", "Ho"), Connection("Hi", "Hi", "b")])
def test_a_conversation_with_words_of_another_is_found_out(mixed):
    with pytest.raises(ValueError, match="a: heard 'Hi', then was told"):
        played(mixed)


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
