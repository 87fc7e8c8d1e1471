"""A queue for each chat: what happens in one is done in its order, chats are served side by side."""

import asyncio
import collections
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Queues(Generic[T]):
    """Has things done, one at a time of each key.

    Args:
      work: does one thing; is to raise nothing.
      most: so many may wait or be done, all keys together; `room` waits for fewer.
    """

    def __init__(self, work: Callable[[T], Awaitable[None]], most: int = 1_000):
        self._work, self._most = work, most
        self._waiting: dict[Hashable, collections.deque[T]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._room.set()
        self._count = 0
        self._closed = False

    def waiting(self, key: Hashable) -> int:
        """How many of this key wait or are being done."""
        return len(self._waiting.get(key, ()))

    def put(self, key: Hashable, thing: T) -> None:
        """Has a thing done after all others of its key."""
        self._count += 1
        if self._count >= self._most:
            self._room.clear()
        if key in self._waiting:
            self._waiting[key].append(thing)
            return
        self._waiting[key] = collections.deque([thing])
        worker = asyncio.create_task(self._serve(key))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    async def room(self) -> None:
        """Waits until not too many wait, or nothing is begun any more."""
        await self._room.wait()

    def stop(self) -> None:
        """Begins nothing more."""
        self._closed = True
        self._room.set()

    async def close(self, seconds: float) -> bool:
        """As `stop`; what is being done may be finished, for so long. Returns whether it was."""
        self.stop()
        if not self._workers:
            return True
        _, late = await asyncio.wait(set(self._workers), timeout=seconds)
        for worker in late:
            worker.cancel()
        if late:
            await asyncio.wait(late)
        return not late

    async def _serve(self, key: Hashable) -> None:
        queue = self._waiting[key]
        while queue and not self._closed:
            await self._work(queue[0])
            queue.popleft()
            self._count -= 1
            if self._count < self._most:
                self._room.set()
        del self._waiting[key]
