"""A conversation: a place, whom the bot plays, whom it talks to, and the turns so far.

Pure state around a bot; knows no transport, so terminal, web page and self-chat share it. What the bot is shown
is made by `persona_tf.example`, as in training.
"""

import dataclasses
import random
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from persona_tf.episode import EMOTES, Character, Episode, Setting, Turn
from persona_tf.example import (
    CHARACTERS_A_TOKEN,
    Example,
    HistoryTurn,
    Item,
    Target,
    history_turns,
    knowledge_items,
    lay_out,
)

if TYPE_CHECKING:
    from persona_tf.chat.bot import Answer, Bot

PARTNER, BOT = 0, 1
"""Who is who in `Session.episode`: indices into its characters."""

OnText = Callable[[str], None]

Recall = Callable[[Sequence[Turn]], Sequence[Item]]
"""Turns so far -> what comes to the bot's mind after them, as knowledge items of any of the kinds, with keys of their
own."""

MAX_ITEMS = 128
"""Most knowledge items of a conversation: what it takes to read them grows with the square of their number."""


class Session:
    """A conversation that grows by a turn of the partner and an answer at a time.

    Equal arguments and equal words give equal answers. Where answering fails, the conversation stays as it was.

    Args:
      bot: answers; any object with `Bot`'s ``answer`` and ``bundle.example`` will do.
      setting: where the two are; None is nowhere.
      me: whom the bot plays.
      partner: whom the bot talks to.
      seed: decides the noise of sampling, another for each turn.
      opening: turns that the conversation begins with; they are not taken back.
      recall: is asked before each answer; what it gives is known for that answer, as far as there is room for it and
        the bot was trained with that kind of item.

    Raises:
      ValueError: there are more than `MAX_ITEMS` facts, objects and so on.
    """

    def __init__(
        self,
        bot: "Bot",
        setting: Setting | None,
        me: Character,
        partner: Character,
        seed: int = 0,
        opening: Sequence[Turn] = (),
        recall: Recall | None = None,
    ):
        self._bot = bot
        self._recall = recall
        self._recalled: tuple[Item, ...] = ()
        self._opening: tuple[Turn, ...] = _clean(tuple(opening))
        self._seed = seed
        self._attempt = 0
        self._episode = _clean(Episode(f"chat/{seed}", "chat", setting, (partner, me), self._opening, learners=(BOT,)))
        self._items = knowledge_items(self._episode, BOT, bot.bundle.example)
        if len(self._items) > MAX_ITEMS:
            raise ValueError(
                f"expected at most {MAX_ITEMS} facts, sentences about the place, objects and names in all, got "
                f"{len(self._items)}: leave some out"
            )

    @property
    def episode(self) -> Episode:
        """The conversation so far; the partner is character 0, the bot 1 and the learner."""
        return self._episode

    @property
    def items(self) -> tuple[Item, ...]:
        """What the bot is shown: what it knows from the beginning, and what came to its mind before it last spoke."""
        return self._items + self._recalled

    def say(self, text: str, action: str = "", emote: str = "", on_text: OnText | None = None) -> "Answer":
        """The partner speaks, acts or shows something, and the bot answers.

        White space at the ends is dropped and lone surrogates, which are no text, become U+FFFD. However long a
        text is, the bot reads as much of its beginning as it does in training. Nothing at all (three empty
        strings) adds no turn of the partner: the bot speaks on, as with `open`.

        Args:
          text, action, emote: what the partner does.
          on_text: is told the reply piece by piece while it is written; see `Bot.stream`.

        Raises:
          ValueError: ``emote`` is neither "" nor one of `EMOTES`.
        """
        if emote and emote not in EMOTES:
            raise ValueError(f'emote: expected one of {", ".join(EMOTES)} or "", got {emote!r}')
        turn = Turn(PARTNER, _text(text).strip(), _text(action).strip(), emote)
        said = (turn,) if turn.speech or turn.action or turn.emote else ()
        return self._answer((*self._episode.turns, *said), 0, on_text)

    def open(self, on_text: OnText | None = None) -> "Answer":
        """The bot speaks without being spoken to: first of the two, or once more."""
        return self._answer(self._episode.turns, 0, on_text)

    def again(self, on_text: OnText | None = None) -> "Answer":
        """Takes back the bot's last turn and answers anew, with other noise (greedy decoding has none).

        Raises:
          ValueError: the last turn is not the bot's.
        """
        turns = self._episode.turns
        if len(turns) <= len(self._opening) or turns[-1].speaker != BOT:
            raise ValueError("there is no answer yet to be given again")
        return self._answer(turns[:-1], self._attempt + 1, on_text)

    def reset(self, opening: Sequence[Turn] | None = None) -> None:
        """Forgets all turns but the opening; place and characters stay. The same words get the same answers as before.

        Args:
          opening: in the place of the one that there was.
        """
        if opening is not None:
            self._opening = _clean(tuple(opening))
        self._attempt, self._recalled = 0, ()
        self._episode = dataclasses.replace(self._episode, turns=self._opening)

    def _recalls(self, turns: tuple[Turn, ...]) -> tuple[Item, ...]:
        """What comes to the bot's mind."""
        kinds = self._bot.bundle.example.kinds
        found = [] if self._recall is None else [item for item in self._recall(turns) if item.kind in kinds]
        return _clean(tuple(found[: MAX_ITEMS - len(self._items)]))

    def _example(self, turns: tuple[Turn, ...], items: tuple[Item, ...]) -> Example:
        """What `example.examples` makes of the episode for the turn after these, old turns left out at times."""
        history = history_turns(turns, BOT)
        history = history[_first_kept(history, self._bot.bundle.example.history_tokens) :]
        plain = Example(f"{self._episode.id}:{BOT}", items, history, (Target(turn=len(turns), reply=""),))
        return lay_out(plain, self._bot.bundle.example)

    def _answer(self, turns: tuple[Turn, ...], attempt: int, on_text: OnText | None) -> "Answer":
        recalled = self._recalls(turns)
        example, seed = self._example(turns, self._items + recalled), _noise(self._seed, len(turns), attempt)
        if on_text is None:
            [[answer]] = self._bot.answer([example], seed)
        else:
            answer = self._bot.stream(example, on_text, seed)
        turn = Turn(BOT, answer.reply, answer.action, answer.emote)
        self._attempt, self._recalled = attempt, recalled
        self._episode = dataclasses.replace(self._episode, turns=(*turns, turn))
        return answer


