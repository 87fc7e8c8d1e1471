"""Waiting between tries, for as long as there is something to wait for."""

import asyncio
import logging
import random

_FIRST_S, _MOST_S = 0.5, 30.0
_LOG = logging.getLogger("persona_tf.serving")


class StoppingError(Exception):
    """The bot is stopping: what is not done is done when it is there again."""


class Patience:
    """Shared by all that speak with Telegram, so that a network that is gone is told of once."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self._is_gone = False

    def check(self) -> None:
        """Raises a `StoppingError` where the bot stops."""
        if self.stopping.is_set():
            raise StoppingError

    async def sleep(self, seconds: float) -> None:
        """Raises a `StoppingError` where the bot stops before it is over."""
        self.check()
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return
        raise StoppingError

    async def after(self, error: Exception, attempt: int) -> None:
        """Sleeps after an error, the longer the more tries there were; raises what `sleep` raises."""
        if not self._is_gone:
            self._is_gone = True
            _LOG.warning("Telegram cannot be reached (%s); trying again until it answers", str(error)[:200])
        most = min(_MOST_S, _FIRST_S * 2 ** min(attempt, 10))
        await self.sleep(most * random.uniform(0.5, 1))

    def reached(self) -> None:
        """It answers."""
        if self._is_gone:
            self._is_gone = False
            _LOG.info("Telegram answers again")
