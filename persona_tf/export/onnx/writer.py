"""A bot on ONNX Runtime that reads and writes. NumPy in, NumPy out; TensorFlow is not needed.

Shape letters: see `export.written`.
"""

import copy
import os
import pathlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.mixed_search import MixedSearch
from persona_tf.decoding.numpy_choice import unsupported
from persona_tf.decoding.numpy_search import NumpySearch
from persona_tf.decoding.stage import Stage, length
from persona_tf.export.onnx.files import read_manifest, read_tables
from persona_tf.export.onnx.group import Group
from persona_tf.export.onnx.reader import Reader, RowsRead, TokensRead
from persona_tf.export.onnx.sessions import Sessions
from persona_tf.export.onnx.tables import Tables
from persona_tf.export.written import Written, check_banned, check_facts, facts_stages, stages_of
from persona_tf.text import vocabulary as v

ABSORBED_ROWS = 4
"""From so many targets on, int8 reads the memory as whole numbers: see `cross_attention`."""


class Way(NamedTuple):
    """How the words of a row are chosen, as `OnnxWriter.way` gives it."""

    decode: DecodeConfig
    stages: tuple[Stage, ...]
    banned: tuple[int, ...]


class Rows(NamedTuple):
    """What was read in rows of their own, as one."""

    reads: Sequence[RowsRead]

    def done(self) -> "Rows":
        """As `RowsRead.done`."""
        return Rows([read.done() for read in self.reads])

    def row(self, number: int) -> TokensRead:
        """As `RowsRead.row`."""
        return self.reads[number].row(0)


