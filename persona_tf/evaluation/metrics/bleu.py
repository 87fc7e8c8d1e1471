"""Sentence BLEU (Papineni et al. 2002) with the smallest of smoothings. Knows strings only."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from persona_tf.evaluation.metrics.words import normalise

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
    return bleu_of_matches(matches, len(words), nearest(len(words), map(len, golds)), _EPSILON)


def bleu_of_matches(matches: Sequence[tuple[int, int]], length: int, reference: int, epsilon: float) -> float:
    """Sentence BLEU of what was counted.

    Args:
      matches: for 1-grams, 2-grams ...: how many were found in a reference, and of how many (1 at least).
      length: words of the reply.
      reference: words of the reference that is nearest in length.
      epsilon: the numerator where nothing was found.
    """
    if not matches[0][0]:
        return 0.0
    logs = math.fsum(math.log((found or epsilon) / total) for found, total in matches)
    brevity = 1.0 if length > reference else math.exp(1 - reference / length)
    return brevity * math.exp(logs / len(matches))


def nearest(length: int, references: Iterable[int]) -> int:
    """Of the references' lengths the one nearest to ``length``, the shorter of equals."""
    return min(references, key=lambda reference: (abs(reference - length), reference))


def _ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def _matches(words: Sequence[str], golds: list[list[str]], n: int) -> tuple[int, int]:
    """N-grams of the reply found in a reference, each at most as often as there; and their number."""
    ngrams = _ngrams(words, n)
    most: Counter[tuple[str, ...]] = Counter()
    for gold in golds:
        most |= _ngrams(gold, n)
    return sum((ngrams & most).values()), max(1, ngrams.total())
