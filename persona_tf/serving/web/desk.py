"""Between the event loop and the model's thread: asks are handed over, pieces and answers come back."""

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.types import Receive

from persona_tf.chat.answer import Answer
from persona_tf.chat.asking import Ask
from persona_tf.chat.session import Question
from persona_tf.serving.model_thread import CancelledError, Job, ModelThread, NotReadyError, TooLateError
from persona_tf.serving.web.bodies import Decoding
from persona_tf.serving.web.errors import ApiError
from persona_tf.serving.web.mind import Mind

_GRACE = 10.0
"""Seconds."""


class Piece(NamedTuple):
    """The next piece of the reply to one of the asks."""

    ask: int
    text: str


class Desk:
    """Has the model's thread answer, for coroutines. Whoever goes away takes back what was asked.

    ``mind``: what is remembered of those who ask.
    """

    def __init__(self, model: ModelThread, mind: Mind):
        self.model, self.mind = model, mind
        self._running: dict[str, list[Job]] = {}

    def asks(self, question: Question, decoding: Decoding, told: bool) -> list[Ask]:
        """The asks of a question.

        Raises:
          ApiError: the bot cannot choose words so.
        """
        bot = self.model.bot
        try:
            decode = dataclasses.replace(bot.decode, **decoding.changes())
            bot.check(decode)
        except ValueError as error:
            raise ApiError(422, f"decoding: {error}", "invalid", "decoding") from error
        return [Ask(question.example, seed, decode, told) for seed in question.seeds]

    def count_tokens(self, texts: Sequence[str]) -> int:
        """How many the bot's vocabulary makes of some texts."""
        return sum(map(len, self.model.bot.bundle.packer.tokenizer.encode(list(texts))))

    async def answers(self, asks: Sequence[Ask], name: str = "") -> list[Answer]:
        """All answers; see `telling`."""
        async with contextlib.aclosing(self.telling(asks, name)) as telling:
            async for told in telling:
                if not isinstance(told, Piece):
                    return told
        raise AssertionError("answers come last")

    async def telling(self, asks: Sequence[Ask], name: str = "") -> AsyncGenerator[Piece | list[Answer], None]:
        """Pieces of the replies while they are written, and last the answers.

        Args:
          asks: what is asked.
          name: by which `stop` finds them.

        Raises:
          NotReadyError, FullError, TooLateError: see `ModelThread`; whatever the bot raised.
        """
        loop, news = asyncio.get_running_loop(), asyncio.Queue[tuple[int, str | None]]()

        def put(index: int, text: str | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
                loop.call_soon_threadsafe(news.put_nowait, (index, text))

        jobs: list[Job] = []
        told = [0] * len(asks)
        try:
            for index, ask in enumerate(asks):
                jobs.append(self._submit(index, ask, put))
            if name:
                self._running.setdefault(name, []).extend(jobs)
            left = len(jobs)
            while left:
                index, text = await self._next(news)
                if text is None:
                    left -= 1
                    text = _reply(jobs[index])
                if len(text) > told[index]:
                    yield Piece(index, text[told[index] :])
                    told[index] = len(text)
            yield [job.answer for job in jobs if job.answer is not None]
        finally:
            for job in jobs:
                job.cancel()
            kept = [job for job in self._running.pop(name, []) if job not in jobs]
            if kept:
                self._running[name] = kept

    async def _next(self, news: asyncio.Queue[tuple[int, str | None]]) -> tuple[int, str | None]:
        # The model's thread gives up what takes too long; here only what it says nothing of.
        try:
            return await asyncio.wait_for(news.get(), self.model.limits.seconds + _GRACE)
        except TimeoutError:
            raise TooLateError("the bot says nothing any more: ask again") from None

    def _submit(self, index: int, ask: Ask, put: Callable[[int, str | None], None]) -> Job:
        on_text = (lambda text: put(index, text)) if ask.told else None
        return self.model.submit(ask, lambda _: put(index, None), on_text)

    def stop(self, name: str) -> int:
        """Ends what is being written under a name; it is kept as it is. Returns how many answers."""
        jobs = [job for job in self._running.get(name, []) if not job.over]
        for job in jobs:
            job.stop()
        return len(jobs)


def _reply(job: Job) -> str:
    """That of a job that is over; raises its error, of what was not foreseen (the model's thread logs it) no detail."""
    if isinstance(job.error, NotReadyError | TooLateError | CancelledError):
        raise job.error
    if job.answer is None:
        raise ApiError(500, "the bot could not answer this; the server's log says why", "internal") from job.error
    return job.answer.reply


async def unless_gone(request: Request, work: Awaitable[Any]) -> Any:
    """The result of some work, which is broken off when the client goes away.

    Raises:
      ApiError: the client is gone.
    """
    return await or_gone(request.receive, work)


async def or_gone(receive: Receive, work: Awaitable[Any]) -> Any:
    """As `unless_gone`."""
    task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnected(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ApiError(499, "nobody waits for the answer any more", "cancelled")
    finally:
        for one in (task, gone):
            if not one.done():
                one.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await one


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