class OnnxWriter:
    """As `export.writer.Writer`, for greedy and sampled replies.

    In float32 it writes the same as that, in int8 nearly the same; there what is written depends a little on what is
    written beside it, as the scale of what is quantised is that of a whole batch.

    Args:
      folder: from `files.write_onnx`.
      decode: how words are chosen.
      speaks_only: there is no action and no emote after the reply.
      banned: rows of one id each that are not written.
      threads: how many are used, at most one a row; None: one for each processor.

    Raises:
      FileNotFoundError, ValueError: see `files.read_manifest`.
      ValueError: the decode config asks for what this writer does not do; or every word is banned.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        decode: DecodeConfig,
        speaks_only: bool = False,
        banned: tuple[tuple[int, ...], ...] = (),
        threads: int | None = None,
    ):
        manifest = read_manifest(folder)
        self._config, self.precision = manifest.model, manifest.precision
        self.engine = "onnx_int8" if self.precision == "int8" else "onnx"
        self._speaks_only = speaks_only
        self._way = self.way(decode, banned)
        self.hypotheses = decode.hypotheses
        self._threads = threads or _processors()
        self._pool = ThreadPoolExecutor(self._threads, "onnx_writer")
        self._sessions = Sessions(folder)
        self._tables = Tables(read_tables(folder), self._config.fusion, self._config.selected)
        self._reader = Reader(self._sessions, self._tables, self._config.history, self._pool)

    def of_facts(self, decode: DecodeConfig) -> "OnnxWriter":
        """As `Writer.of_facts`; shares all that this one has opened."""
        check_facts(self._config.fact_marks)
        writer = copy.copy(self)
        stages = facts_stages(self._config.vocabulary_size - self._config.fact_marks)
        writer._way, writer.hypotheses = Way(decode, stages, ()), decode.hypotheses
        writer._speaks_only = True
        return writer

    def way(self, decode: DecodeConfig, banned: tuple[tuple[int, ...], ...] = ()) -> Way:
        """Another way of choosing words, for single rows of `stream`; of as many hypotheses as the writer's own.

        Raises:
          ValueError: the decode config asks for what this writer does not do; or every word is banned.
        """
        if asked := unsupported(decode):
            raise ValueError(f"the ONNX writer does not do {', '.join(asked)}; use export.writer.Writer for that")
        if longer := [row for row in banned if len(row) != 1]:
            raise ValueError(f"the ONNX writer bans single ids, got {longer[0]}; use export.writer.Writer for that")
        check_banned(banned, self._config.vocabulary_size - self._config.fact_marks)
        return Way(decode, stages_of(decode, self._speaks_only), tuple(row[0] for row in banned))

    def together(self, reads: Sequence[RowsRead]) -> Rows:
        """What was read row by row, for `stream` to write side by side."""
        return Rows(reads)

    def read_knowledge(self, features: dict[str, np.ndarray]) -> RowsRead:
        """Reads the knowledge part of FEATURES, B rows. For a whole conversation it is the same.

        Returns before it is done; errors come when it is used.
        """
        return self._reader.knowledge(features)

    def read_history(self, features: dict[str, np.ndarray], past: RowsRead | None = None) -> RowsRead:
        """Reads the history part of FEATURES, B rows; given ``past``, turns that come after those.

        Raises:
          ValueError: there is a past, and several rows, or the model's histories are ``whole``.
        """
        return self._reader.history(features, past)

    def tokens_read(self, history: RowsRead) -> int:
        """How many tokens a history of one row has."""
        return int(np.count_nonzero(history.rows.mask))

    def write(
        self, knowledge: RowsRead, history: RowsRead, turn: np.ndarray, seeds: np.ndarray, first: int = v.REPLY
    ) -> Written:
        """Writes to the end; see `Writer.write`."""
        *_, written = self.stream(knowledge, history, turn, seeds, length(self._way.stages) + 1, first=first)
        return written

    def stream(
        self,
        knowledge: RowsRead | Rows,
        history: RowsRead | Rows,
        turn: np.ndarray,
        seeds: np.ndarray,
        tokens: int,
        ways: Sequence[Way] = (),
        first: int = v.REPLY,
    ) -> Iterator[Written]:
        """As `write`, so many tokens at a time: gives all that is written so far after each time.

        ``ways``: one for each row; none: the writer's own.
        """
        knowledge, history = knowledge.done(), history.done()
        several = np.repeat(turn, self.hypotheses, axis=1)
        seeds = seeds.reshape(several.shape)
        parts = _shares(len(turn), self._threads)
        ways = ways or [self._way] * len(turn)
        # In the order of the rows, so that what is written does not depend on which thread is done first.
        begun = self._pool.map(lambda rows: self._group(knowledge, history, several, seeds, rows, ways, first), parts)
        groups = list(begun)
        most = max(group.search.most for group in groups)
        until = 0
        while until <= most:
            until += tokens
            if len(groups) == 1:
                # To hand so little over to another thread costs more than it is.
                groups[0].advance(until)
            else:
                list(self._pool.map(lambda group, last=until: group.advance(last), groups))
            yield self._written(groups, turn.shape)
            if all(group.search.fed.all() for group in groups):
                return

    def _group(
        self,
        knowledge: RowsRead | Rows,
        history: RowsRead | Rows,
        turn: np.ndarray,
        seeds: np.ndarray,
        rows: slice,
        ways: Sequence[Way],
        first: int,
    ) -> Group:
        numbers = range(*rows.indices(len(turn)))
        pairs = [(knowledge.row(row), history.row(row)) for row in numbers]
        memories = [type(a)(*(np.concatenate(part) for part in zip(a, b, strict=True))) for a, b in pairs]
        search = self._search(turn[rows], seeds[rows], ways[rows], first)
        absorbed = self.precision == "int8" and int(np.count_nonzero(turn)) >= ABSORBED_ROWS
        marks = self._config.fact_marks
        extracts = bool(marks) and first == self._config.vocabulary_size - marks
        return Group(self._sessions, self._tables, self._config, memories, turn[rows], search, absorbed, extracts)

    def _search(
        self, turn: np.ndarray, seeds: np.ndarray, ways: Sequence[Way], first: int
    ) -> NumpySearch | MixedSearch:
        """Of rows [B, Q * K]; where their ways differ, a search for each way."""

        def search(way: Way, rows: np.ndarray) -> NumpySearch:
            live, noise = turn[rows].reshape(-1) > 0, seeds[rows].reshape(-1)
            own = (way.stages, len(v.SPECIALS), way.decode, first, live, noise, way.banned)
            return NumpySearch(*own, feed_last=not self._speaks_only, last_specials=self._config.fact_marks)

        places = np.arange(turn.size).reshape(turn.shape)
        firsts = [way for number, way in enumerate(ways) if way not in ways[:number]]
        if len(firsts) == 1:
            return search(firsts[0], np.arange(len(turn)))
        of_way = [np.array([row for row, own in enumerate(ways) if own == way]) for way in firsts]
        shared_out = zip(firsts, of_way, strict=True)
        return MixedSearch([(places[rows].reshape(-1), search(way, rows)) for way, rows in shared_out])

    def _written(self, groups: list[Group], shape: tuple[int, ...]) -> Written:
        most = max(group.item.shape[1] for group in groups)
        words = max(group.search.most for group in groups)
        done = np.concatenate([group.search.fed for group in groups])

        def joined(parts: list[np.ndarray]) -> np.ndarray:
            whole = np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
            return whole.reshape(*shape, self.hypotheses, -1)

        return Written(
            joined([_longer(group.search.written, words) for group in groups]),
            joined([group.search.scores[:, None] for group in groups])[..., 0],
            joined([group.emotes for group in groups]),
            joined([_longer(group.attention, most) for group in groups]),
            np.concatenate([_longer(group.item, most, -2) for group in groups]),
            np.concatenate([_longer(group.turns, most) for group in groups]),
            np.logical_and.reduce(done.reshape(*shape, self.hypotheses), axis=-1),
        )


def _longer(part: np.ndarray, size: int, empty: int = 0) -> np.ndarray:
    more = size - part.shape[-1]
    return np.pad(part, [(0, 0)] * (part.ndim - 1) + [(0, more)], constant_values=empty) if more else part


def _processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shares(rows: int, threads: int) -> list[slice]:
    """So many rows shared out evenly, in their order: 5 over 2 are rows 0..2 and 3..4."""
    count = max(min(rows, threads), 1)
    ends = [-(-rows * (number + 1) // count) for number in range(count)]
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]
