"""Runs the bot until Ctrl-C or SIGTERM; what is being answered then is finished first, what waits is answered later."""

import asyncio
import contextlib
import dataclasses
import logging
import os
import pathlib
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from telegram import Bot as Api
from telegram import Update
from telegram.error import InvalidToken, TelegramError
from telegram.request import HTTPXRequest

from persona_tf.chat.card import Card
from persona_tf.chat_file import ChatFile
from persona_tf.serving.model_thread import Limits, ModelThread, NotReadyError
from persona_tf.serving.telegram.events import Event, Unread, event_of
from persona_tf.serving.telegram.host import Host, Threads
from persona_tf.serving.telegram.inbox import Inbox
from persona_tf.serving.telegram.outgoing import Out, short
from persona_tf.serving.telegram.patience import Patience, StoppingError
from persona_tf.serving.telegram.polling import poll
from persona_tf.serving.telegram.queues import Queues
from persona_tf.serving.telegram.secret import VARIABLE, hidden, token_of
from persona_tf.serving.telegram.sender import Sender
from persona_tf.serving.telegram.talks import Draw, Talks
from persona_tf.serving.telegram.texts import ALL, texts_of

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot
    from persona_tf.chat.minds import Minds

TELEGRAM = "https://api.telegram.org"
"""Where the Bot API is."""

STOP_SECONDS = 30.0
"""So long what is being answered may take when the bot stops."""

_LOG = logging.getLogger("persona_tf.serving")
_CONNECTIONS = 64
_WORKERS = 16
"""Most of them wait for the model's thread, not for a processor."""
_DISK_S = 5.0
_WAITING = 30
"""Of one chat; what comes then is not read, which the chat is told once."""


def run(
    load: Callable[[], "Bot"],
    chats: pathlib.Path,
    api: str = TELEGRAM,
    draw: Draw | None = None,
    card: Card | None = None,
    load_minds: "Callable[[], Minds] | None" = None,
) -> None:
    """Talks on Telegram until it is stopped.

    Args:
      load: makes the bot.
      chats: the file that keeps conversations, and the updates that are not answered yet.
      api: where the Bot API is.
      draw: a seed -> whom the bot plays in a new chat, and where; None: nobody, nowhere.
      card: is played in new chats, on top of what is drawn.
      load_minds: opens what conversations remember; None: they remember nothing.

    Raises:
      ValueError: there is no token, Telegram does not know it, the address is none, or bot or file are none.
      OSError: the file cannot be written.
    """
    token = token_of(os.environ)
    if not api.startswith(("https://", "http://")):
        raise ValueError(f"--telegram_api: expected an address such as {TELEGRAM}, got {api!r}")
    with hidden(token):
        try:
            asyncio.run(TelegramServer(token, load, chats, api, draw, card, load_minds).run())
        except asyncio.CancelledError:  # by a second signal
            raise KeyboardInterrupt from None


