"""Packed examples in memory: flat arrays with row splits, cut into batches of like length.

Everything after packing is NumPy and decided by (seed, epoch) alone: the same batches in the same order on every
machine, and a run that was killed goes on at the very batch where it stopped.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Iterator

import numpy as np

from persona_tf.example import Example, strings
from persona_tf.text.features import FEATURES, check_features
from persona_tf.text.packer import Packer

PADDING = {"gold_target": -1, "gold_item": -1}
"""What features are padded with where it is not 0."""
_COARSENESS = {"S": 32, "H": 32, "T": 16, "G": 8}
"""Lengths are rounded up to multiples of these: each new shape costs the processor's kernels a set-up."""


@dataclasses.dataclass(frozen=True)
class PackedCorpus:
    """Features of all rows. ``values[name]`` is flat; row i lies at ``splits[axis][i] : splits[axis][i + 1]``,
    where ``axis`` is the second shape letter of the feature (S, H, T or G).
    """

    values: dict[str, np.ndarray]
    splits: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.splits["T"]) - 1

    def lengths(self, axis: str) -> np.ndarray:
        """Length of each row along an axis letter: int64 [rows]."""
        return np.diff(self.splits[axis])

    def rows(self, indices: np.ndarray) -> dict[str, np.ndarray]:
        """A padded batch of those rows: int32 [len(indices), coarsely rounded length] for each of FEATURES."""
        width = {
            axis: _round_up(max(int(self.lengths(axis)[indices].max()), 1), step) for axis, step in _COARSENESS.items()
        }
        batch = {}
        for name, feature in FEATURES.items():
            axis = feature.shape[1]
            out = np.full((len(indices), width[axis]), PADDING.get(name, 0), np.int32)
            splits, values = self.splits[axis], self.values[name]
            for row, index in enumerate(indices):
                start, end = splits[index], splits[index + 1]
                out[row, : end - start] = values[start:end]
            batch[name] = out
        return batch


def pack_corpus(examples: Iterable[Example], packer: Packer) -> PackedCorpus:
    """Packs examples, 256 at a time.

    Raises:
      ValueError: there are no examples, the vocabulary has more ids than 16 bits hold, or what the packer makes are
        not FEATURES.
    """
    if packer.tokenizer.size > np.iinfo(np.uint16).max:
        raise ValueError(f"a vocabulary of {packer.tokenizer.size:,} ids: expected at most 65,535")
    values: dict[str, list[np.ndarray]] = {name: [] for name in FEATURES}
    lengths: dict[str, list[np.ndarray]] = {axis: [] for axis in _COARSENESS}
    examples = iter(examples)
    while batch := list(itertools.islice(examples, 256)):
        packed = packer.pack(strings(batch))
        check_features(packed)
        for name, ragged in packed.items():
            values[name].append(ragged.flat_values.numpy().astype(_kept_as(name)))
        for axis, name in (
            ("S", "knowledge_ids"),
            ("H", "history_ids"),
            ("T", "target_ids"),
            ("G", "gold_item"),
        ):
            lengths[axis].append(packed[name].row_lengths().numpy())
    if not lengths["T"]:
        raise ValueError("there is nothing to pack: the split holds no examples")
    splits = {axis: np.concatenate([[0], np.cumsum(np.concatenate(parts))]) for axis, parts in lengths.items()}
    return PackedCorpus({name: np.concatenate(parts) for name, parts in values.items()}, splits)


def _kept_as(name: str) -> type[np.integer]:
    """What all numbers of a feature fit into; those of turns are large in asides."""
    return np.int32 if name.endswith("_turn") else np.int16 if name == "gold_item" else np.uint16


@dataclasses.dataclass(frozen=True)
class Position:
    """A place in the stream of batches: how many batches of which epoch are done.

    ``source``: whose the last batch was, in a mixture of several.
    """

    epoch: int = 0
    batch: int = 0
    source: str = ""


def batches(
    corpus: PackedCorpus, batch_tokens: int, seed: int, start: Position = Position()
) -> Iterator[tuple[Position, dict[str, np.ndarray]]]:
    """Endless training batches from ``start``: (the position after the batch, the batch).

    Rows are shuffled, pooled, sorted by length inside a pool and cut so that a batch holds about
    ``batch_tokens`` tokens, padding included; then the batches of the epoch are shuffled.
    """
    for epoch in itertools.count(start.epoch):
        plan = plan_epoch(corpus, batch_tokens, seed, epoch)
        first = start.batch if epoch == start.epoch else 0
        for number in range(first, len(plan)):
            yield Position(epoch, number + 1), corpus.rows(plan[number])


def plan_epoch(corpus: PackedCorpus, batch_tokens: int, seed: int, epoch: int, pool: int = 2048) -> list[np.ndarray]:
    """Which rows go together in which order: all rows once, decided by (seed, epoch)."""
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(corpus))
    padded = [_rounded_lengths(corpus, axis) for axis in "SHT"]
    plan: list[np.ndarray] = []
    for begin in range(0, len(order), pool):
        rows = order[begin : begin + pool]
        rows = rows[np.lexsort([lengths[rows] for lengths in padded[::-1]] + [sum(p[rows] for p in padded) // 128])]
        plan.extend(_cut(rows, padded, batch_tokens))
    rng.shuffle(plan)
    return plan


def evaluation_batches(corpus: PackedCorpus, batch_tokens: int) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """All rows once, long ones together: (row indices, batch)."""
    padded = [_rounded_lengths(corpus, axis) for axis in "SHT"]
    for rows in _cut(np.argsort(sum(padded), kind="stable"), padded, batch_tokens):
        yield rows, corpus.rows(rows)


def _cut(rows: np.ndarray, padded: list[np.ndarray], batch_tokens: int) -> list[np.ndarray]:
    """Cuts sorted rows where the padded batch would exceed the budget; a batch holds one row at least."""
    parts, begin, widest = [], 0, [0, 0, 0]
    for end, row in enumerate(rows):
        grown = [max(w, int(p[row])) for w, p in zip(widest, padded, strict=True)]
        if end > begin and sum(grown) * (end + 1 - begin) > batch_tokens:
            parts.append(rows[begin:end])
            begin, grown = end, [int(p[row]) for p in padded]
        widest = grown
    return [*parts, rows[begin:]] if len(rows) else []


def _rounded_lengths(corpus: PackedCorpus, axis: str) -> np.ndarray:
    return _round_up(np.maximum(corpus.lengths(axis), 1), _COARSENESS[axis])


def _round_up(length, step: int):
    return -(-length // step) * step
