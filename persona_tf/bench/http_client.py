"""As much of HTTP as it takes to load a server of ours: JSON over one connection, and server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any


class Connection:
    """A connection that is kept open; one request at a time.

    Args:
      reader, writer: of an open socket, see `Connection.to`.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> "Connection":
        """A connection to a server of this machine; raises an OSError where there is none."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    def close(self) -> None:
        """Hangs up."""
        self._writer.close()

    async def json(self, method: str, path: str, body: Any = None) -> Any:
        """The answer to a request.

        Raises:
          OSError: the server refused, or hung up.
        """
        return json.loads(b"".join([part async for part in self._parts(method, path, body)]))

    async def events(self, path: str, body: Any) -> AsyncIterator[tuple[str, Any]]:
        """Names and data of the events that a POST is answered with; raises as `json`."""
        text = b""
        async for part in self._parts("POST", path, body):
            *events, text = (text + part).split(b"\n\n")
            for event in events:
                name, _, data = event.partition(b"\n")
                yield name.removeprefix(b"event: ").decode(), json.loads(data.removeprefix(b"data: "))

    async def _parts(self, method: str, path: str, body: Any) -> AsyncIterator[bytes]:
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(content)}\r\n"
        self._writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + content)
        try:
            status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower().split("\r\n")
            length = next((int(line.partition(":")[2]) for line in lines if line.startswith("content-length:")), None)
            parts = self._chunks() if length is None else self._whole(length)
            if int(status.split()[1]) >= 400:
                told = b"".join([part async for part in parts]).decode("utf-8", "replace")
                raise OSError(f"{method} {path}: {status}: {told[:300]}")
            async for part in parts:
                yield part
        except asyncio.IncompleteReadError as error:
            raise OSError(f"{method} {path}: the server hung up") from error

    async def _whole(self, length: int) -> AsyncIterator[bytes]:
        yield await self._reader.readexactly(length)

    async def _chunks(self) -> AsyncIterator[bytes]:
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            yield await self._reader.readexactly(size)
            await self._reader.readexactly(2)
        await self._reader.readexactly(2)
