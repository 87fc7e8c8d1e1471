"""Fetches updates, whatever the network does, and tells Telegram that they are here once they are kept."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from telegram import Bot, Update
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from persona_tf.serving.telegram.events import ALLOWED
from persona_tf.serving.telegram.patience import Patience
from persona_tf.serving.telegram.sender import seconds_of

_POLL_S = 25
_AT_ONCE = 100
_LOG = logging.getLogger("persona_tf.serving")

Take = Callable[[Sequence[Update]], Awaitable[None]]
"""Is given updates; when it returns they are kept, so that Telegram may forget them."""


async def poll(bot: Bot, take: Take, patience: Patience) -> None:
    """Fetches until it is stopped.

    Raises:
      StoppingError: it is.
      InvalidToken: Telegram does not know the token any more.
      OSError: updates cannot be kept.
    """
    offset: int | None = None
    attempt, in_conflict = 0, False
    while True:
        try:
            updates = await _unless_stopped(_fetch(bot, offset), patience)
        except InvalidToken:
            raise
        except Conflict as error:
            if not in_conflict:
                in_conflict = True
                _LOG.warning(
                    "Telegram hands updates to one program at a time, and another asks with this token: stop it, or "
                    "take another token (%s)",
                    str(error)[:200],
                )
            attempt += 1
            await patience.sleep(min(0.5 * 2**attempt, 30.0))
        except RetryAfter as error:
            await patience.sleep(seconds_of(error))
        except TelegramError as error:
            await patience.after(error, attempt)
            attempt += 1
        else:
            patience.reached()
            attempt, in_conflict = 0, False
            if updates:
                await take(updates)
                offset = updates[-1].update_id + 1


async def _fetch(bot: Bot, offset: int | None) -> tuple[Update, ...]:
    return await bot.get_updates(offset, _AT_ONCE, _POLL_S, allowed_updates=ALLOWED)


async def _unless_stopped(fetch: Awaitable[tuple[Update, ...]], patience: Patience) -> tuple[Update, ...]:
    """What is fetched; broken off when the bot stops: what Telegram sends then it sends once more."""
    task, stopping = asyncio.ensure_future(fetch), asyncio.ensure_future(patience.stopping.wait())
    try:
        await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
        patience.check()
        return await task
    finally:
        for one in (task, stopping):
            one.cancel()
        await asyncio.gather(task, stopping, return_exceptions=True)
