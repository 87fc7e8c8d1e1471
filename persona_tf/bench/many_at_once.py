"""A server under load: many clients at once against one alone, in turns. A real server, real conversations."""

import asyncio
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Iterator
from typing import Any

import httpx

CLIENTS = 32
LINES = (
    "Good day! Who are you?",
    "Where do you live?",
    "I lost my lantern yesterday.",
    "How old are you?",
    "What did I lose?",
    "Who is your rival?",
)
_CONVERSATIONS = "/api/v1/conversations"
_WAKING_S = 240.0
_ANSWER_S = 90.0


@dataclasses.dataclass
class Load:
    """What some clients got in so many ``seconds``; ``waits``: until the first word of each reply, in seconds.

    ``talks``: of each conversation that was played to its end, by number, its id, and its turns as they were told.
    ``errors``: sentences.
    """

    seconds: float = 0.0
    waits: list[float] = dataclasses.field(default_factory=list)
    talks: dict[int, tuple[str, list[Any]]] = dataclasses.field(default_factory=dict)
    errors: list[str] = dataclasses.field(default_factory=list)

    @property
    def each_second(self) -> float:
        """Replies."""
        return len(self.waits) / self.seconds

    @property
    def wait_ms(self) -> float:
        """The median."""
        return 1000 * statistics.median(self.waits)


def many_at_once(run: pathlib.Path, clients: int = CLIENTS, rounds: int = 6, seconds: float = 10.0) -> str:
    """One client and then many, so many seconds each, in as many rounds; each plays one conversation after the other.

    Every client says `LINES` to a character of the built-in world, and hears the replies as they are written.
    Conversations of the same number have the same character and seed, whoever plays them: their replies must be the
    same, alone and in the crowd, and what was told must be what the server has kept.

    Raises:
      FileNotFoundError: there is no trained bot in ``run``.
      OSError: the server did not start, or answered nobody.
    """
    if not (run / "bundle").is_dir():
        raise FileNotFoundError(f"{run}: no trained bot to be served; make train EXP=quickstart makes one")
    with serving(run) as port:
        alone, crowd, kept = asyncio.run(_rounds(port, clients, rounds, seconds))
    errors = [*alone.errors, *crowd.errors]
    if not (alone.waits and crowd.waits):
        raise OSError(f"nobody was answered in {seconds:g} s; {errors[0] if errors else 'give it more'}")
    both = alone.talks.keys() & crowd.talks.keys()
    same = sum(alone.talks[number][1] == crowd.talks[number][1] for number in both)
    return (
        f"{clients} clients at once, {crowd.seconds:.0f} s: {len(crowd.waits):,} replies, {crowd.each_second:.1f} a "
        f"second, {crowd.each_second / alone.each_second:.1f} times as many as for one alone; the first word of a "
        f"reply after {alone.wait_ms:.0f} ms alone, {crowd.wait_ms:.0f} ms in the crowd (medians); of {len(both)} "
        f"conversations played both ways {same} are the same, of {len(crowd.talks) + len(alone.talks)} {kept} are "
        f"kept as they were told; errors: {len(errors)}{''.join(f'; {error}' for error in errors[:3])}"
    )


