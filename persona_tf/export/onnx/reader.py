"""Reads knowledge and history: features -> states. Rows are read side by side on all threads."""

import dataclasses
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from persona_tf.export.onnx.sessions import Sessions
from persona_tf.export.onnx.tables import MASKED, Tables

BLOCK_TOKENS = 32
"""Knowledge items are laid into blocks of so many tokens, or as many as the longest item has."""
_RUN_TOKENS = 256
"""About how many tokens are read at once: what a layer makes of them then stays in the processor's cache."""


class TokensRead(NamedTuple):
    """What was read of a row, its real tokens alone; see `model.memory.Memory`.

    states and words float32 [M, D] (words: the tokens as they came in; empty where they are not needed); ids, item,
    turn int32 [M]; first, mask bool [M].
    """

    states: np.ndarray
    words: np.ndarray
    ids: np.ndarray
    item: np.ndarray
    turn: np.ndarray
    first: np.ndarray
    mask: np.ndarray


@dataclasses.dataclass
class RowsRead:
    """What was read, or is being read: rows of equal length; ``layers``: keys and values of one row."""

    rows: TokensRead
    layers: list[np.ndarray]
    work: "list[Future | _Later]"
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def done(self) -> "RowsRead":
        """Waits until all is read; raises what the reading raised, also when it is called again."""
        with self.lock:
            while self.work:
                self.work[-1].result()
                # Only now: what was broken off is not done.
                self.work.pop()
        return self

    def row(self, number: int) -> TokensRead:
        """A row's real tokens."""
        real = np.flatnonzero(self.rows.mask[number])
        return TokensRead(*(part[number][real] for part in self.rows))


