"""One thread that owns the bot: it gathers what many ask into batches, and answers them. Knows no transport.

A lone wish is begun at once. What comes while others are answered is begun between two of their words, beside them, so
long as there are few such batches; else it waits, and is begun with all that wait by then. Facts are written in a batch
of their own, word by word as replies are: nobody's reply waits for them.
"""

import collections
import dataclasses
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, Protocol

from persona_tf.chat.answer import Answer
from persona_tf.chat.asking import Ask, FactsAsk, Told

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot

_LOG = logging.getLogger("persona_tf.serving")


@dataclasses.dataclass(frozen=True)
class Limits:
    """``rows`` are written at once in at most ``batches`` batches; ``waiting`` may wait; ``tokens`` between two looks.

    ``seconds``: so long an answer may take, waiting included.
    """

    rows: int = 32
    batches: int = 2
    waiting: int = 256
    tokens: int = 2
    seconds: float = 60.0


class NotReadyError(Exception):
    """The bot is not there yet, or no more."""


class FullError(Exception):
    """So many wait already that no more can."""


class TooLateError(Exception):
    """It took longer than it may."""


class CancelledError(Exception):
    """Nobody wants the answer any more."""


class Watch(Protocol):
    """Is told what happens, by the model's thread."""

    def began(self, rows: int) -> None:
        """A batch of so many was begun."""

    def waited(self, seconds: float) -> None:
        """So long a wish waited for the first piece of its reply, or for all of it."""

    def answered(self, tokens: int) -> None:
        """An answer of so many tokens is done."""


class Job:
    """A wish for an answer, or for facts.

    ``on_text`` is called by the model's thread with the reply so far; ``done`` with the job when it has its ``answer``
    (see `Told`) or an ``error``.
    """

    def __init__(
        self, ask: Ask | FactsAsk, on_text: Callable[[str], None] | None, done: Callable[["Job"], None], until: float
    ):
        self.ask, self.until, self.asked = ask, until, time.monotonic()
        self.answer: Any = None
        self.error: Exception | None = None
        self.on_text, self._done = on_text, done
        self.cancelled = self.stopped = self.over = False
        self.text = ""

    def cancel(self) -> None:
        """The answer is wanted no more."""
        self.cancelled = True

    def stop(self) -> None:
        """What is written so far is the answer."""
        self.stopped = True

    @property
    def kind(self) -> str:
        """What is wanted: ``reply``, ``extract`` or ``invent``; a batch is of one kind."""
        return "reply" if isinstance(self.ask, Ask) else self.ask.task

    def end(self, answer: Any = None, error: Exception | None = None) -> None:
        """Is called once, by the model's thread."""
        self.over, self.answer, self.error = True, answer, error
        self._done(self)


