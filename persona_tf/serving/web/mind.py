"""Between the event loop and what conversations remember: all that takes time is done in threads."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

from persona_tf.chat.session import Session
from persona_tf.serving.model_facts import ModelFacts
from persona_tf.serving.model_thread import ModelThread, NotReadyError, TooLateError
from persona_tf.serving.web.errors import ApiError

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot
    from persona_tf.chat.minds import Minds
    from persona_tf.chat.remembering import Remembering

_LOG = logging.getLogger("persona_tf.serving")
_THREADS = 16
"""Most of them wait for the model's thread, not for a processor."""


class Mind:
    """What a server's conversations remember.

    Args:
      model: writes facts.
      load: opens the memories; None: this server has none, and its conversations remember nothing.
    """

    def __init__(self, model: ModelThread, load: "Callable[[], Minds] | None"):
        self._facts, self._load = ModelFacts(model), load
        self._minds: Minds | None = None
        self._pool = ThreadPoolExecutor(_THREADS, "mind")
        self._learning: dict[str, asyncio.Task[None]] = {}
        self._is_closing = False

    @property
    def is_there(self) -> bool:
        """Whether this server remembers anything."""
        return self._load is not None

    @property
    def learns(self) -> bool:
        """Whether what is said is written down."""
        return self.is_there and self._facts.bundle.example.learn_facts

    @property
    def minds(self) -> "Minds":
        """All memories; raises an ApiError where there are none, a NotReadyError where they are not open."""
        if self._load is None:
            raise ApiError(404, "this server has no memory: start it with --retriever=RUN", "not_found")
        if self._minds is None:
            raise NotReadyError("the bot is waking up: ask again in a few seconds")
        return self._minds

    @property
    def most_facts(self) -> int | None:
        """See `Session`."""
        return self.minds.config.most_shown if self.is_there else None

    def load(self) -> None:
        """Opens the memories; to be called by the thread that loads the bot."""
        if self._load is not None:
            self._minds = self._load()

    async def work(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Has something done that may ask memory and bot, in a thread; where nothing is remembered it takes no time."""
        if not self.is_there:
            return work(*arguments)
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)

    def recall_persona(self, session: Session) -> None:
        """See `Minds.recall_persona`."""
        if self.is_there:
            self.minds.recall_persona(session)

    async def attend(self, name: str, session: Session) -> "Remembering | None":
        """Has a conversation remember, after all that is being learned of it; see `Minds.attend`."""
        if not self.is_there:
            return None
        await self.learned(name)
        return await self.work(self._attend, name, session)

    def learn(self, name: str, read: Callable[[], Awaitable[Session]]) -> None:
        """Has what was said written down, while nobody waits; ``read`` gives the conversation."""
        if self.is_there:
            before = self._learning.get(name)
            task = asyncio.create_task(self._learned(name, read, before))
            self._learning[name] = task
            task.add_done_callback(lambda _: self._learning.get(name) is task and self._learning.pop(name))

    async def learned(self, name: str) -> None:
        """Waits until all is written down."""
        while task := self._learning.get(name):
            await asyncio.wait([task])

    async def forget(self, name: str) -> None:
        """Removes all that a conversation knows."""
        if self.is_there:
            await self.learned(name)
            await self.work(self.minds.forget, name)

    def close(self) -> None:
        """Closes the file when all is written."""
        self._is_closing = True
        self._pool.shutdown(cancel_futures=True)
        if self._minds is not None:
            self._minds.close()

    def _attend(self, name: str, session: Session) -> "Remembering":
        return self.minds.attend(name, session, cast("Bot", self._facts))

    async def _learned(
        self, name: str, read: Callable[[], Awaitable[Session]], before: "asyncio.Task[None] | None"
    ) -> None:
        if before is not None:
            await asyncio.wait([before])
        try:
            session = await read()
            await self.work(lambda: self._attend(name, session).learn())
        except ApiError as error:
            if error.status == 404:  # it was deleted while it was answered
                await self.work(self.minds.forget, name)
        except (NotReadyError, TooLateError):
            pass  # the server stops, say: what was said is written down before the next answer
        except Exception:
            if not self._is_closing:
                _LOG.exception("What was said in conversation %s was not written down", name)
