"""Batches of several sources in one stream, each source with its share of them.

A batch is of one source. The next one is of the source that is furthest behind its share, so that none is ever ahead of
it by as much as one batch; what comes when is decided by the shares, the seed and the number of the batch.
"""

import dataclasses
from collections.abc import Iterator, Mapping

import numpy as np

from persona_tf.data.corpus import PackedCorpus, Position, batches, plan_epoch


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Packed corpora by source, and the share of all batches that each has; the shares sum to 1."""

    parts: Mapping[str, PackedCorpus]
    shares: Mapping[str, float]

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))


def mixed_batches(
    mixture: Mixture, batch_tokens: int, seed: int, start: Position
) -> Iterator[tuple[Position, dict[str, np.ndarray]]]:
    """As `corpus.batches`; ``batch`` of a position counts all batches, ``source`` says whose the last one is."""
    taken = dict.fromkeys(mixture.parts, 0)
    for number in range(start.batch):
        taken[_next(mixture.shares, taken, number)] += 1
    streams = {
        name: batches(corpus, batch_tokens, seed, _after(corpus, batch_tokens, seed, taken[name]))
        for name, corpus in mixture.parts.items()
    }
    number = start.batch
    while True:
        source = _next(mixture.shares, taken, number)
        taken[source] += 1
        number += 1
        yield Position(0, number, source), next(streams[source])[1]


def _next(shares: Mapping[str, float], taken: Mapping[str, int], number: int) -> str:
    """The source of a batch, when so many of each were taken.

    >>> shares, taken = {"a": 0.75, "b": 0.25}, {"a": 0, "b": 0}
    >>> order = ""
    >>> for number in range(8):
    ...     order += _next(shares, taken, number)
    ...     taken[order[-1]] += 1
    >>> order
    'aabaaaba'
    """
    return max(shares, key=lambda source: shares[source] * (number + 1) - taken[source])


def _after(corpus: PackedCorpus, batch_tokens: int, seed: int, count: int) -> Position:
    """Where a source's own stream stands after so many batches."""
    epoch = 0
    while count:
        length = len(plan_epoch(corpus, batch_tokens, seed, epoch))
        if count < length:
            break
        count -= length
        epoch += 1
    return Position(epoch, count)
