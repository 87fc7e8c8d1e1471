"""Perplexity as a value that adds. Knows numbers only."""

import dataclasses
import math


@dataclasses.dataclass(frozen=True)
class Perplexity:
    """Summed nats of gold replies, and what they are spread over.

    The perplexity of a corpus is that of the sum, never a mean of perplexities. Figures over words and bytes
    can be compared across vocabularies, those over tokens cannot.

    Args:
      nats: summed negative log-likelihood of all target tokens, END counted, padding not.
      tokens: target tokens, END counted.
      words: words of the replies between white space.
      bytes: UTF-8 bytes of the replies.
    """

    nats: float = 0.0
    tokens: int = 0
    words: int = 0
    bytes: int = 0

    @classmethod
    def of(cls, nats: float, tokens: int, text: str) -> "Perplexity":
        """The value of one reply: counts the words and bytes of ``text``."""
        return cls(nats, tokens, len(text.split()), len(text.encode()))

    def __add__(self, other: "Perplexity") -> "Perplexity":
        if not isinstance(other, Perplexity):
            return NotImplemented
        mine, theirs = dataclasses.astuple(self), dataclasses.astuple(other)
        return Perplexity(*(a + b for a, b in zip(mine, theirs, strict=True)))

    @property
    def ppl(self) -> float:
        """Exp of nats a token; nan without tokens, inf when too large for a float."""
        return _exp(self.nats, self.tokens)

    @property
    def word_ppl(self) -> float:
        """Exp of nats a word."""
        return _exp(self.nats, self.words)

    @property
    def bits_per_byte(self) -> float:
        """Bits a UTF-8 byte of text."""
        return self.nats / (self.bytes * math.log(2)) if self.bytes else math.nan


def _exp(nats: float, units: int) -> float:
    if not units:
        return math.nan
    try:
        return math.exp(nats / units)
    except OverflowError:
        return math.inf
