"""The index for more facts than are looked at one by one: FAISS proposes, and exact products decide."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from persona_tf.retrieval.index import FactIndex, Found

LEAST = 10_000
"""Of fewer facts all are looked at."""

_GROWTH = 4  # times as many facts as when the cells were laid out: they are laid out anew


class FaissIndex(FactIndex):
    """A `FactIndex` that does not look at every fact: the same interface and files, and a fact may be missed.

    The facts are put into about ``4 sqrt(N)`` cells by k-means; a query looks into the nearest ``probes`` of them
    (inverted file: Jégou et al. 2011; FAISS: Johnson et al. 2017, arXiv 1702.08734). What is found has its exact score
    and stands in exact order. Of equal scores any may be found.

    Args:
      dimensions, fingerprint: as for `FactIndex`.
      probes: the more cells, the less is missed, and the longer it takes.

    Raises:
      ModuleNotFoundError: FAISS is not installed; the message says how.
    """

    def __init__(self, dimensions: int, fingerprint: str, probes: int = 32):
        super().__init__(dimensions, fingerprint)
        if probes < 1:
            raise ValueError(f"FaissIndex: expected 1 probe or more, got {probes}")
        self.probes, self._faiss = probes, _faiss()
        self._cells: Any = None
        self._laid_out = 0

    def add(self, facts: Sequence[str], vectors: np.ndarray) -> list[int]:
        """As `FactIndex.add`."""
        numbers = super().add(facts, vectors)
        if self._cells is not None and numbers:
            self._cells.add_with_ids(np.asarray(vectors, np.float32), np.asarray(numbers, np.int64))
        return numbers

    def remove(self, numbers: Collection[int]) -> None:
        """As `FactIndex.remove`."""
        super().remove(numbers)
        if self._cells is not None:
            self._cells.remove_ids(np.fromiter(set(numbers), np.int64))

    def search(self, queries: np.ndarray, k: int, threshold: float | None = None) -> list[list[Found]]:
        """As `FactIndex.search`, but that a fact in a cell that is not looked into is missed."""
        if len(self) < LEAST or k < 1:
            return super().search(queries, k, threshold)
        queries = np.ascontiguousarray(self._checked(np.atleast_2d(queries), "search"))
        if not len(queries):
            return []
        _, numbers = self._cells_of_all().search(queries, min(k, len(self)))
        return [
            self._found(*self._scored(query, some[some >= 0], k), threshold)
            for query, some in zip(queries, numbers, strict=True)
        ]

    def _scored(self, query: np.ndarray, numbers: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores and rows of these facts, in order."""
        rows = np.array([self._row_of(int(number)) for number in numbers], np.int64)
        nothing = np.zeros(0, np.float32), np.zeros(0, np.int64)
        return self._best(nothing, self._rows[rows] @ query, rows, k)

    def _cells_of_all(self) -> Any:
        if self._cells is None or len(self) > _GROWTH * self._laid_out:
            rows = self._rows[: len(self)]
            coarse = self._faiss.IndexFlatIP(self.dimensions)
            count = min(int(4 * len(self) ** 0.5), len(self))
            self._cells = self._faiss.IndexIVFFlat(coarse, self.dimensions, count, self._faiss.METRIC_INNER_PRODUCT)
            self._cells.cp.min_points_per_centroid = 1  # it warns below 39
            self._cells.train(rows)
            self._cells.add_with_ids(rows, self._numbers[: len(self)])
            self._cells.nprobe, self._laid_out = self.probes, len(self)
        return self._cells


def _faiss() -> Any:
    try:
        import faiss
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("FaissIndex needs FAISS: pip install 'persona_tf[faiss]'", name="faiss") from error
    return faiss