class TelegramServer:
    """The parts of a bot on Telegram; takes what `run` takes, and the limits of the model's thread."""

    def __init__(
        self,
        token: str,
        load: Callable[[], "Bot"],
        chats: pathlib.Path,
        api: str = TELEGRAM,
        draw: Draw | None = None,
        card: Card | None = None,
        load_minds: "Callable[[], Minds] | None" = None,
        limits: Limits | None = None,
    ):
        self._model = ModelThread(load, limits or Limits(), _Unwatched())
        self._draw, self._card, self._load_minds = draw, card, load_minds
        self._minds: Minds | None = None
        base = api.rstrip("/")
        self._api = Api(
            token,
            f"{base}/bot",
            f"{base}/file/bot",
            HTTPXRequest(_CONNECTIONS, read_timeout=15, pool_timeout=30),
            HTTPXRequest(1, read_timeout=10),
        )
        self._base, self._chats = base, chats
        self._file = ChatFile(chats)
        self._inbox = Inbox(chats)
        self._threads = Threads(ThreadPoolExecutor(1, "chats"), ThreadPoolExecutor(_WORKERS, "work"))

    async def run(self) -> None:
        """See the function `run`."""
        self.loop = asyncio.get_running_loop()
        self._patience = Patience()
        self._queues: Queues[Event] = Queues(self._take)
        self._sender = Sender(self._api, self._patience)
        try:
            with _signals(self.loop, self.stop):
                with contextlib.suppress(StoppingError):
                    await self._begun()
                    print("Talking. Ctrl-C stops it.", flush=True)
                    await poll(self._api, self._keep, self._patience)
                print("Stopping: what is being answered is finished first.", flush=True)
                await self._queues.close(STOP_SECONDS)
        except InvalidToken:
            at = "" if self._base == TELEGRAM else f" (asked at {self._base})"
            raise ValueError(
                f"Telegram does not know the token in {VARIABLE}{at}: copy it once more from @BotFather (/mybots, API "
                "Token)"
            ) from None
        finally:
            self._patience.stopping.set()
            await self._end()

    def stop(self) -> None:
        """Ends `run`; to be called by the event loop's own thread."""
        self._patience.stopping.set()
        self._queues.stop()

    async def _begun(self) -> None:
        """All is ready, and what was not answered yet is being answered."""
        await self._met()
        self._model.start()
        while self._model.status == "loading":
            await self._patience.sleep(0.05)
        try:
            self._model.bot  # noqa: B018  (raises)
        except NotReadyError as error:
            raise ValueError(str(error)) from None
        if self._load_minds:
            self._minds = await self._on(self._threads.work, self._load_minds)
        most_facts = self._minds.config.most_shown if self._minds else None
        talks = await self._on(
            self._threads.disk, lambda: Talks(self._file, self._bot, self._draw, self._card, most_facts)
        )
        self._host = Host(talks, self._model, self._sender, self._threads, self._minds)
        for body in await self._on(self._threads.disk, self._inbox.waiting):
            await self._put(Update.de_json(body, self._api))

    async def _met(self) -> None:
        """Who the bot is on Telegram; its commands stand in the menu."""
        attempt = 0
        while True:
            try:
                await self._api.initialize()
                await self._api.delete_webhook()
                break
            except InvalidToken:
                raise
            except TelegramError as error:
                if attempt == 0:
                    _LOG.warning("%s cannot be reached; trying again until it answers", self._base)
                await self._patience.after(error, attempt)
                attempt += 1
        self._patience.reached()
        print(f"On Telegram as @{self._api.username}. Conversations are kept in {self._chats}.", flush=True)
        for language, texts in ALL.items():
            menu = [(name, short(about, 256)) for name, about in texts.menu.items()]
            try:
                await self._api.set_my_commands(menu, language_code=None if language == "en" else language)
            except TelegramError as error:
                _LOG.info("The menu of commands stays as it is: %s", error)

    async def _keep(self, updates: Sequence[Update]) -> None:
        bodies = [(update.update_id, update.to_dict()) for update in updates]
        while True:
            try:
                new = set(await self._on(self._threads.disk, self._inbox.take, bodies))
                break
            except OSError as error:  # Telegram has them still
                _LOG.error("%s; trying again", error)
                await self._patience.sleep(_DISK_S)
        for update in updates:
            if update.update_id in new:
                await self._put(update)
        await self._queues.room()

    async def _put(self, update: Update) -> None:
        event = event_of(update)
        if event is None:
            await self._forget(update.update_id)
            return
        waiting = self._queues.waiting(event.chat)
        if waiting > _WAITING:
            return await self._forget(event.update)
        if waiting == _WAITING:
            event = dataclasses.replace(event, what=Unread("fast"))
        self._queues.put(event.chat, event)

    async def _take(self, event: Event) -> None:
        """One event, whatever comes of it: one chat's trouble is not the others'."""
        try:
            await self._host.take(event)
        except StoppingError:
            return  # it is in the inbox
        except Exception as error:  # goes to the log, and to who wrote
            _LOG.error("An update could not be answered", exc_info=error)
            try:
                await self._sender.send(event.chat, Out(texts_of(event.language).failed))
            except StoppingError:
                return
        await self._forget(event.update)
        try:
            await self._host.learn(event.chat)
        except Exception as error:  # what was said is written down before the next answer
            _LOG.error("What was said in a chat was not written down", exc_info=error)

    async def _forget(self, number: int) -> None:
        try:
            await self._on(self._threads.disk, self._inbox.done, number)
        except OSError as error:
            _LOG.error("%s", error)

    async def _end(self) -> None:
        await self._on(self._threads.work, self._model.close, 1.0)
        self._threads.disk.shutdown()
        self._threads.work.shutdown(wait=False)
        if self._minds is not None:
            self._minds.close()
        self._inbox.close()
        self._file.close()
        with contextlib.suppress(TelegramError):
            await self._api.shutdown()

    def _bot(self) -> "Bot":
        return self._model.bot

    async def _on(self, pool: ThreadPoolExecutor, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)


class _Unwatched:
    """Nobody counts."""

    def began(self, rows: int) -> None:
        pass

    def waited(self, seconds: float) -> None:
        pass

    def answered(self, tokens: int) -> None:
        pass


@contextlib.contextmanager
def _signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> Iterator[None]:
    """SIGINT and SIGTERM stop; the second of them at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kinds, main, seen = (signal.SIGINT, signal.SIGTERM), asyncio.current_task(), list[int]()

    def heard(kind: int) -> None:
        seen.append(kind)
        stop()
        if len(seen) > 1 and main is not None:
            main.cancel()

    for kind in kinds:
        loop.add_signal_handler(kind, heard, kind)
    try:
        yield
    finally:
        for kind in kinds:
            loop.remove_signal_handler(kind)
