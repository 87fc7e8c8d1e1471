"""Metrics of one reply against its references, and the mean that adds. Knows strings only.

The definitions are the field's (as in ParlAI 1.7), so that figures can be compared with published ones.
BLEU, distinct n-grams, ranking and perplexity have modules of their own.
"""

import dataclasses
import functools
import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

_PUNCTUATION = str.maketrans(dict.fromkeys("!\"#$%&()*+,-./:;<=>?@[]\\^`{|}~_'", " "))
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


@functools.lru_cache(maxsize=1 << 16)
def normalise(text: str) -> str:
    """Lower case, ASCII punctuation to blanks, no articles, single blanks.

    Typographic quotes and dashes stay, as in the figures that others publish.

    >>> normalise("Hello, the   World!")
    'hello world'
    """
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


@dataclasses.dataclass(frozen=True)
class Mean:
    """A mean that adds: ``Mean(total, count) + Mean(total, count)`` is the mean over both."""

    total: float = 0.0
    count: float = 0

    @classmethod
    def of(cls, values: Iterable[float]) -> "Mean":
        """The mean of ``values``."""
        listed = list(values)
        return cls(math.fsum(listed), len(listed))

    def __add__(self, other: "Mean") -> "Mean":
        if not isinstance(other, Mean):
            return NotImplemented
        return Mean(self.total + other.total, self.count + other.count)

    @property
    def value(self) -> float:
        """The mean; nan when nothing was counted."""
        return self.total / self.count if self.count else math.nan


class Overlap(NamedTuple):
    """Precision, recall and F1 of the words that two texts share, each 0..1."""

    precision: float
    recall: float
    f1: float


def word_overlap(reply: str, *references: str) -> Overlap:
    """Multiset overlap of the normalised words of ``reply`` and of its references.

    With several references, the greatest precision, recall and F1 are taken independently (they may come
    from different references). Nothing shared is 0, also when both texts are empty.

    Raises:
      ValueError: there is no reference.
    """
    if not references:
        raise ValueError("word_overlap: expected one reference or more, got none")
    overlaps = [_overlap(normalise(reply).split(), normalise(text).split()) for text in references]
    return Overlap(*(max(column) for column in zip(*overlaps, strict=True)))


def f1(reply: str, *references: str) -> float:
    """The F1 of `word_overlap`. With a fact or a knowledge sentence as reference it is knowledge F1."""
    return word_overlap(reply, *references).f1


def exact_match(reply: str, *references: str) -> bool:
    """Whether the normalised reply equals a normalised reference; two empty texts are equal.

    Raises:
      ValueError: there is no reference.
    """
    if not references:
        raise ValueError("exact_match: expected one reference or more, got none")
    return normalise(reply) in {normalise(text) for text in references}


def _overlap(words: list[str], gold: list[str]) -> Overlap:
    shared = sum((Counter(words) & Counter(gold)).values())
    if not shared:
        return Overlap(0.0, 0.0, 0.0)
    precision, recall = shared / len(words), shared / len(gold)
    return Overlap(precision, recall, 2 * precision * recall / (precision + recall))