class ModelThread:
    """Loads a bot, then answers until it is closed.

    Args:
      load: makes the bot; is called by the thread.
      limits: see `Limits`.
      watch: is told what happens.
    """

    def __init__(self, load: Callable[[], "Bot"], limits: Limits, watch: Watch):
        self.limits, self._load, self._watch = limits, load, watch
        self._news = threading.Condition()
        self._waiting: collections.deque[Job] = collections.deque()
        self._batches: list[_Batch] = []
        self._closing = False
        self._bot: Future[Bot] = Future()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)

    def start(self) -> None:
        """Begins to load the bot."""
        self._thread.start()

    def settled(self) -> None:
        """Waits until the bot is loaded, or could not be."""
        wait([self._bot])

    @property
    def status(self) -> str:
        """``loading``, ``ready``, ``failed`` or ``closing``."""
        if self._closing:
            return "closing"
        if not self._bot.done():
            return "loading"
        return "failed" if self._bot.exception() else "ready"

    @property
    def bot(self) -> "Bot":
        """The bot; raises a NotReadyError that says why there is none."""
        if not self._bot.done():
            raise NotReadyError("the bot is waking up: ask again in a few seconds")
        if error := self._bot.exception():
            raise NotReadyError(f"the bot could not be loaded: {error}")
        return self._bot.result()

    @property
    def waiting(self) -> int:
        """How many wait to be begun."""
        return len(self._waiting)

    @property
    def writing(self) -> int:
        """How many are being answered."""
        return sum(batch.open for batch in self._batches)

    def submit(
        self,
        ask: Ask | FactsAsk,
        done: Callable[[Job], None],
        on_text: Callable[[str], None] | None = None,
        seconds: float = 0,
    ) -> Job:
        """Has an ask answered.

        Args:
          ask: what is asked.
          done: is called by the model's thread with the job when it is over, in whatever way.
          on_text: is called by it with the reply so far.
          seconds: that it may take, if not those of the limits.

        Raises:
          NotReadyError: there is no bot, or none any more.
          FullError: too many wait.
        """
        job = Job(ask, on_text, done, time.monotonic() + (seconds or self.limits.seconds))
        self.bot  # noqa: B018  (raises)
        with self._news:
            if self._closing:
                raise NotReadyError("the server is stopping")
            if len(self._waiting) >= self.limits.waiting:
                raise FullError(f"{len(self._waiting)} wait already: ask again in a few seconds")
            self._waiting.append(job)
            self._news.notify()
        return job

    def close(self, seconds: float) -> None:
        """Takes nothing more; what runs or waits is finished, for at most so long."""
        with self._news:
            self._closing = True
            self._news.notify()
        if self._bot.done():
            self._thread.join(seconds)

    def _run(self) -> None:
        try:
            bot = self._load()
        except Exception as error:  # whoever asks is told
            _LOG.error("The bot could not be loaded: %s", error)
            self._bot.set_exception(error)
            return
        self._bot.set_result(bot)
        while self._wait():
            self._drop_ended()
            for jobs in (self._replies(bot), self._facts("invent"), self._facts("extract")):
                if jobs:
                    self._watch.began(len(jobs))
                    self._batches.append(_Batch(bot, jobs, self.limits.tokens, self._watch))
            for batch in self._batches:
                batch.advance()
            self._batches = [batch for batch in self._batches if batch.open]

    def _wait(self) -> bool:
        """Until there is something to do; False when it is to end."""
        with self._news:
            while not (self._waiting or self._batches or self._closing):
                self._news.wait()
            return bool(self._waiting or self._batches)

    def _drop_ended(self) -> None:
        with self._news:
            alive = [job for job in self._waiting if not _ended(job)]
            self._waiting.clear()
            self._waiting.extend(alive)

    def _replies(self, bot: "Bot") -> list[Job]:
        """Those that are begun now."""
        batches = [batch for batch in self._batches if batch.kind == "reply"]
        if len(batches) >= self.limits.batches:
            return []
        room = self.limits.rows - sum(batch.open for batch in batches)
        return self._taken(room, "reply", lambda one, other: bot.mixes or one.decode == other.decode)

    def _facts(self, kind: str) -> list[Job]:
        """As `_replies`, one batch at a time."""
        is_free = all(batch.kind != kind for batch in self._batches)
        return self._taken(self.limits.rows, kind) if is_free else []

    def _taken(self, room: int, kind: str, fit: Callable[[Any, Any], bool] = lambda one, other: True) -> list[Job]:
        """Takes jobs of a kind out of those that wait, as many as there is room for; all fit the first."""
        chosen: list[Job] = []
        with self._news:
            for job in list(self._waiting):
                if job.kind == kind and len(chosen) < room and (not chosen or fit(job.ask, chosen[0].ask)):
                    chosen.append(job)
                    self._waiting.remove(job)
        return chosen


class _Batch:
    """Jobs of one kind that are answered side by side; ``open``: how many of them are not over."""

    def __init__(self, bot: "Bot", jobs: list[Job], tokens: int, watch: Watch):
        self._jobs, self._watch, self.kind = jobs, watch, jobs[0].kind
        self._told: Iterator[list[Told]] = iter(())
        self.open = len(jobs)
        asks: list[Any] = [job.ask for job in jobs]
        try:
            self._told = bot.answering(asks, tokens) if self.kind == "reply" else bot.noting(asks, tokens)
        except Exception as error:  # goes to those who asked
            self._fail(error)

    def advance(self) -> None:
        """Writes on; what is done, stopped, cancelled or too late is over."""
        if not self.open:
            return
        try:
            told = next(self._told)
            for job, now in zip(self._jobs, told, strict=True):
                if not job.over:
                    self._look(job, now)
        except Exception as error:  # goes to those who asked
            self._fail(error)
        self.open = sum(not job.over for job in self._jobs)

    def _look(self, job: Job, now: Told) -> None:
        if self.kind != "reply":
            if now.done:
                job.end(now.answer())
            else:
                _ended(job)
        elif now.done or job.stopped:
            answer = now.answer()
            if not job.text:
                self._watch.waited(time.monotonic() - job.asked)
            self._watch.answered(answer.tokens)
            job.end(answer)
        elif not _ended(job) and len(now.text) > len(job.text):
            if not job.text:
                self._watch.waited(time.monotonic() - job.asked)
            job.text = now.text
            if job.on_text is not None:
                job.on_text(now.text)

    def _fail(self, error: Exception) -> None:
        _LOG.error("A batch of %d could not be answered", len(self._jobs), exc_info=error)
        for job in self._jobs:
            if not job.over:
                job.end(error=error)
        self.open = 0


def _ended(job: Job) -> bool:
    """Whether it is over before it is done; ends it if so."""
    if job.cancelled:
        job.end(error=CancelledError("nobody waits for the answer any more"))
    elif job.stopped and not job.text and not job.over:
        job.end(Answer("", "", "", {}, 0, cut=True))
    elif time.monotonic() > job.until:
        job.end(error=TooLateError("the answer took too long: ask again, or for less"))
    return job.over
