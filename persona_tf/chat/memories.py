"""What was read for conversations, kept for their next turns: persona and place stay the same, a history grows."""

import collections
import dataclasses
import os
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from persona_tf.example import Example, HistoryTurn, Item

ROOM = 32
"""So many conversations are kept: those that were read last. A history of 256 tokens, 256 wide, of 4 layers is 2 MB."""

Features = dict[str, np.ndarray]


class Memories:
    """Reads with a writer, one row at a time, what it has not read yet.

    Args:
      writer: of `export`; it alone understands what it has read.
      pack: examples -> features.
      reads_on: whether turns can be read on top of those before them.
    """

    def __init__(self, writer: Any, pack: Callable[[Sequence[Example]], Features], reads_on: bool):
        self._writer, self._pack, self._reads_on = writer, pack, reads_on
        self._knowledge: dict[tuple[Item, ...], Any] = _Newest()
        self._histories: dict[tuple[HistoryTurn, ...], Any] = _Newest()
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, "memories")

    def rows(self, examples: Sequence[Example], features: Features) -> tuple[list[Any], list[Any]]:
        """Knowledge and history of each example; of ``features`` each has a row."""
        return self._read_knowledge(examples, features), self._read_histories(examples, features)

    def _read_knowledge(self, examples: Sequence[Example], features: Features) -> list[Any]:
        found = []
        for row, example in enumerate(examples):
            known = self._knowledge.get(example.items)
            if known is None:
                known = self._writer.read_knowledge(_row(features, row))
            self._knowledge[example.items] = known
            found.append(known)
        return found

    def _read_histories(self, examples: Sequence[Example], features: Features) -> list[Any]:
        first: dict[tuple[HistoryTurn, ...], int] = {}  # the first row of each history: some examples have the same
        for row, example in enumerate(examples):
            first.setdefault(example.history, row)
        pasts = {turns: self._past(turns) for turns in first}
        grow = [turns for turns, past in pasts.items() if past and len(past) < len(turns)]
        new = [dataclasses.replace(examples[first[t]], items=(), history=t[len(pasts[t]) :]) for t in grow]
        alone = self._pack(new) if new else {}
        # Without <history>, which begins every row.
        parts = {t: {name: part[:, 1:] for name, part in _row(alone, i).items()} for i, t in enumerate(grow)}

        def read(turns: tuple[HistoryTurn, ...]) -> Any:
            own, past = _row(features, first[turns]), pasts[turns]
            if turns in self._histories:
                return self._histories[turns]
            if turns in parts:
                longer = self._writer.read_history(parts[turns], self._histories[past])
                # The same tokens as when all is read anew, so that nothing fell out at the beginning.
                if self._writer.tokens_read(longer) == np.count_nonzero(own["history_ids"]):
                    return longer
            return self._writer.read_history(own)

        made = list(map(read, first)) if len(first) == 1 else list(self._pool.map(read, first))
        read_now = dict(zip(first, made, strict=True))
        for turns, past in pasts.items():
            # What has grown is asked for no more, as a rule.
            if past and past != turns:
                self._histories.pop(past, None)
            self._histories[turns] = read_now[turns]
        return [read_now[example.history] for example in examples]

    def _past(self, turns: tuple[HistoryTurn, ...]) -> tuple[HistoryTurn, ...]:
        """The longest beginning of these turns that was read and can be read on; () for none."""
        if turns in self._histories:
            return turns
        if not self._reads_on:
            return ()
        return max((old for old in self._histories if turns[: len(old)] == old), key=len, default=())


class _Newest(collections.OrderedDict):
    """Keeps what was set last, `ROOM` of it."""

    def __setitem__(self, key: Hashable, value: Any) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > ROOM:
            self.popitem(last=False)


def _row(features: Features, row: int) -> Features:
    return {name: part[row : row + 1] for name, part in features.items()}
