"""How alike replies are: self-BLEU (Zhu et al. 2018, arXiv 1802.01886). Knows tokens only."""

import math
import random
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from typing import NamedTuple

from persona_tf.evaluation.metrics.bleu import bleu_of_matches, nearest

_EPSILON = 0.1  # of nltk's smoothing method 1, as the authors of nucleus sampling leave it

Tokens = Sequence[Hashable]


class _Most(NamedTuple):
    """The most often that a text has an n-gram, which text that is, and the most often among the others."""

    times: int = 0
    text: int = -1
    otherwise: int = 0


def self_bleu(texts: Sequence[Tokens], k: int = 4, sample: int = 1000, seed: int = 0) -> float:
    """Mean sentence BLEU-k of a text with all other texts as references, 0..1: less is more varied.

    As in Holtzman et al. 2020 (arXiv 1904.09751): of so many texts that it takes long, ``sample`` are drawn, each
    compared with all others; smoothing method 1 of Chen and Cherry (2014) with 0.1 as numerator. Tokens are the
    caller's. Each n-gram is looked up once among all texts, so that thousands take a second or two.

    Returns:
      nan when there are fewer than two texts: there is nothing to be alike.
    """
    if len(texts) < 2:
        return math.nan
    chosen = random.Random(seed).sample(range(len(texts)), min(sample, len(texts)))
    matches: dict[int, list[tuple[int, int]]] = {i: [] for i in chosen}
    for n in range(1, k + 1):
        counted = [Counter(_ngrams(text, n)) for text in texts]
        most = _most(counted)
        for i in chosen:
            found = sum(min(times, _elsewhere(most[ngram], i)) for ngram, times in counted[i].items())
            matches[i].append((found, max(1, counted[i].total())))
    lengths = Counter(map(len, texts))
    scores = [bleu_of_matches(matches[i], len(texts[i]), _reference(lengths, len(texts[i])), _EPSILON) for i in chosen]
    return math.fsum(scores) / len(scores)


def _ngrams(text: Tokens, n: int) -> Iterator[tuple[Hashable, ...]]:
    return (tuple(text[i : i + n]) for i in range(len(text) - n + 1))


def _most(counted: Sequence[Counter[tuple[Hashable, ...]]]) -> dict[tuple[Hashable, ...], _Most]:
    most: dict[tuple[Hashable, ...], _Most] = {}
    for i, counts in enumerate(counted):
        for ngram, times in counts.items():
            old = most.get(ngram, _Most())
            if times > old.times:
                most[ngram] = _Most(times, i, old.times)
            elif times > old.otherwise:
                most[ngram] = old._replace(otherwise=times)
    return most


def _elsewhere(most: _Most, text: int) -> int:
    return most.otherwise if most.text == text else most.times


def _reference(lengths: Counter[int], own: int) -> int:
    """The length nearest to ``own`` among all texts but one of that length."""
    return own if lengths[own] > 1 else nearest(own, (length for length in lengths if length != own))
