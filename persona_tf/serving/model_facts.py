"""What the model's thread writes as facts, for threads that wait for it."""

import functools
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from persona_tf.chat.asking import FactsAsk
from persona_tf.example import Example, OwnedFact
from persona_tf.serving.model_thread import Job, ModelThread, TooLateError

if TYPE_CHECKING:
    from persona_tf.export.bundle import Bundle

_GRACE_S = 10.0


class ModelFacts:
    """As much of a `Bot` as a memory needs. Any thread but the model's own may call it, and waits for that one.

    Raises:
      NotReadyError, FullError, TooLateError: see `ModelThread`; whatever the bot raised.
    """

    def __init__(self, model: ModelThread):
        self._model = model

    @property
    def bundle(self) -> "Bundle":
        """That of the bot."""
        return self._model.bot.bundle

    def extract(self, examples: Sequence[Example]) -> list[list[tuple[OwnedFact, ...]]]:
        """As `Bot.extract`."""
        return self._written([FactsAsk(example, "extract") for example in examples])

    def invent(self, examples: Sequence[Example]) -> list[list[str]]:
        """As `Bot.invent`."""
        found = self._written([FactsAsk(example, "invent") for example in examples])
        return [[facts[0].text if facts else "" for facts in row] for row in found]

    def _written(self, asks: Sequence[FactsAsk]) -> list[Any]:
        waiting: list[Future[Any]] = [Future() for _ in asks]
        jobs: list[Job] = []
        try:
            for ask, over in zip(asks, waiting, strict=True):
                jobs.append(self._model.submit(ask, functools.partial(_settle, over)))
            # The model's thread gives up what takes too long; here only what it says nothing of.
            return [over.result(self._model.limits.seconds + _GRACE_S) for over in waiting]
        except TimeoutError:
            raise TooLateError("the bot says nothing any more") from None
        finally:
            for job in jobs:
                job.cancel()


def _settle(over: "Future[Any]", job: Job) -> None:
    if job.error is None:
        over.set_result(job.answer)
    else:
        over.set_exception(job.error)