class Reader:
    """Reads with the graphs ``read`` and ``read_on``.

    Args:
      history: as in ModelConfig.
      pool: runs what is read.
    """

    def __init__(self, sessions: Sessions, tables: Tables, history: str, pool: ThreadPoolExecutor):
        self._sessions, self._tables, self._history = sessions, tables, history
        self._submit: Callable = pool.submit

    def knowledge(self, features: dict[str, np.ndarray]) -> RowsRead:
        """Reads the items, each alone: several short ones share a block of the graph, in which each sees itself."""
        ids, item, position, kind = (features[f"knowledge_{part}"] for part in ("ids", "item", "position", "kind"))
        mask = ids != 0
        places, owners = blocks(item, mask)
        count, length = owners.shape
        x = np.zeros((count * length, self._tables.width), np.float32)
        x[places] = words = self._tables.embedded(ids[mask], position[mask], kind[mask])
        states = np.zeros((*ids.shape, self._tables.width), np.float32)
        rows = self._rows(features, "knowledge", states, words, mask)._replace(item=np.where(mask, item, -2))
        block_rows = max(_RUN_TOKENS // length, 1)
        made = np.empty((count, length, self._tables.width), np.float32)
        x = x.reshape(made.shape)

        def read(part: slice) -> None:
            same = owners[part, :, None] == owners[part, None, :]
            made[part] = self._run(x[part], np.where(same, np.float32(0), MASKED))[0]

        parts = [self._submit(read, slice(a, a + block_rows)) for a in range(0, count, block_rows)]

        def settle() -> None:
            for part in parts:
                part.result()
            states[mask] = made.reshape(-1, self._tables.width)[places]

        return RowsRead(rows, [], [_Later(settle)])

    def history(self, features: dict[str, np.ndarray], past: RowsRead | None) -> RowsRead:
        """Reads turns, given ``past`` those of one row that come after those of it.

        Raises:
          ValueError: there is a past, and several rows or a ``whole`` history.
        """
        if past is not None:
            return self._read_on(features, past)
        ids, turn, position = (features[f"history_{part}"] for part in ("ids", "turn", "position"))
        mask = ids != 0
        states = np.zeros((*ids.shape, self._tables.width), np.float32)
        x = self._tables.embedded(ids, position) + self._tables.turns(turn)
        rows = self._rows(features, "history", states, x[mask], mask)
        layers: list[np.ndarray] = []
        longest = max(int(np.max(mask.sum(-1), initial=1)), 1)

        def read(part: slice) -> None:
            seen = self._seen(turn[part, :longest], turn[part, :longest], mask[part, :longest])
            made, *pairs = self._run(x[part, :longest], seen, keeps=len(ids) == 1)
            states[part, :longest] = made
            layers.extend(pairs)

        each = max(_RUN_TOKENS // longest, 1)
        work = [self._submit(read, slice(a, a + each)) for a in range(0, len(ids), each)]
        return RowsRead(rows, layers, work)

    def _read_on(self, features: dict[str, np.ndarray], past: RowsRead) -> RowsRead:
        if len(features["history_ids"]) != 1:
            raise ValueError(f"one conversation can be read on, got {len(features['history_ids'])} rows")
        if self._history == "whole":
            raise ValueError("ModelConfig.history is 'whole': every turn sees the new ones, so read all anew")
        old = past.done().row(0)
        real = features["history_ids"] != 0
        ids, turn, position = (features[f"history_{part}"][real][None] for part in ("ids", "turn", "position"))
        x = self._tables.embedded(ids, position) + self._tables.turns(turn)
        mask = np.ones(ids.shape, bool)
        every = np.concatenate([old.turn[None], turn], axis=1)
        seen = self._seen(turn, every, np.ones(every.shape, bool))
        kept = [layer[:, past.rows.mask[0, : layer.shape[1]]] for layer in past.layers]
        states, *pairs = self._run(x, seen, kept, keeps=True)
        short = {f"history_{part}": value for part, value in (("ids", ids), ("turn", turn), ("position", position))}
        new = self._rows(short, "history", states, x[mask], mask)
        rows = TokensRead(*(np.concatenate([a[None], b], axis=1) for a, b in zip(old, new, strict=True)))
        layers = [np.concatenate(pair, axis=1) for pair in zip(kept, pairs, strict=True)]
        return RowsRead(rows, layers, [])

    def _seen(self, turn: np.ndarray, every: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """What is added to the attention of tokens of these turns to all: float32 [G, 1, L, P + L]."""
        seen = mask[:, None, :]
        if self._history != "whole":
            relation = np.less_equal if self._history == "causal" else np.equal
            seen = seen & relation(every[:, None, :], turn[:, :, None])
        return np.broadcast_to(np.where(seen, np.float32(0), MASKED), (*turn.shape, every.shape[1]))

    def _run(
        self, x: np.ndarray, seen: np.ndarray, past: list[np.ndarray] | None = None, keeps: bool = False
    ) -> list[np.ndarray]:
        """States, and if it ``keeps`` them keys and values of each layer."""
        feeds = {"x": np.ascontiguousarray(x), "bias": np.ascontiguousarray(seen[:, None])}
        session = self._sessions.get("read" if past is None else "read_on")
        names = sorted((node.name for node in session.get_outputs()), key=_order)
        if past is not None:
            feeds |= {f"past_{name}": array for name, array in zip(names[1:], past, strict=True)}
        return session.run(names if keeps else names[:1], feeds)

    def _rows(self, features, part: str, states: np.ndarray, words: np.ndarray, mask: np.ndarray) -> TokensRead:
        ids, position = features[f"{part}_ids"], features[f"{part}_position"]
        turn = features["history_turn"] if part == "history" else np.zeros_like(ids)
        kept = np.zeros((*ids.shape, 0), np.float32)
        if self._tables.fusion == "soft":
            kept = np.zeros((*ids.shape, self._tables.width), np.float32)
            kept[mask] = words
        return TokensRead(
            states, kept, ids, np.where(mask, -1, -2).astype(np.int32), turn, mask & (position == 0), mask
        )


class _Later:
    """Work that is done when its result is asked for."""

    def __init__(self, work: Callable[[], None]):
        self.result = work


def blocks(item: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lays items into blocks, in their order, each into the present one if it has room, else into a new one.

    Items of 3, 4 and 30 tokens come to blocks of 32: the first two into one, the last into another.

    Args:
      item: int [B, S], tokens of an item side by side.
      mask: bool [B, S].

    Returns:
      For each real token, row after row, its place in the blocks laid end to end, int [tokens]; and which item
      stands at each place, int [blocks, length], -1: none.
    """
    row, column = np.nonzero(mask)
    number = item[row, column]
    begins = np.ones(len(row), bool)
    begins[1:] = (np.diff(row) != 0) | (np.diff(number) != 0)
    starts = np.flatnonzero(begins)
    lengths = np.diff(np.append(starts, len(row)))
    size = max(BLOCK_TOKENS, int(np.max(lengths, initial=1)))
    first, block, used = np.zeros(len(starts), np.int64), 0, 0
    for place, length in enumerate(lengths.tolist()):
        if used + length > size:
            block, used = block + 1, 0
        first[place] = block * size + used
        used += length
    owner = np.repeat(np.arange(len(starts)), lengths)
    places = np.arange(len(row)) - starts[owner] + first[owner] if len(row) else np.zeros(0, np.int64)
    owners = np.full((block + 1) * size, -1)
    owners[places] = owner
    return places, owners.reshape(-1, size)


def _order(name: str) -> tuple[int, bool]:
    """States first, then key_0, value_0, key_1 ..."""
    if name == "states":
        return -1, False
    part, number = name.split("_")
    return int(number), part == "value"
