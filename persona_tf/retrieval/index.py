"""The index: facts with their vectors, searched exactly. Knows NumPy only.

What is searched is the inner product, which is the cosine for vectors of length 1.
"""

import json
import pathlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from persona_tf.npz_file import read_npz, write_npz

FORMAT = 1
_CELLS = 1 << 24  # of the matrix of scores that is held at once: 64 MB
_ANEW = "embed the facts again and save the index anew"


class Found(NamedTuple):
    """A fact that was found: its number in the index, its text, and its score."""

    number: int
    fact: str
    score: float


class FactIndex:
    """Any number of facts, also none. Each gets a number when it is added, which no other ever gets.

    Args:
      dimensions: D, of the vectors.
      fingerprint: of the encoder that makes them; vectors of two encoders cannot be compared.
    """

    def __init__(self, dimensions: int, fingerprint: str):
        if dimensions < 1:
            raise ValueError(f"FactIndex: expected 1 dimension or more, got {dimensions}")
        self.dimensions, self.fingerprint = dimensions, fingerprint
        self._next = 0
        # Rows beyond the facts are room for more. The order of rows means nothing.
        self._rows = np.zeros((0, dimensions), np.float32)
        self._numbers = np.zeros(0, np.int64)
        self._facts: list[str] = []
        self._places: dict[int, int] = {}  # number -> row

    def __len__(self) -> int:
        return len(self._facts)

    @property
    def numbers(self) -> list[int]:
        """The numbers of all facts, in the order in which they were added."""
        return sorted(self._numbers[: len(self)].tolist())

    def fact(self, number: int) -> str:
        """The text of a fact.

        Raises:
          KeyError: there is none of this number.
        """
        return self._facts[self._row_of(number)]

    def add(self, facts: Sequence[str], vectors: np.ndarray) -> list[int]:
        """Adds facts and gives their numbers. Equal facts may stand side by side.

        Args:
          facts: N texts.
          vectors: float [N, D].

        Raises:
          ValueError: there are not as many vectors as facts, or of other dimensions, or not of finite numbers.
        """
        vectors = self._checked(vectors, "add")
        if len(vectors) != len(facts):
            raise ValueError(f"FactIndex.add: expected a vector for each fact, got {len(vectors)} for {len(facts)}")
        old, new = len(self), len(self) + len(facts)
        if new > len(self._rows):
            self._grow(max(new, 2 * old))
        numbers = list(range(self._next, self._next + len(facts)))
        self._rows[old:new], self._numbers[old:new] = vectors, numbers
        self._facts.extend(facts)
        self._places.update(zip(numbers, range(old, new), strict=True))
        self._next += len(facts)
        return numbers

    def remove(self, numbers: Collection[int]) -> None:
        """Removes facts by number.

        Raises:
          KeyError: there is none of one of these numbers; nothing is removed then.
        """
        for row in sorted((self._row_of(number) for number in set(numbers)), reverse=True):
            last = len(self) - 1  # which takes the place
            self._rows[row], self._numbers[row] = self._rows[last], self._numbers[last]
            self._facts[row] = self._facts[last]
            self._places[int(self._numbers[last])] = row
            self._facts.pop()
        for number in set(numbers):
            del self._places[number]

    def search(self, queries: np.ndarray, k: int, threshold: float | None = None) -> list[list[Found]]:
        """The ``k`` best facts for each query, the best first; fewer where there are no more.

        Of equal scores, what was added first comes first.

        Args:
          queries: float [Q, D], or [D] for one.
          k: how many are wanted.
          threshold: facts of a lower score are left out; None: none are.

        Raises:
          ValueError: the queries have other dimensions or are not of finite numbers, or k is negative.
        """
        if k < 0:
            raise ValueError(f"FactIndex.search: expected k of 0 or more, got {k}")
        queries = self._checked(np.atleast_2d(queries), "search")
        best = [(np.zeros(0, np.float32), np.zeros(0, np.int64)) for _ in queries]
        size = max(1, _CELLS // max(1, len(queries)))
        for start in range(0, len(self) if k else 0, size):
            rows = np.arange(start, min(start + size, len(self)))
            scores = queries @ self._rows[rows[0] : rows[-1] + 1].T
            best = [self._best(old, own, rows, k) for old, own in zip(best, scores, strict=True)]
        return [self._found(scores, rows, threshold) for scores, rows in best]

    def save(self, path: pathlib.Path) -> None:
        """Writes the index, with the encoder's fingerprint.

        Raises:
          OSError: it cannot be written; an older file stays as it was.
        """
        about = {"format": FORMAT, "dimensions": self.dimensions, "fingerprint": self.fingerprint, "next": self._next}
        order = np.argsort(self._numbers[: len(self)])
        facts = [self._facts[row].encode("utf-8", "surrogatepass") for row in order]
        arrays: dict[str, np.ndarray] = {
            "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
            "numbers": self._numbers[order],
            "vectors": self._rows[order],
            "text": np.frombuffer(b"".join(facts), np.uint8),
            "text_ends": np.cumsum([len(fact) for fact in facts], dtype=np.int64),
        }
        write_npz(path, arrays)

    @classmethod
    def load(cls, path: pathlib.Path, fingerprint: str) -> "FactIndex":
        """Reads an index that the encoder of this fingerprint has made.

        Raises:
          FileNotFoundError: there is none.
          ValueError: it is damaged, of another format, or another encoder has made it.
        """
        arrays = read_npz(path, _ANEW)
        try:
            about = json.loads(arrays["about"].tobytes())
            found = about["format"]
            if found != FORMAT:
                raise ValueError(f"{path}: format {found!r}, this version reads format {FORMAT}; {_ANEW}")
            index = cls(about["dimensions"], about["fingerprint"])
            index._numbers, index._rows = arrays["numbers"], arrays["vectors"]
            index._facts, index._next = _texts(arrays["text"].tobytes(), arrays["text_ends"]), about["next"]
        except (KeyError, TypeError, json.JSONDecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: is no index of facts ({error!r}); {_ANEW}") from error
        if index.fingerprint != fingerprint:
            raise ValueError(
                f"{path}: its facts were embedded by encoder {index.fingerprint}, this one is {fingerprint}: their "
                f"vectors cannot be compared; load that encoder, or {_ANEW}"
            )
        if index._rows.shape != (len(index), index.dimensions) or index._numbers.shape != (len(index),):
            raise ValueError(f"{path}: {len(index)} facts, but vectors {index._rows.shape}; {_ANEW}")
        index._places = {number: row for row, number in enumerate(index._numbers.tolist())}
        return index

    def _checked(self, vectors: np.ndarray, what: str) -> np.ndarray:
        vectors = np.asarray(vectors, np.float32)
        if vectors.ndim != 2 or vectors.shape[1] != self.dimensions:
            raise ValueError(f"FactIndex.{what}: expected vectors [n, {self.dimensions}], got {list(vectors.shape)}")
        if not np.isfinite(vectors).all():
            raise ValueError(f"FactIndex.{what}: expected vectors of finite numbers, got nan or infinity")
        return vectors

    def _row_of(self, number: int) -> int:
        if number not in self._places:
            raise KeyError(f"the index holds no fact of number {number}")
        return self._places[number]

    def _grow(self, room: int) -> None:
        rows, numbers = np.zeros((room, self.dimensions), np.float32), np.zeros(room, np.int64)
        rows[: len(self)], numbers[: len(self)] = self._rows[: len(self)], self._numbers[: len(self)]
        self._rows, self._numbers = rows, numbers

    def _best(self, old: tuple, scores: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """The k best of those found before and those of a block: scores and rows, in order."""
        if len(scores) > k:
            # All that reach the k-th best score, ties among them: which of these stay is for their numbers to say.
            enough = scores >= scores[np.argpartition(scores, -k)[-k]]
            scores, rows = scores[enough], rows[enough]
        scores, rows = np.concatenate([old[0], scores]), np.concatenate([old[1], rows])
        order = np.lexsort([self._numbers[rows], -scores])[:k]
        return scores[order], rows[order]

    def _found(self, scores: np.ndarray, rows: np.ndarray, threshold: float | None) -> list[Found]:
        return [
            Found(int(self._numbers[row]), self._facts[row], float(score))
            for score, row in zip(scores, rows, strict=True)
            if threshold is None or score >= threshold
        ]


def _texts(text: bytes, ends: np.ndarray) -> list[str]:
    starts = [0, *ends[:-1].tolist()] if len(ends) else []
    return [text[a:b].decode("utf-8", "surrogatepass") for a, b in zip(starts, ends.tolist(), strict=True)]
