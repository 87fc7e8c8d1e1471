"""Split-aware random choice: phrasings, fillers and names, none of which is drawn twice in one dialogue."""

import functools
import random
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from persona_tf.data.world.config import WorldConfig, check_split
from persona_tf.data.world.lexicon import Lexicon, Phrases
from persona_tf.data.world.names import NAME_TYPES, made_up

if TYPE_CHECKING:
    from persona_tf.data.world.realm import Realm

_T = TypeVar("_T")


class Voice:
    """The random source of one dialogue, and what it has used up.

    Args:
      key: seeds the random source; the same string gives the same dialogue on any machine.
      split: decides on phrasings, fillers and letters (see `persona_tf.data.world.config.SPLITS`).
      config: the rates.
      lexicon: slots and fillers.
      realm: given people and places, in the place of composed ones.

    Raises:
      ValueError: the config names people, and no realm is given, or the other way round.
    """

    def __init__(
        self, key: str, split: str, config: WorldConfig, lexicon: Lexicon, realm: "Realm | None" = None
    ) -> None:
        if config.people != (realm.name if realm else ""):
            given = repr(realm.name) if realm else "none"
            raise ValueError(
                f"WorldConfig.people is {config.people!r}: the realm of that name is needed, {given} is given"
            )
        self.realm = realm
        self.key, self.split = key, split
        self.rng = random.Random(key)
        self.unseen = check_split(split) == "test_unseen"
        self.novel = split == "test_novel"
        self.config = config
        self.lexicon = lexicon
        self._given: set[str] = set()
        self._used: dict[str, list[str]] = {}

    def apart(self, name: str) -> "Voice":
        """A voice with a random source of its own; it knows what is used up here, and uses up nothing here."""
        voice = Voice(f"{self.key}/{name}", self.split, self.config, self.lexicon, self.realm)
        voice._given, voice._used = {*self._given}, {kind: [*used] for kind, used in self._used.items()}
        return voice

    def chance(self, rate: float) -> bool:
        """True with probability `rate`."""
        return self.rng.random() < rate

    def one(self, options: Sequence[_T]) -> _T:
        """One of the options. As `random.choice`, in half of its time."""
        return options[int(self.rng.random() * len(options))]

    def fresh(self, options: Sequence[str]) -> str:
        """One of the options, preferably one that `fresh` has not given in this dialogue."""
        for _ in range(4):
            option = self.one(options)
            if option not in self._given:
                break
        self._given.add(option)
        return option

    def some(self, options: Sequence[_T], count: int) -> list[_T]:
        """Up to `count` different ones of the options, in random order."""
        return self.rng.sample(options, min(count, len(options)))

    def in_turn(self, options: Sequence[_T], weights: Sequence[float]) -> list[_T]:
        """All options in random order: whatever is left, each comes next with a chance like its weight (above 0)."""
        # The keys of Efraimidis and Spirakis 2006, "Weighted random sampling with a reservoir".
        keys = [self.rng.random() ** (1 / weight) for weight in weights]
        return [option for _, option in sorted(zip(keys, options, strict=True), key=lambda pair: -pair[0])]

    def question(self, phrases: Phrases) -> str:
        """A phrasing; in ``test_unseen`` always one that only it has."""
        return self.one(phrases.unseen if self.unseen and phrases.unseen else phrases.train)

    def phrase(self, phrases: Phrases) -> str:
        """A phrasing; in ``test_unseen`` half of them are ones that only it has."""
        new = self.unseen and phrases.unseen and self.chance(0.5)
        return self.fresh(phrases.unseen if new else phrases.train)

    def telling(self, phrases: Phrases, value: str) -> str:
        """A `phrase` around `value` that does not begin a sentence with it, if it is in lower case."""
        phrase = self.phrase(phrases)
        while value[0].islower() and _begins(phrase):
            phrase = self.phrase(phrases)
        return phrase

    def value(self, kind: str, made_up_too: bool = True) -> str:
        """A value of a type, different from all that were drawn, and neither inside of one nor around it.

        Raises:
          LookupError: a hundred draws gave nothing new: the type has too few fillers.
        """
        for _ in range(100):
            value = self._draw(kind, made_up_too)
            if self.claim(kind, value):
                return value
        used = self._used[kind]
        raise LookupError(f"fillers.toml [{kind}]: expected more fillers than one dialogue needs, used are {used}")

    def claim(self, kind: str, value: str) -> bool:
        """Uses up a value of a type; False if it is part of one that is used up, or one is part of it."""
        used, small = self._used.setdefault(kind, []), value.lower()
        if any(small in other or other in small for other in used):
            return False
        used.append(small)
        return True

    def _draw(self, kind: str, made_up_too: bool) -> str:
        fillers = self.lexicon.fillers[kind]
        if kind in NAME_TYPES:
            if self.novel:
                return made_up(self.rng, True, kind)
            if made_up_too and self.chance(self.config.made_up):
                return made_up(self.rng, False, kind)
        return self.one(fillers.unseen if self.unseen else fillers.train)


@functools.cache
def _begins(phrase: str) -> bool:
    """True if a sentence of the phrase begins with the value."""
    return re.search(r"(^|[.!?] )\{value\}", phrase) is not None
