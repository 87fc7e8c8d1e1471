"""Pairs of contexts and facts in memory, and the batches that a retriever learns from.

Which pairs go together is decided by (seed, epoch, place) alone, as in `data.corpus`: a run that was killed goes on at
the very batch where it stopped.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from persona_tf.data.corpus import Position
from persona_tf.data.pairs import Pair
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.layout import ContextRow, Layout, context_features, padded

_CONTEXTS, _FACTS, _PAIRS = 8, 32, 64
"""Numbers of rows are rounded up to multiples of these: each new shape costs the processor's kernels a set-up."""
_POOL = 2048
_FACT_TOKENS = 16
"""What a fact is taken to cost when batches are cut."""


@dataclasses.dataclass(frozen=True)
class PairCorpus:
    """Contexts that draw on a fact, each with the facts of its persona.

    ``context_key`` is equal for equal contexts, from 1 on; ``fact_ids`` holds each text once. ``persona[i]`` are the
    facts of row i as places in ``fact_ids``, ``gold[i]`` those of them that it draws on.
    """

    config: RetrieverConfig
    contexts: list[ContextRow]
    context_key: np.ndarray
    fact_ids: list[np.ndarray]
    persona: list[np.ndarray]
    gold: list[np.ndarray]

    def __len__(self) -> int:
        return len(self.contexts)

    @property
    def tokens(self) -> int:
        """Of all contexts."""
        return sum(len(row.ids) for row in self.contexts)

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> dict[str, np.ndarray]:
        """A batch of `retrieval.features.FEATURES`.

        Each context brings its gold facts and up to ``hard_negatives`` others of its persona, drawn by ``rng``; all of
        them without one. A fact stands in a batch once, whoever brings it.
        """
        brought = [np.concatenate([self.gold[row], self._others(row, rng)]) for row in rows]
        facts = np.unique(np.concatenate(brought))
        count = _round_up(len(rows), _CONTEXTS), _round_up(len(facts), _FACTS)
        place = {fact: i for i, fact in enumerate(facts.tolist())}

        def paired(chosen: Iterable[np.ndarray]) -> np.ndarray:
            found = [(i, place[fact]) for i, some in enumerate(chosen) for fact in some.tolist()]
            return np.array(found, np.int32)

        everything = self.config.negatives == "batch"
        compared = np.argwhere(np.ones((len(rows), len(facts)), bool)) if everything else paired(brought)
        positive = paired(self.gold[row] for row in rows)
        return {
            **context_features([self.contexts[row] for row in rows], count[0]),
            "context_key": _filled(self.context_key[rows, None], count[0], 0),
            "fact_ids": padded([self.fact_ids[fact] for fact in facts], count[1]),
            "fact_key": _filled((facts + 1)[:, None], count[1], 0),
            "positive": _filled(positive, _round_up(len(positive), _PAIRS)),
            "candidate": _filled(compared, _round_up(len(compared), _PAIRS)),
        }

    def _others(self, row: int, rng: np.random.Generator | None) -> np.ndarray:
        others = np.setdiff1d(self.persona[row], self.gold[row])
        most = self.config.hard_negatives
        return others if rng is None or len(others) <= most else rng.choice(others, most, replace=False)


def pack_pairs(pairs: Iterable[Pair], layout: Layout, config: RetrieverConfig) -> PairCorpus:
    """Lays out the pairs that draw on a fact; of the others nothing can be learned.

    Raises:
      ValueError: there are none.
    """
    corpus = PairCorpus(config, [], np.zeros(0, np.int32), [], [], [])
    places: dict[str, int] = {}
    keys: dict[bytes, int] = {}
    numbers: list[int] = []
    useful = (pair for pair in pairs if pair.gold)
    while some := list(itertools.islice(useful, 256)):
        new = list(dict.fromkeys(fact for pair in some for fact in pair.facts if fact not in places))
        places |= {fact: len(places) + i for i, fact in enumerate(new)}
        corpus.fact_ids.extend(layout.facts(new))
        for pair, row in zip(some, layout.contexts([pair.history for pair in some]), strict=True):
            corpus.contexts.append(row)
            numbers.append(keys.setdefault(row.ids.tobytes(), len(keys) + 1))
            corpus.persona.append(_unique(places[fact] for fact in pair.facts))
            corpus.gold.append(_unique(places[pair.facts[i]] for i in pair.gold))
    if not numbers:
        raise ValueError(
            "there is nothing to learn retrieval from: no turn of the split says which facts it draws on (and "
            "ExampleConfig.kinds says what facts are)"
        )
    return dataclasses.replace(corpus, context_key=np.array(numbers, np.int32))


def pair_batches(
    corpus: PairCorpus, batch_tokens: int, seed: int, start: Position
) -> Iterator[tuple[Position, dict[str, np.ndarray]]]:
    """Endless training batches from ``start``, as `data.corpus.batches` has them."""
    for epoch in itertools.count(start.epoch):
        plan = _plan(corpus, batch_tokens, seed, epoch)
        first = start.batch if epoch == start.epoch else 0
        for number in range(first, len(plan)):
            rng = np.random.default_rng([seed, epoch, number, 1])
            yield Position(epoch, number + 1), corpus.batch(plan[number], rng)


def evaluation_pair_batches(
    corpus: PairCorpus, batch_tokens: int
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """All rows once, with all facts of their personas, always together with the same others."""
    for rows in _plan(corpus, batch_tokens, 0, 0):
        yield rows, corpus.batch(rows, None)


def _plan(corpus: PairCorpus, batch_tokens: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Which rows go together in which order: contexts of like length, about ``batch_tokens`` in a batch."""
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(corpus))
    lengths = np.array([_round_up(len(row.ids), 16) for row in corpus.contexts])
    plan: list[np.ndarray] = []
    for begin in range(0, len(order), _POOL):
        rows = order[begin : begin + _POOL]
        rows = rows[np.argsort(lengths[rows], kind="stable")]
        plan.extend(_cut(rows, lengths + _FACT_TOKENS * (1 + corpus.config.hard_negatives), batch_tokens))
    rng.shuffle(plan)
    return plan


def _cut(rows: np.ndarray, costs: np.ndarray, batch_tokens: int) -> list[np.ndarray]:
    """Cuts sorted rows where a batch would cost more than the budget; a batch holds one row at least."""
    parts, begin = [], 0
    for end, row in enumerate(rows):
        if end > begin and costs[row] * (end + 1 - begin) > batch_tokens:
            parts.append(rows[begin:end])
            begin = end
    return [*parts, rows[begin:]]


def _filled(rows: np.ndarray, count: int, value: int = -1) -> np.ndarray:
    out = np.full((count, rows.shape[1]), value, np.int32)
    out[: len(rows)] = rows
    return out


def _unique(places: Iterable[int]) -> np.ndarray:
    return np.unique(np.fromiter(places, np.int64))


def _round_up(length: int, step: int) -> int:
    return -(-length // step) * step
