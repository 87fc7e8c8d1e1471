"""An n-gram language model: the baseline of perplexity. Knows sequences of tokens, be they ids or strings."""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from typing import Final

_BOS, _END, _UNKNOWN = 0, 1, 2
_FALLBACK = (0.5, 1.0, 1.5)

Ids = tuple[int, ...]
Discounts = tuple[float, float, float]


class _End:
    def __repr__(self) -> str:
        return "END"


END: Final = _End()
"""Stands for the end of a sequence where `KneserNey.probability` takes a token."""


class KneserNey:
    """Interpolated modified Kneser-Ney (Chen & Goodman 1998), trained by `train`.

        p(w | h) = (a(h w) - D(a(h w))) / a(h) + gamma(h) p(w | h without its first token)

    ``a`` counts n-grams at the highest order and the distinct tokens before them at the lower ones (an n-gram
    at the beginning of a sequence has none before it and keeps its count). ``D`` is D1, D2 or D3+, one set an
    order, from the numbers of n-grams counted 1 to 4 times; where these are too few, 0.5, 1 and 1.5. The
    unigrams are mixed with the uniform distribution over all outcomes. These fallback discounts and the kept
    counts at the beginning are not in the paper.
    """

    def __init__(
        self, ids: dict[Hashable, int], closed: bool, counts: list[dict[Ids, int]], discounts: list[Discounts]
    ) -> None:
        """Use `train`. ``counts[n - 1]`` and ``discounts[n - 1]`` are those of the n-grams."""
        self._ids = ids
        self._closed = closed
        self._counts = counts
        self.discounts = tuple(discounts)
        self._contexts = [_contexts(*level) for level in zip(counts, discounts, strict=True)]
        self.size = len(ids) + (1 if closed else 2)
        """Outcomes: the tokens, END and, with an open vocabulary, one for all unknown tokens."""

    @classmethod
    def train(
        cls,
        sequences: Iterable[Sequence[Hashable]],
        order: int = 3,
        vocabulary: Iterable[Hashable] | None = None,
    ) -> "KneserNey":
        """Counts the n-grams of ``sequences``.

        Args:
          sequences: tokens, without marks of beginning and end.
          order: the longest n-gram, 1 or more.
          vocabulary: all tokens there are (a closed vocabulary); None for those that are seen, and one
            outcome beside them that stands for all others (an open one).

        Raises:
          ValueError: order < 1 or no sequence.
          KeyError: a token is not in the closed vocabulary.
        """
        if order < 1:
            raise ValueError(f"KneserNey: expected an order of 1 or more, got {order}")
        closed = vocabulary is not None
        ids = {token: i for i, token in enumerate(dict.fromkeys(vocabulary or ()), _UNKNOWN + 1)}
        raw: list[Counter[Ids]] = [Counter() for _ in range(order)]
        for sequence in sequences:
            if not closed:
                for token in sequence:
                    ids.setdefault(token, len(ids) + _UNKNOWN + 1)
            _count(raw, [_BOS, *_looked_up(ids, sequence, closed), _END])
        if not any(raw):
            raise ValueError("KneserNey: expected one sequence or more to train on, got none")
        counts = _adjusted(raw)
        return cls(ids, closed, counts, [_discounts(level) for level in counts])

    def probability(self, token: Hashable, context: Sequence[Hashable] = (), at_start: bool = True) -> float:
        """The probability of ``token`` (or `END`) after ``context``; these sum to 1 over all `size` outcomes.

        Args:
          token: the next token.
          context: those before it, oldest first; only the last ``order - 1`` count.
          at_start: whether ``context`` begins a sequence.

        Raises:
          KeyError: a token is not in the closed vocabulary.
        """
        before = [_BOS] * at_start + _looked_up(self._ids, context, self._closed)
        wanted = _END if token is END else _looked_up(self._ids, [token], self._closed)[0]
        return self._probability(wanted, tuple(before))

    def nats(self, sequence: Sequence[Hashable]) -> float:
        """Negative log-likelihood of a whole sequence and its END: ``len(sequence) + 1`` tokens.

        Raises:
          KeyError: a token is not in the closed vocabulary.
        """
        ids = (_BOS, *_looked_up(self._ids, sequence, self._closed), _END)
        reach = len(self._counts) - 1
        return -math.fsum(math.log(self._probability(ids[i], ids[max(0, i - reach) : i])) for i in range(1, len(ids)))

    def _probability(self, token: int, context: Ids) -> float:
        probability = 1 / self.size
        for n in range(min(len(self._counts), len(context) + 1)):
            suffix = context[len(context) - n :]
            found = self._contexts[n].get(suffix)
            if found is None:  # then no longer context was seen either
                break
            total, backoff = found
            count = self._counts[n].get((*suffix, token), 0)
            discounted = count - self.discounts[n][min(count, 3) - 1] if count else 0.0
            probability = discounted / total + backoff * probability
        return probability


def _looked_up(ids: dict[Hashable, int], tokens: Sequence[Hashable], closed: bool) -> list[int]:
    if not closed:
        return [ids.get(token, _UNKNOWN) for token in tokens]
    try:
        return [ids[token] for token in tokens]
    except KeyError as error:
        raise KeyError(
            f"KneserNey: token {error.args[0]!r} is not among the {len(ids)} of the closed vocabulary"
        ) from error


def _count(raw: list[Counter[Ids]], ids: list[int]) -> None:
    """Counts the n-grams of the highest order, and shorter ones only at the beginning."""
    order = len(raw)
    raw[-1].update(zip(*(ids[i:] for i in range(order)), strict=False))
    if order == 1:
        raw[0][(_BOS,)] = 0  # never an outcome
    for n in range(2, min(order, len(ids) + 1)):
        raw[n - 1][tuple(ids[:n])] += 1


def _adjusted(raw: list[Counter[Ids]]) -> list[dict[Ids, int]]:
    levels: list[dict[Ids, int]] = [dict(counts) for counts in raw]
    for n in range(len(raw) - 2, -1, -1):
        before = Counter(ngram[1:] for ngram in levels[n + 1])
        levels[n] = {**before, **levels[n]}
    return [{ngram: count for ngram, count in level.items() if count} for level in levels]


def _discounts(counts: dict[Ids, int]) -> Discounts:
    often = Counter(count for count in counts.values() if count <= 4)
    if not all(often[i] for i in (1, 2, 3)):
        return _FALLBACK
    y = often[1] / (often[1] + 2 * often[2])
    first, second, third = (i - (i + 1) * y * often[i + 1] / often[i] for i in (1, 2, 3))
    valid = 0 <= first <= 1 and 0 <= second <= 2 and 0 <= third <= 3
    return (first, second, third) if valid else _FALLBACK


def _contexts(counts: dict[Ids, int], discounts: Discounts) -> dict[Ids, tuple[int, float]]:
    """Context to its total count and gamma, the share of it that the discounts leave to lower orders."""
    totals: defaultdict[Ids, int] = defaultdict(int)
    freed: defaultdict[Ids, float] = defaultdict(float)
    for ngram, count in counts.items():
        context = ngram[:-1]
        totals[context] += count
        freed[context] += discounts[min(count, 3) - 1]
    return {context: (total, freed[context] / total) for context, total in totals.items()}
