"""A bot whose offensive replies are marked or kept back, whoever talks to it and however."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from persona_tf.chat.answer import BLOCKED, MARKED, Answer
from persona_tf.chat.asking import Ask, Told
from persona_tf.chat.offensive_words import OffensiveWords
from persona_tf.example import Example

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot

WAYS = ("off", "mark", "block")
"""What is done with an offensive reply: nothing; ``Answer.offence`` says so; it is not told, and ``…`` in its place."""

_UNSAID = "…"


def watching(way: str) -> Callable[["Bot"], "Bot"]:
    """What makes of a bot one that is watched in one of `WAYS`.

    Raises:
      ValueError: it is none of them, or see `OffensiveWords`.
    """
    if way not in WAYS:
        raise ValueError(f"offensive replies: expected {', '.join(WAYS[:-1])} or {WAYS[-1]}, got {way!r}")
    if way == "off":
        return lambda bot: bot
    found = OffensiveWords().found
    return lambda bot: cast("Bot", WatchedBot(bot, way == "block", found))


class WatchedBot:
    """A bot in all that it does. Its answers are looked at, words and action; where they are kept back, none is told
    before all of it was looked at.

    Args:
      bot: whose answers these are.
      blocks: whether they are kept back; else they are marked.
      found: the offensive words of a text.
    """

    def __init__(self, bot: "Bot", blocks: bool, found: Callable[[str], Sequence[str]]):
        self._bot, self._blocks, self._found = bot, blocks, found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bot, name)

    def answer(self, examples: Sequence[Example], seed: int | None = None) -> list[list[Answer]]:
        """As `Bot.answer`."""
        return [[self._looked_at(answer) for answer in row] for row in self._bot.answer(examples, seed)]

    def n_best(self, examples: Sequence[Example], seed: int | None = None) -> list[list[list[Answer]]]:
        """As `Bot.n_best`."""
        return [[list(map(self._looked_at, best)) for best in row] for row in self._bot.n_best(examples, seed)]

    def stream(
        self, example: Example, on_text: Callable[[str], None], seed: int | None = None, tokens: int = 2
    ) -> Answer:
        """As `Bot.stream`."""
        heard = (lambda _: None) if self._blocks else on_text
        answer = self._looked_at(self._bot.stream(example, heard, seed, tokens))
        if self._blocks and answer.reply:
            on_text(answer.reply)
        return answer

    def answering(self, asks: Sequence[Ask], tokens: int = 2) -> Iterator[list[Told]]:
        """As `Bot.answering`."""
        if self._blocks:
            asks = [dataclasses.replace(ask, told=False) for ask in asks]
        return ([self._told(one) for one in told] for told in self._bot.answering(asks, tokens))

    def _told(self, told: Told) -> Told:
        return told._replace(answer=lambda: self._looked_at(told.answer()))

    def _looked_at(self, answer: Answer) -> Answer:
        if not self._found(f"{answer.reply}\n{answer.action}"):
            return answer
        if not self._blocks:
            return dataclasses.replace(answer, offence=MARKED)
        return dataclasses.replace(answer, reply=_UNSAID, action="", emote="", offence=BLOCKED)
