"""How varied replies are: distinct n-grams within a reply and over all, and loops. Knows strings only."""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from persona_tf.evaluation.metrics.words import normalise

_FLOOR_DISTINCT = 1e-12
_FLOOR_TOTAL = 1e-5

Ngram = tuple[str, ...]


def ngrams(text: str, n: int) -> list[Ngram]:
    """All n-grams of the normalised words of ``text``, in order."""
    words = normalise(text).split()
    return [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]


def intra_distinct(text: str, n: int) -> float:
    """Distinct over total n-grams of one reply (Li et al. 2016); about 0 when it has no n-gram."""
    found = ngrams(text, n)
    return _ratio(len(set(found)), len(found))


@dataclasses.dataclass(frozen=True)
class InterDistinct:
    """Distinct over total n-grams of many replies: a value that adds. ``counts`` are of each n-gram."""

    counts: Mapping[Ngram, int] = dataclasses.field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def of(cls, texts: Iterable[str], n: int) -> "InterDistinct":
        """Counts the n-grams of all ``texts``; quicker than adding them one by one."""
        counts: Counter[Ngram] = Counter()
        for text in texts:
            counts.update(ngrams(text, n))
        return cls(MappingProxyType(counts))

    def __add__(self, other: "InterDistinct") -> "InterDistinct":
        if not isinstance(other, InterDistinct):
            return NotImplemented
        return InterDistinct(MappingProxyType(Counter(self.counts) + Counter(other.counts)))

    @property
    def value(self) -> float:
        """Distinct n-grams as a share of all; about 0 when there are none."""
        return _ratio(len(self.counts), sum(self.counts.values()))


def ends_in_loop(reply: str | Sequence[object], least_words: int = 2, least_times: int = 3) -> bool:
    """Whether a reply (text, or its tokens) ends in a phrase said over and over (Holtzman et al. 2020).

    The phrase has ``least_words`` words or more and stands ``least_times`` times in a row at the very end.
    The mean of this over replies is the repetition rate.

    >>> ends_in_loop("well , i like it i like it i like it")
    True
    """
    words = reply.split() if isinstance(reply, str) else list(reply)
    for length in range(least_words, len(words) // least_times + 1):
        tail = words[-length * least_times :]
        if tail == tail[:length] * least_times:
            return True
    return False


def _ratio(distinct: int, total: int) -> float:
    return max(distinct, _FLOOR_DISTINCT) / max(total, _FLOOR_TOTAL)