@contextlib.contextmanager
def serving(run: pathlib.Path) -> Iterator[int]:
    """A server of a trained bot in a process of its own; gives its port."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "persona_tf", "serve", f"--run={run}", "--port=0"]
        command.append(f"--chat_file={folder}/chats.sqlite")
        environment = {name: value for name, value in os.environ.items() if name != "PERSONA_TF_TOKEN"}
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        try:
            assert server.stdout is not None
            found = None
            while not found:
                if not (line := server.stdout.readline()):
                    raise OSError(f"the server stopped: {' '.join(command)}")
                found = re.match(r"http://127\.0\.0\.1:(\d+)", line)
            port = int(found[1])
            asyncio.run(_awake(port))
            yield port
        finally:
            server.terminate()
            server.wait(60)


async def _awake(port: int) -> None:
    async with asyncio.timeout(_WAKING_S), _http(port) as http:
        while True:
            with contextlib.suppress(OSError, httpx.HTTPError):
                await _json(http, "GET", "/healthz")
                return
            await asyncio.sleep(0.1)


def _http(port: int) -> httpx.AsyncClient:
    """For as many as like: each request has a connection of its own, which is kept for the next one."""
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=_ANSWER_S, limits=limits, trust_env=False)


async def _json(http: httpx.AsyncClient, method: str, path: str, body: Any = None) -> Any:
    """The answer to a request; raises an OSError where it is a refusal."""
    response = await http.request(method, path, json=body)
    await _check(response)
    return response.json()


async def _events(http: httpx.AsyncClient, path: str, body: Any) -> AsyncGenerator[tuple[str, Any]]:
    """Names and data of the events that a POST is answered with; raises as `_json`."""
    async with http.stream("POST", path, json=body) as response:
        await _check(response)
        text = ""
        # Not by lines: in the data may stand what Python takes for the end of one.
        async for part in response.aiter_text():
            *events, text = (text + part).split("\n\n")
            for event in events:
                name, _, data = event.partition("\n")
                yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def _check(response: httpx.Response) -> None:
    if response.is_error:
        told = (await response.aread()).decode("utf-8", "replace")
        raise OSError(f"{response.request.method} {response.request.url.path}: {response.status_code}: {told[:300]}")


async def _rounds(port: int, clients: int, rounds: int, seconds: float) -> tuple[Load, Load, int]:
    """What one client got, what many got, and how many conversations are kept as they were told."""
    alone, crowd = Load(), Load()
    await _load(port, 1, 1.0, Load(), 10**6)
    for _ in range(rounds):
        await _load(port, 1, seconds, alone, 0)
        await _load(port, clients, seconds, crowd, 0)
    kept = 0
    async with _http(port) as http:
        for name, turns in [*alone.talks.values(), *crowd.talks.values()]:
            found = (await _json(http, "GET", f"{_CONVERSATIONS}/{name}"))["turns"]
            kept += [_words(turn) for turn in found] == turns
    return alone, crowd, kept


async def _load(port: int, clients: int, seconds: float, load: Load, first: int) -> None:
    """So many clients talk for so long; conversations are numbered from the first one that was not played yet."""
    numbers = iter(range(first + len(load.talks), 10**9))
    async with _http(port) as http:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(_client(http, load, numbers, until) for _ in range(clients)))
    load.seconds += seconds


async def _client(http: httpx.AsyncClient, load: Load, numbers: Iterator[int], until: float) -> None:
    """Plays conversations until the time is over; the last one to its end, which does not count."""
    try:
        while time.perf_counter() < until:
            await _talk(http, load, next(numbers), until)
    except (OSError, httpx.HTTPError, ValueError, KeyError) as error:
        load.errors.append(f"{type(error).__name__}: {error}")


async def _talk(http: httpx.AsyncClient, load: Load, number: int, until: float) -> None:
    scene = await _json(http, "GET", f"/api/v1/scene?seed={number}")
    name = (await _json(http, "POST", _CONVERSATIONS, scene))["id"]
    told: list[Any] = []
    for line in LINES:
        said, wait, change, streamed = time.perf_counter(), 0.0, None, ""
        events = _events(http, f"{_CONVERSATIONS}/{name}/say", {"text": line, "stream": True})
        async with contextlib.aclosing(events):
            async for kind, data in events:
                wait = wait or time.perf_counter() - said
                if kind == "done":
                    change = data
                elif kind == "text":
                    streamed += data["text"]
                else:
                    raise OSError(data["error"]["message"])
        if change is None or change["id"] != name or change["turns"][-1]["text"] != streamed:
            raise ValueError(f"{name}: heard {streamed!r}, then was told {change}")
        if time.perf_counter() < until:
            load.waits.append(wait)
        told += map(_words, change["turns"])
    load.talks[number] = (name, told)


def _words(turn: Any) -> list[str]:
    return [turn[part] for part in ("speaker", "text", "action", "emote")]
