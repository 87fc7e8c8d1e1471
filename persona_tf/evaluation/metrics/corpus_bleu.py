"""BLEU of a corpus (Papineni et al. 2002) by sacreBLEU (Post 2018, arXiv 1804.08771). Knows strings only."""

import dataclasses
from collections.abc import Sequence

from sacrebleu.metrics import BLEU

_ORDERS = 4
_Counts = tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class CorpusBleu:
    """What corpus BLEU is made of: a value that adds.

    Args:
      found: of 1-grams to 4-grams, how many of the replies' stand in the reference.
      total: of 1-grams to 4-grams, how many the replies have.
      reply_words, gold_words: tokens of the replies and of the references.
    """

    found: _Counts = (0,) * _ORDERS
    total: _Counts = (0,) * _ORDERS
    reply_words: int = 0
    gold_words: int = 0

    @classmethod
    def of(cls, replies: Sequence[str], golds: Sequence[str]) -> "CorpusBleu":
        """Counts replies against one reference each.

        Raises:
          ValueError: there are not as many references as replies.
        """
        if len(replies) != len(golds):
            raise ValueError(f"CorpusBleu: expected a reference a reply, got {len(golds)} for {len(replies)}")
        if not replies:
            return cls()
        score = BLEU().corpus_score(replies, [golds])
        return cls(tuple(score.counts), tuple(score.totals), score.sys_len, score.ref_len)

    def __add__(self, other: "CorpusBleu") -> "CorpusBleu":
        if not isinstance(other, CorpusBleu):
            return NotImplemented
        return CorpusBleu.from_row([a + b for a, b in zip(self.row(), other.row(), strict=True)])

    def row(self) -> list[int]:
        """The ten counts in one row."""
        return [*self.found, *self.total, self.reply_words, self.gold_words]

    @classmethod
    def from_row(cls, row: Sequence[int]) -> "CorpusBleu":
        """The inverse of `row`."""
        return cls(tuple(row[:_ORDERS]), tuple(row[_ORDERS : 2 * _ORDERS]), row[-2], row[-1])

    @property
    def value(self) -> float:
        """Corpus BLEU, 0..1 (sacreBLEU itself says 0..100); 0 when no reply has a word."""
        counts = list(self.found), list(self.total), self.reply_words, self.gold_words
        return BLEU.compute_bleu(*counts, smooth_method="exp").score / 100


def bleu_signature() -> str:
    """sacreBLEU's own account of how it computes, its version at the end."""
    metric = BLEU()
    metric.corpus_score(["a"], [["a"]])  # it must have seen how many references there are
    return str(metric.get_signature())
