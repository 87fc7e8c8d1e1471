"""Server-sent events: a response that comes in pieces."""

import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from persona_tf.serving.web.desk import or_gone
from persona_tf.serving.web.errors import ApiError, as_api_error


def event(data: Any, name: str = "") -> bytes:
    """One event; ``data`` as JSON on one line."""
    line = f"data: {json.dumps(data, ensure_ascii=False, separators=(',', ':'))}\n\n"
    return (f"event: {name}\n{line}" if name else line).encode("utf-8", "replace")


class EventStream(Response):
    """Sends events as they come; stops their making when the client goes away.

    Args:
      first, events: what is sent. An error is sent as an event, under the name ``error`` if events have ``names``.
    """

    media_type = "text/event-stream"

    def __init__(self, first: bytes, events: AsyncGenerator[bytes, None], names: bool = True):
        super().__init__(None, 200, {"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._first, self._events, self._names = first, events, names

    @classmethod
    async def begun(cls, receive: Receive, events: AsyncGenerator[bytes, None], names: bool = True) -> "EventStream":
        """Waits for the first event, so that an error before it can be told with an HTTP status of its own."""
        return cls(await or_gone(receive, anext(events)), events, names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI wants it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            with contextlib.suppress(ApiError):  # the client is gone
                await or_gone(receive, self._send(send))
        finally:
            await self._events.aclose()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        try:
            async for one in self._events:
                await send({"type": "http.response.body", "body": one, "more_body": True})
        except Exception as error:  # told, as the status is sent already
            told = event(as_api_error(error).body(), "error" if self._names else "")
            await send({"type": "http.response.body", "body": told, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
