"""What self-chats look like over their turns. Knows chats, not the bots that led them.

| name | in a fifth of the chat | definition |
|---|---|---|
| facts_used | until its end | share of the own facts of the two that were said so far, see `says` |
| reply_repeated | of its replies | share that the same bot has said before in this chat, when normalised |
| reply_distinct_2 | of its replies | mean over chats of distinct over total bigrams of the replies there |
| own_asserted | of its replies | share that assert what can be judged of the own persona, see `contradictions` |
| own_contradicted | of its replies | share that contradict the own persona |
| own_said | of its replies | share that a classifier gives to their own speaker, see `evaluation.roles` |

Two are there only where facts have slots and values, as in the built-in world: own_asserted and own_contradicted.
own_said is there where a classifier was asked, and counts the replies that it has personas for. A turn without words is
no reply. ``whole`` is of all turns; intervals are 95 % bootstrap intervals over chats.
"""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from persona_tf.chat.self_chat import Chat
from persona_tf.data.speakers import WHO
from persona_tf.episode import Fact
from persona_tf.evaluation.metrics.bootstrap import bounds
from persona_tf.evaluation.metrics.distinct import InterDistinct, ngrams
from persona_tf.evaluation.metrics.probes import holds, probe_words
from persona_tf.evaluation.metrics.words import normalise
from persona_tf.evaluation.self_chat.contradictions import Judgement
from persona_tf.evaluation.table import shown, shown_range

FIFTHS = 5
COLUMNS = (*(f"fifth {number}" for number in range(1, FIFTHS + 1)), "whole", "95 % interval")
"""The heads of `Row.cells`."""

SMALL_WORDS = frozenset(
    """
    i me my mine myself you your yours he him his she her hers it its we us our ours they them their theirs
    am is are was were be been being do does did doing have has had having will would shall should can could may might
    must not no nor and but or so if then than as of at by for with about into to from up down in out on off over under
    this that these those there here what which who whom whose when where why how all any both each few more most other
    some such only own same too very just also ever never always s t d ll m re ve don
    """.split()
)
"""Words that say nothing of what a fact is about."""

Pair = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Row:
    """One metric: its value in each fifth and in the whole chat (None: nothing was counted), and its interval."""

    name: str
    fifths: tuple[float | None, ...]
    value: float | None
    low: float | None = None
    high: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The row without its name."""
        return {key: value for key, value in dataclasses.asdict(self).items() if key != "name"}

    def cells(self) -> list[str]:
        """The figures as a table shows them: each fifth, the whole, its interval."""
        figures = ["–" if value is None else shown(self.name, value) for value in (*self.fifths, self.value)]
        return [*figures, shown_range(self.name, self.low, self.high)]


def by_fifths(
    chats: Sequence[Chat],
    judged: Sequence[Sequence[Judgement]] | None,
    samples: int = 1000,
    seed: int = 0,
    said_by: Sequence[Sequence[str]] | None = None,
) -> list[Row]:
    """The metrics of some chats.

    Args:
      chats: of any length; turn i of n is in fifth ``5 i // n``.
      judged: for each chat and turn, what it asserts; None: not known.
      samples: bootstrap resamples; 0: no intervals. Nor has what a single chat has.
      seed: of the resamples.
      said_by: for each chat and turn, who would say it; None: nobody was asked.
    """
    measures: dict[str, Callable[[int, range], Pair]] = {
        "facts_used": lambda chat, turns: _facts_used(chats[chat], turns.stop),
        "reply_repeated": lambda chat, turns: _repeated(chats[chat], turns),
        "reply_distinct_2": lambda chat, turns: _distinct(chats[chat], turns),
    }
    if judged is not None:
        measures["own_asserted"] = lambda chat, turns: _share(
            chats[chat], turns, [bool(one.asserted) for one in judged[chat]]
        )
        measures["own_contradicted"] = lambda chat, turns: _share(
            chats[chat], turns, [bool(one.contradictions) for one in judged[chat]]
        )
    if said_by is not None:
        measures["own_said"] = lambda chat, turns: _own(said_by[chat], turns)
    return [_row(name, measure, chats, samples, seed) for name, measure in measures.items()]


def says(reply: str, fact: Fact) -> bool:
    """Whether a reply says a fact: its value; where none is known, at least half of its content words.

    >>> says("Rook is a good dog.", Fact("My dog is called Rook.", "pet_name", "Rook"))
    True
    >>> says("We bake all night.", Fact("I bake bread.")), says("Good night.", Fact("I bake bread."))
    (True, False)
    """
    if fact.value:
        return holds(reply, fact.value)
    wanted = _content_words(fact.text)
    return bool(wanted) and 2 * len(wanted & _content_words(reply)) >= len(wanted)


@functools.lru_cache(maxsize=1 << 14)
def _content_words(text: str) -> frozenset[str]:
    return frozenset(probe_words(text)) - SMALL_WORDS


def _row(name: str, measure: Callable[[int, range], Pair], chats: Sequence[Chat], samples: int, seed: int) -> Row:
    fifths = [
        _ratio([measure(number, _turns(chat, fifth)) for number, chat in enumerate(chats)]) for fifth in range(FIFTHS)
    ]
    whole = [measure(number, range(len(chat.episode.turns))) for number, chat in enumerate(chats)]
    upper, lower = zip(*whole, strict=True)
    return Row(name, tuple(fifths), _ratio(whole), **bounds(upper, lower, samples, seed))


def _ratio(pairs: Sequence[Pair]) -> float | None:
    upper, lower = (math.fsum(column) for column in zip(*pairs, strict=True))
    return upper / lower if lower else None


def _turns(chat: Chat, fifth: int) -> range:
    """The turns of a fifth; those of all fifths are all turns."""
    count = len(chat.episode.turns)
    return range(-(-fifth * count // FIFTHS), -(-(fifth + 1) * count // FIFTHS))


def _facts_used(chat: Chat, until: int) -> Pair:
    used = total = 0
    for who, character in enumerate(chat.episode.characters):
        replies = [turn.speech for turn in chat.episode.turns[:until] if turn.speaker == who]
        used += sum(any(says(reply, fact) for reply in replies) for fact in character.facts)
        total += len(character.facts)
    return used, total


def _replies(chat: Chat, turns: range) -> Iterator[int]:
    return (number for number in turns if chat.episode.turns[number].speech)


def _repeated(chat: Chat, turns: range) -> Pair:
    said = [(turn.speaker, normalise(turn.speech)) for turn in chat.episode.turns]
    numbers = list(_replies(chat, turns))
    return sum(said[number] in said[:number] for number in numbers), len(numbers)


def _distinct(chat: Chat, turns: range) -> Pair:
    """A share that is one chat's, counted once where it has a bigram at all."""
    replies = [chat.episode.turns[number].speech for number in _replies(chat, turns)]
    if not any(ngrams(reply, 2) for reply in replies):
        return 0, 0
    return InterDistinct.of(replies, 2).value, 1


def _share(chat: Chat, turns: range, marked: Sequence[bool]) -> Pair:
    numbers = list(_replies(chat, turns))
    return sum(marked[number] for number in numbers), len(numbers)


def _own(said_by: Sequence[str], turns: range) -> Pair:
    known = [said_by[number] for number in turns if said_by[number]]
    return known.count(WHO[0]), len(known)
