"""Sentence BLEU (Papineni et al. 2002) with the smallest of smoothings. Knows strings only."""

import math
from collections import Counter
from collections.abc import Sequence

from persona_tf.evaluation.metrics import normalise

_EPSILON = 1e-12


def bleu(reply: str, *references: str, k: int = 4) -> float:
    """Sentence BLEU-k of normalised words, 0..1.

    That is the brevity penalty times the geometric mean of the precisions of 1-grams to k-grams.
    Smoothing is method 1 of Chen and Cherry (2014): a precision without a match has ``1e-12`` as its
    numerator; without a single shared word the score is 0. Words are split at blanks, so that an empty text
    is one empty word. The reference nearest in length counts for the penalty, the shorter of equals.

    Raises:
      ValueError: there is no reference, or k < 1.
    """
    if not references or k < 1:
        raise ValueError(f"bleu: expected references and k >= 1, got {len(references)} references, k = {k}")
    words = normalise(reply).split(" ")
    golds = [normalise(text).split(" ") for text in references]
    matches = [_matches(words, golds, n) for n in range(1, k + 1)]
    if not matches[0][0]:
        return 0.0
    logs = math.fsum(math.log((shared or _EPSILON) / total) for shared, total in matches)
    return _brevity(len(words), [len(gold) for gold in golds]) * math.exp(logs / k)


def _ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _matches(words: Sequence[str], golds: list[list[str]], n: int) -> tuple[int, int]:
    """N-grams of the reply found in a reference, each at most as often as there; and their number."""
    ngrams = _ngrams(words, n)
    most: Counter[tuple[str, ...]] = Counter()
    for gold in golds:
        most |= _ngrams(gold, n)
    return sum((ngrams & most).values()), max(1, ngrams.total())


def _brevity(length: int, gold_lengths: list[int]) -> float:
    nearest = min(gold_lengths, key=lambda gold: (abs(gold - length), gold))
    return 1.0 if length > nearest else math.exp(1 - nearest / length)
