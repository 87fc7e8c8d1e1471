"""The facts of a conversation while it is open: by number, by words, by slot, by nearness. Knows no file."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from persona_tf.retrieval.index import FactIndex
from persona_tf.retrieval.memory.facts import OWNERS, FoundFact, KnownFact
from persona_tf.retrieval.memory.store import StoredFact
from persona_tf.retrieval.memory.words import key

_Words = tuple[str, tuple[str, ...]]


class HeldFacts:
    """Facts with their vectors.

    Args:
      dimensions: D, of the vectors.
      stored: facts to begin with, in the order of their places.
    """

    def __init__(self, dimensions: int, stored: Iterable[StoredFact] = ()):
        self._stored: dict[int, StoredFact] = {}
        self._of_words: dict[_Words, int] = {}
        self._of_slot: dict[tuple[str, str], set[int]] = {}
        self._pinned: set[int] = set()
        self._indexes = {owner: _OwnIndex(dimensions) for owner in OWNERS}
        listed = list(stored)
        for one in listed:
            self._note(one)
        for owner, index in self._indexes.items():
            index.add([one for one in listed if one.fact.owner == owner])

    def __len__(self) -> int:
        return len(self._stored)

    def __iter__(self) -> Iterator[KnownFact]:
        return (self._stored[number].fact for number in sorted(self._stored))

    def __contains__(self, number: object) -> bool:
        return number in self._stored

    def get(self, number: int) -> StoredFact:
        """A fact by its number.

        Raises:
          KeyError: there is none.
        """
        if number not in self._stored:
            raise KeyError(f"the memory holds no fact of number {number}")
        return self._stored[number]

    def put(self, stored: StoredFact) -> None:
        """Adds a fact, or puts it in the place of that of its number."""
        old = self._stored.get(stored.fact.number)
        embedded = old is not None and (old.place, old.vector) == (stored.place, stored.vector)
        if old is not None:
            self._forget(old)
        self._note(stored)
        if not embedded:
            index = self._indexes[stored.fact.owner]
            if old is not None:
                index.remove(old.fact.number)
            index.add([stored])

    def drop(self, number: int) -> None:
        """Removes a fact.

        Raises:
          KeyError: there is none.
        """
        old = self.get(number)
        self._forget(old)
        self._indexes[old.fact.owner].remove(number)

    def of_words(self, owner: str, text: str) -> KnownFact | None:
        """That of the same words."""
        number = self._of_words.get((owner, key(text)))
        return None if number is None else self._stored[number].fact

    def of_slot(self, owner: str, slot: str) -> list[KnownFact]:
        """All of one slot."""
        numbers = self._of_slot.get((owner, slot), ()) if slot else ()
        return [self._stored[number].fact for number in sorted(numbers)]

    def nearest(self, vector: np.ndarray, owner: str, k: int) -> list[FoundFact]:
        """The ``k`` nearest facts of an owner, the nearest first."""
        return [FoundFact(self._stored[n].fact, score) for n, score in self._indexes[owner].search(vector, k, None)]

    def best(self, query: np.ndarray, owners: Sequence[str], k: int, threshold: float | None) -> list[FoundFact]:
        """The ``k`` facts of a score of ``threshold`` or more that are not pinned, the best first."""
        found = []
        for owner in owners:
            rows = self._indexes[owner].search(query, k + len(self._pinned) if k else 0, threshold)
            found += [(-score, self._stored[n].place, n) for n, score in rows if n not in self._pinned]
        return [FoundFact(self._stored[n].fact, -score) for score, _, n in sorted(found)[:k]]

    def pinned(self, query: np.ndarray, owners: Sequence[str]) -> list[FoundFact]:
        """The pinned facts in the order of their numbers."""
        stored = [self._stored[number] for number in sorted(self._pinned)]
        return [FoundFact(s.fact, float(query @ unpacked(s.vector))) for s in stored if s.fact.owner in owners]

    def _note(self, stored: StoredFact) -> None:
        fact = stored.fact
        self._stored[fact.number] = stored
        self._of_words[fact.owner, key(fact.text)] = fact.number
        if fact.slot:
            self._of_slot.setdefault((fact.owner, fact.slot), set()).add(fact.number)
        if fact.pinned:
            self._pinned.add(fact.number)

    def _forget(self, stored: StoredFact) -> None:
        fact = stored.fact
        del self._stored[fact.number]
        self._of_words.pop((fact.owner, key(fact.text)), None)
        self._of_slot.get((fact.owner, fact.slot), set()).discard(fact.number)
        self._pinned.discard(fact.number)


class _OwnIndex:
    """The index of one owner's facts, by their own numbers."""

    def __init__(self, dimensions: int):
        self._index = FactIndex(dimensions, "")
        self._row: dict[int, int] = {}
        self._number: dict[int, int] = {}

    def add(self, stored: Sequence[StoredFact]) -> None:
        vectors = [unpacked(one.vector) for one in stored]
        rows = self._index.add([""] * len(vectors), np.reshape(vectors, (len(vectors), self._index.dimensions)))
        for row, one in zip(rows, stored, strict=True):
            self._row[one.fact.number], self._number[row] = row, one.fact.number

    def remove(self, number: int) -> None:
        row = self._row.pop(number)
        del self._number[row]
        self._index.remove([row])

    def search(self, query: np.ndarray, k: int, threshold: float | None) -> list[tuple[int, float]]:
        [found] = self._index.search(query, k, threshold)
        return [(self._number[one.number], one.score) for one in found]


def packed(vector: np.ndarray) -> bytes:
    """A vector as the store holds it: float32, the lowest byte first."""
    return np.ascontiguousarray(vector, "<f4").tobytes()


def unpacked(vector: bytes) -> np.ndarray:
    """The inverse of `packed`: float32 [D]."""
    return np.frombuffer(vector, "<f4").astype(np.float32)