def _first_kept(history: Sequence[HistoryTurn], room: int) -> int:
    """The number of the first turn that the bot is still shown.

    It reads new turns on top of the old ones. If the oldest fell away one by one, it would have to read all anew at
    every turn; so where they do not fit, half of them goes at once.

    Args:
      history: the turns.
      room: tokens that a history can have; 0: not known, none falls away.
    """
    first, used = 0, 0
    for number, turn in enumerate(history):
        used += _tokens(turn, room)
        if room and used > room:
            while first < number and used > room // 2:
                used -= _tokens(history[first], room)
                first += 1
    return first


def _tokens(turn: HistoryTurn, room: int) -> int:
    """About how many, markers included. Of a very long turn the bot reads the beginning only."""
    return min(int((len(turn.speech) + len(turn.action) + len(turn.emote)) / CHARACTERS_A_TOKEN) + 3, room // 3)


def _noise(seed: int, turn: int, attempt: int) -> int:
    """A seed of 31 bits, another for each turn and attempt; the same on any machine."""
    return random.Random(f"{seed}/{turn}/{attempt}").getrandbits(31)


def _text(text: str) -> str:
    return re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", text)


def _clean(value: Any) -> Any:
    """An episode, or a part of one, with `_text` applied to every string of it."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, tuple):
        return tuple(map(_clean, value))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _clean(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value
