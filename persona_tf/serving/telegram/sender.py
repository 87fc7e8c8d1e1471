"""Sends, in spite of Telegram's limits and of networks that come and go."""

import asyncio
import contextlib
import datetime
import functools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from telegram.constants import ChatAction
from telegram.error import BadRequest, InvalidToken, NetworkError, RetryAfter, TelegramError

from persona_tf.serving.telegram.outgoing import Buttons, Out, parts, short
from persona_tf.serving.telegram.patience import Patience, StoppingError

MAX_FILE_BYTES = 20 << 20
"""Largest file that Telegram hands to bots."""

_TYPING_S = 4.5
_PLAIN = LinkPreviewOptions(is_disabled=True)
_LOG = logging.getLogger("persona_tf.serving")


class Sender:
    """Has a bot of python-telegram-bot send; text is sent as it is, never as markup.

    Args:
      bot: initialized.
      patience: waits between tries; raises `StoppingError` when nothing is to be tried any more.
    """

    def __init__(self, bot: Bot, patience: Patience):
        self._bot, self._patience = bot, patience

    async def send(self, chat: int, out: Out) -> None:
        """Sends; is over when Telegram has it, or does not want it (as when the person has blocked the bot)."""
        if out.text is None:
            edit = functools.partial(self._bot.edit_message_reply_markup, chat_id=chat, message_id=out.instead)
            await self._tried(functools.partial(edit, reply_markup=_markup(out.buttons)))
            return
        pieces = list(parts(out.text))
        for number, text in enumerate(pieces):
            markup = _markup(out.buttons) if number == len(pieces) - 1 else None
            tell: Callable[..., Awaitable[Any]] = self._bot.send_message
            if out.instead and number == 0:
                tell = functools.partial(self._bot.edit_message_text, message_id=out.instead)
            told = {"chat_id": chat, "text": text, "reply_markup": markup, "link_preview_options": _PLAIN}
            await self._tried(functools.partial(tell, **told))

    async def pressed(self, query: str, text: str = "") -> None:
        """Tells that a button was understood; with a text, which is shown over the chat."""
        await self._tried(
            lambda: self._bot.answer_callback_query(query, short(text, 200) or None, show_alert=bool(text)), 3
        )

    async def file(self, name: str) -> bytes | None:
        """The content of a file that was sent; None: Telegram does not give it."""

        async def fetched() -> bytes:
            try:
                return bytes(await (await self._bot.get_file(name)).download_as_bytearray())
            except InvalidToken as error:  # what the library makes of any 404
                raise BadRequest("no such file") from error

        return await self._tried(fetched, 5)

    @contextlib.asynccontextmanager
    async def typing(self, chat: int) -> AsyncIterator[None]:
        """The chat shows that an answer is being written, within."""

        async def show() -> None:
            while True:
                with contextlib.suppress(TelegramError):
                    await self._bot.send_chat_action(chat, ChatAction.TYPING)
                await asyncio.sleep(_TYPING_S)

        task = asyncio.create_task(show())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _tried(self, call: Callable[[], Awaitable[Any]], most: int = 0) -> Any:
        """What the call gives; None: Telegram refuses it, or the network did so ``most`` times (0: any number)."""
        for attempt in range(most or 1_000_000):
            try:
                return await call()
            except RetryAfter as error:
                await self._patience.sleep(seconds_of(error))
            except InvalidToken:  # who polls is told so too, and ends it all
                raise StoppingError from None
            except BadRequest as error:
                if "not modified" not in str(error):  # as when a button is pressed twice
                    _LOG.info("Telegram refuses: %s", short(str(error), 200))
                return None
            except NetworkError as error:
                await self._patience.after(error, attempt)
            except TelegramError as error:  # Forbidden, ChatMigrated: nobody is there
                _LOG.info("A chat cannot be answered: %s", short(str(error), 200))
                return None
        return None


def seconds_of(error: RetryAfter) -> float:
    """So long Telegram wants to be left alone."""
    given = error.retry_after
    return given.total_seconds() if isinstance(given, datetime.timedelta) else float(given)


def _markup(rows: Buttons) -> InlineKeyboardMarkup | None:
    if not rows:
        return None
    return InlineKeyboardMarkup([[InlineKeyboardButton(b.label, callback_data=b.data) for b in row] for row in rows])
