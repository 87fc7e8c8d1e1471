"""Searches of different kinds side by side, as if they were one."""

from collections.abc import Sequence

import numpy as np

from persona_tf.decoding.numpy_search import NumpySearch


class MixedSearch:
    """Has what `NumpySearch` has, and shares its rows out.

    Args:
      parts: the rows of each search, int [N], and the search, which has begun nothing yet. Each row has one.
    """

    def __init__(self, parts: Sequence[tuple[np.ndarray, NumpySearch]]):
        self._parts = parts
        count = sum(len(rows) for rows, _ in parts)
        self.most = max(search.most for _, search in parts)
        self.index = 0
        self.ids = np.zeros(count, np.int32)
        self.fed = np.zeros(count, bool)
        self.scores = np.zeros(count, np.float32)
        self.written = np.zeros((count, self.most), np.int32)
        self._gather()

    def take(self, log_probs: np.ndarray) -> None:
        """Chooses the next token of each: float32 [N, V]."""
        for rows, search in self._parts:
            search.take(log_probs[rows])
        self.index += 1
        self._gather()

    def _gather(self) -> None:
        for rows, search in self._parts:
            self.ids[rows], self.fed[rows], self.scores[rows] = search.ids, search.fed, search.scores
            self.written[rows, : search.most] = search.written
