"""What a conversation is at a moment: its turns, and of each of the bot's the answers that it could have been.

Values that never change, and JSON that they can be made of again. Knows no bot.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from persona_tf.chat.answer import Answer
from persona_tf.episode import Episode, Turn
from persona_tf.example import Item

VERSION = 1
"""Of the JSON."""

QUALITIES = ("logical", "specific", "personal")
"""What a reply is rated by: does it follow from what was said, does it say something, does it suit the persona."""


@dataclasses.dataclass(frozen=True)
class Alternative:
    """One of the answers that a turn of the bot could be.

    ``rating``: yes or no to some of `QUALITIES`. ``ticked``: keys of the knowledge items and turns that suit the reply
    in a person's eyes; None: nobody was asked. ``edited``: a person has written it, or changed its words.
    """

    answer: Answer
    rating: Mapping[str, bool] = dataclasses.field(default_factory=dict)
    ticked: tuple[str, ...] | None = None
    edited: bool = False


@dataclasses.dataclass(frozen=True)
class Choices:
    """The alternatives of a turn, which of them it is, and how many the bot has written (some may be gone)."""

    alternatives: tuple[Alternative, ...]
    chosen: int = 0
    written: int = 1

    @property
    def now(self) -> Alternative:
        """The one that is chosen."""
        return self.alternatives[self.chosen]

    def changed(self, **fields: Any) -> "Choices":
        """With other fields of the alternative that is chosen."""
        one = dataclasses.replace(self.now, **fields)
        rest = self.alternatives
        return dataclasses.replace(self, alternatives=(*rest[: self.chosen], one, *rest[self.chosen + 1 :]))


@dataclasses.dataclass(frozen=True)
class State:
    """A conversation: ``choices`` has an entry for each turn of ``episode``, None for those of the partner.

    ``opening``: how many turns it began with. ``recalled``: what has come to the bot's mind, each key once.
    """

    episode: Episode
    choices: tuple[Choices | None, ...]
    seed: int
    opening: int = 0
    recalled: tuple[Item, ...] = ()

    def upto(self, number: int) -> "State":
        """Without turn ``number`` and all after it."""
        episode = dataclasses.replace(self.episode, turns=self.episode.turns[:number])
        return dataclasses.replace(self, episode=episode, choices=self.choices[:number])

    def with_turn(self, turn: Turn, choices: Choices | None = None) -> "State":
        """With one more turn."""
        episode = dataclasses.replace(self.episode, turns=(*self.episode.turns, turn))
        return dataclasses.replace(self, episode=episode, choices=(*self.choices, choices))

    def replaced(self, number: int, turn: Turn, choices: Choices | None) -> "State":
        """With another turn in the place of turn ``number``; those after it stay."""
        turns, all_choices = list(self.episode.turns), list(self.choices)
        turns[number], all_choices[number] = turn, choices
        episode = dataclasses.replace(self.episode, turns=tuple(turns))
        return dataclasses.replace(self, episode=episode, choices=tuple(all_choices))

    def with_recalled(self, items: tuple[Item, ...]) -> "State":
        """With more that came to mind; of the same key the newest."""
        return dataclasses.replace(self, recalled=tuple({item.key: item for item in (*self.recalled, *items)}.values()))

    def to_json(self) -> dict[str, Any]:
        """As JSON-able dicts and lists."""
        choices = [None if made is None else dataclasses.asdict(made) for made in self.choices]
        told = {"version": VERSION, "seed": self.seed, "opening": self.opening}
        recalled = [dataclasses.asdict(item) for item in self.recalled]
        return {**told, "recalled": recalled, "episode": self.episode.to_json(), "choices": choices}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "State":
        """The inverse of `to_json`.

        Raises:
          ValueError: it is of another version, or no state of a conversation.
        """
        version = data.get("version") if isinstance(data, Mapping) else None
        if version != VERSION:
            raise ValueError(f"expected the state of a conversation of version {VERSION}, got {version!r}")
        try:
            episode = Episode.from_json(data["episode"])
            choices = tuple(None if made is None else _choices(made) for made in data["choices"])
            seed, opening = int(data["seed"]), int(data["opening"])
            recalled = tuple(Item(**item) for item in data["recalled"])
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(f"no state of a conversation: {type(error).__name__}: {error}") from error
        if [made is not None for made in choices] != [turn.speaker in episode.learners for turn in episode.turns]:
            raise ValueError("no state of a conversation: turns and choices do not go together")
        if not 0 <= opening <= len(episode.turns):
            raise ValueError(f"no state of a conversation: opening: {opening} of {len(episode.turns)} turns")
        return cls(episode, choices, seed, opening, recalled)


def _choices(data: Mapping[str, Any]) -> Choices:
    made = Choices(tuple(_alternative(one) for one in data["alternatives"]), data["chosen"], data["written"])
    if not 0 <= made.chosen < len(made.alternatives):
        raise ValueError(f"chosen: {made.chosen} of {len(made.alternatives)}")
    return made


def _alternative(data: Mapping[str, Any]) -> Alternative:
    ticked = data["ticked"]
    return Alternative(
        Answer(**data["answer"]), dict(data["rating"]), None if ticked is None else tuple(ticked), data["edited"]
    )
