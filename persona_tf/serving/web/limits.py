"""How much a client may send and how often: checked before anything is read into memory or made sense of."""

import asyncio
import collections
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from persona_tf.serving.web.errors import ApiError

BODY_BYTES = 1 << 20
"""Most bytes of a body: a conversation of some hundred turns."""
FILE_BYTES = 8 << 20
"""Most bytes of a body that is a file, see `FILES`."""
FILES = frozenset({"/api/v1/cards/read"})
"""Where a body is a file: any bytes, of type ``application/octet-stream``. A form of another site cannot send those."""
_FILES_AT_ONCE = 8
NESTING = 24
"""Most brackets inside one another in a body."""
_SECONDS = 15.0
"""So long the sending of a body may take."""
_LET_BY = 4
"""So many times what is allowed is read before the connection is closed."""
_CLIENTS = 10_000
"""So many clients' rates are remembered."""


class BodyLimit:
    """Reads a request's body before the app sees it, and refuses what is too long, too deep, too slow or no JSON."""

    def __init__(self, app: ASGIApp, most: int = BODY_BYTES, seconds: float = _SECONDS):
        self._app, self._most, self._seconds = app, most, seconds
        self._files = asyncio.Semaphore(_FILES_AT_ONCE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI wants it."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return await self._app(scope, receive, send)
        if scope["path"] not in FILES:
            return await self._limited(scope, receive, send, self._most)
        async with self._files:
            await self._limited(scope, receive, send, FILE_BYTES)

    async def _limited(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._body(scope, receive, most)
            kind = dict(scope["headers"]).get(b"content-type", b"")
            check_file(body, kind) if scope["path"] in FILES else check_json(body, kind)
        except TimeoutError:
            error = ApiError(408, f"the body took longer than {self._seconds:g} seconds", "timeout", headers=_CLOSE)
            return await error.response()(scope, receive, send)
        except ApiError as error:
            return await error.response()(scope, receive, send)
        if body is None:
            return None
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

        async def replay() -> Message:
            return messages.pop() if messages else await receive()

        return await self._app(scope, replay, send)

    async def _body(self, scope: Scope, receive: Receive, most: int) -> bytes | None:
        """All of it; None: the client is gone."""
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        refused = declared.isdigit() and int(declared[:20]) > most
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            part = message.get("body", b"")
            size += len(part)
            refused = refused or size > most
            if refused:
                # A little more is let by unread: who is still sending would not read the answer.
                parts.clear()
                if size > _LET_BY * most or not message.get("more_body"):
                    said = f"expected a body of at most {most:,} bytes"
                    raise ApiError(413, said, "too_long", headers=_CLOSE)
                continue
            parts.append(part)
            if not message.get("more_body"):
                return b"".join(parts)


_CLOSE = {"Connection": "close"}


def check_json(body: bytes | None, kind: bytes) -> None:
    """Raises an ApiError where a body is not sent as JSON, is no UTF-8, or is nested too deeply to be parsed.

    A form of another site can send a body, but not as ``application/json``.
    """
    if not body:
        return
    if kind.split(b";")[0].strip().lower() != b"application/json":
        raise ApiError(415, "expected a body of Content-Type: application/json", "content_type")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ApiError(400, f"expected UTF-8: {error.reason} at byte {error.start}", "encoding") from error
    if nesting(body) > NESTING:
        raise ApiError(400, f"expected at most {NESTING} brackets inside one another", "nesting")


def check_file(body: bytes | None, kind: bytes) -> None:
    """Raises an ApiError where a body is not sent as a file."""
    if body and kind.split(b";")[0].strip().lower() != b"application/octet-stream":
        raise ApiError(415, "expected a file as Content-Type: application/octet-stream", "content_type")


def nesting(body: bytes) -> int:
    """The most brackets that are open at once, those in strings left out.

    >>> nesting(b'{"a": [1, "[[["]}')
    2
    """
    depth = most = 0
    # Without what is escaped, every second part lies within quotes.
    for part in body.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')[::2]:
        for byte in part:
            if byte in b"[{":
                depth += 1
                most = max(most, depth)
            elif byte in b"]}":
                depth -= 1
    return most


class RateLimit:
    """So many requests a minute of each client, a third of them at once.

    Args:
      each_minute: 0: no limit.
    """

    def __init__(self, each_minute: int):
        self._most = each_minute
        self._spent: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()

    def check(self, client: str) -> None:
        """Counts a request; raises an ApiError if it is one too many."""
        if not self._most:
            return
        now, burst, each = time.monotonic(), max(self._most / 3, 1.0), self._most / 60
        spent, before = self._spent.pop(client, (0.0, now))
        spent = max(spent - (now - before) * each, 0.0)
        refused = spent + 1 > burst
        self._spent[client] = (spent if refused else spent + 1, now)
        if len(self._spent) > _CLIENTS:
            self._spent.popitem(last=False)
        if refused:
            wait = max(1, round((spent + 1 - burst) / each))
            raise ApiError(
                429,
                f"at most {self._most} requests a minute: wait {wait} s",
                "rate",
                headers={"Retry-After": str(wait)},
            )
