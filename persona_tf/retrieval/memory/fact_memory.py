"""The facts of one conversation: added, compared, searched and kept."""

import contextlib
import dataclasses
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from persona_tf.retrieval.memory.facts import OWNERS, SOURCES, FoundFact, KnownFact, NewFact, Outcome, clean
from persona_tf.retrieval.memory.held_facts import HeldFacts, packed, unpacked
from persona_tf.retrieval.memory.relation import Relation, Rules, relation, slot_relation
from persona_tf.retrieval.memory.store import FactStore, SessionState, StoredFact

if TYPE_CHECKING:  # it would bring TensorFlow
    from persona_tf.retrieval.layout import SaidTurn

_T = TypeVar("_T")
_MOST_WORDS = 1 << 14  # whose vectors are kept


class FactEncoder(Protocol):
    """What makes vectors: a `Retriever` of kind ``bi``, or anything like it."""

    def fingerprint(self) -> str:
        """A name that no other encoder has."""

    def embed_facts(self, facts: Sequence[str]) -> np.ndarray:
        """N facts -> float32 [N, D], also for N = 0."""

    def embed_contexts(self, contexts: "Sequence[Sequence[SaidTurn]]") -> np.ndarray:
        """N contexts -> float32 [N, D]."""


class FactMemory:
    """What one conversation knows. Threads and programs may share it.

    A fact that repeats another of its owner is not added. Of two that contradict each other one stays: given beats said
    beats invented; of what was given or said, that of the later turn, and of the same turn the one added later; of what
    was made up, that of the earlier turn. What takes the place of a pinned fact is pinned, too. See `relation` for how
    that is told.

    All is in the store when a method returns; if a method raises, nothing was changed. `at_once` makes one change of
    several.

    The vectors are of one encoder. Facts that another one embedded are embedded again when the conversation is opened:
    their text is all that it takes.

    Args:
      store: the file.
      session: the conversation's name, as the caller likes.
      encoder: makes the vectors.
      rules: how facts are compared; None: words alone. See `relation.rules_for`.

    Raises:
      ValueError: ``rules`` are on cosines, but the encoder's vectors are not of length 1; or the store is damaged.
      TimeoutError: another program keeps the store locked.
    """

    def __init__(self, store: FactStore, session: str, encoder: FactEncoder, rules: Rules | None = None):
        self.session = clean(session, "session")
        self._store, self._encoder, self._rules = store, encoder, rules or Rules()
        self._fingerprint = encoder.fingerprint()
        self._dimensions = np.shape(encoder.embed_facts([]))[1]
        self._vectors: dict[str, np.ndarray] = {}  # of facts that are being added
        self._words: dict[str, np.ndarray] = {}
        self._state: SessionState | None = None  # None: what is held may not be what the store holds
        self._held = HeldFacts(self._dimensions)
        self._put: dict[int, StoredFact] = {}
        self._dropped: set[int] = set()
        self._is_changing = False
        self._check_rules()
        self._embed_again()

    def __len__(self) -> int:
        return len(self.facts())

    def facts(self, owner: str | None = None, source: str | None = None) -> list[KnownFact]:
        """The facts in the order of their numbers; those of one owner or source, or all.

        Raises:
          ValueError: there is no such owner or source.
        """
        _check("owner", owner, OWNERS)
        _check("source", source, SOURCES)
        with self._store.lock:
            self._refresh()
            return [f for f in self._held if owner in (None, f.owner) and source in (None, f.source)]

    def fact(self, number: int) -> KnownFact:
        """A fact by its number.

        Raises:
          KeyError: there is none.
        """
        with self._store.lock:
            self._refresh()
            return self._held.get(number).fact

    def add(self, facts: Iterable[NewFact]) -> list[Outcome]:
        """Adds facts one after the other; what became of each.

        A fact that was there already takes over a stronger source, with its turn, and the pin.
        """
        new = list(facts)
        return self._changed(new, lambda: [self._add(fact) for fact in new])

    def bring_back(self, fact: KnownFact) -> Outcome:
        """Adds a fact that was here before, under the number that it had, if that is free."""
        return self._changed([fact], lambda: self._add(fact, fact.number))

    def edit(self, number: int, text: str, slot: str = "", value: str = "") -> Outcome:
        """Gives a fact another text; its number, owner, source, turn and pin stay.

        The text is compared with all other facts as if it were added. If it repeats one, contradicts one that is
        stronger, or is empty, nothing is changed; what it contradicts else is removed.

        Raises:
          KeyError: there is no fact of this number.
        """
        with self._store.lock:
            self._refresh()
            new = NewFact(text, self._held.get(number).fact.owner, slot=slot, value=value)
        return self._changed([new], lambda: self._edit(number, new))

    def pin(self, number: int, pinned: bool = True) -> None:
        """Pins a fact, so that every search finds it; or lets it go.

        Raises:
          KeyError: there is no fact of this number.
        """

        def change() -> None:
            old = self._held.get(number)
            self._keep(old._replace(fact=dataclasses.replace(old.fact, pinned=pinned)))

        self._changed([], change)

    def remove(self, numbers: Collection[int]) -> None:
        """Removes facts.

        Raises:
          KeyError: there is no fact of one of these numbers; nothing is removed then.
        """

        def change() -> None:
            for number in sorted(set(numbers)):
                self._drop(number)

        self._changed([], change)

    def search(
        self,
        context: "Sequence[SaidTurn]",
        k: int,
        threshold: float | None = None,
        owner: str | Sequence[str] | None = None,
    ) -> list[FoundFact]:
        """All pinned facts in the order of their numbers, then the ``k`` others that suit a context best, best first.

        Args:
          context: what was said so far, the newest last.
          k: how many are wanted besides those that are pinned.
          threshold: facts of a lower score are left out, but for pinned ones; None: none are.
          owner: whose facts, of one or of several; None: everybody's.

        Raises:
          ValueError: k is negative, there is no such owner, or the encoder is no bi-encoder.
        """
        if k < 0:
            raise ValueError(f"FactMemory.search: expected k of 0 or more, got {k}")
        owners = OWNERS if owner is None else (owner,) if isinstance(owner, str) else tuple(owner)
        for one in owners:
            _check("owner", one, OWNERS)
        query = np.asarray(self._encoder.embed_contexts([context]), np.float32)
        if query.shape != (1, self._dimensions):
            raise ValueError(
                f"FactMemory.search: expected a vector [1, {self._dimensions}] for a context, got {list(query.shape)}: "
                f"facts can be searched with a bi-encoder only"
            )
        with self._store.lock:
            self._refresh()
            return [*self._held.pinned(query[0], owners), *self._held.best(query[0], owners, k, threshold)]

    @property
    def is_new(self) -> bool:
        """Whether nothing was ever added."""
        return not self._store.state(self.session).revision

    def notes(self) -> list[str]:
        """What was noted beside the facts, the oldest first."""
        return self._store.notes(self.session)

    def note(self, place: int, text: str | None) -> None:
        """Notes something at a place, counted from 0; None: takes away what is noted there and behind."""
        with self.at_once():
            self._store.note(self.session, place, text)

    @contextlib.contextmanager
    def at_once(self, about: Sequence[NewFact] = ()) -> Iterator[None]:
        """What is changed inside is in the store at its end, or nothing if anything raises. Others wait meanwhile.

        ``about``: facts that are to be added. Encoding takes long: it is done before others have to wait.
        """
        with self._store.lock:
            self._refresh()
            new = [fact.text for fact in about if not self._held.of_words(fact.owner, fact.text)]
        texts = [text for text in dict.fromkeys(new) if text not in self._vectors]
        vectors = dict(zip(texts, self._embed(texts), strict=True))
        with self._store.lock:
            if self._is_changing:  # within another of these
                self._vectors |= vectors
                yield
                return
            try:
                with self._store.writing():
                    self._refresh()
                    self._is_changing, self._vectors, self._put, self._dropped = True, vectors, {}, set()
                    yield
                    if self._put or self._dropped:
                        self._state = self._write(self._loaded, list(self._put.values()), self._dropped)
            except BaseException:
                self._state = None
                raise
            finally:
                self._is_changing, self._vectors = False, {}

    # ---------------------------------------------------------------------------------------- comparing

    def _add(self, new: NewFact, number: int = 0) -> Outcome:
        if not new.text:
            return Outcome("empty", "")
        same, contrary = self._compared(new)
        if same:
            self._strengthen(same, new)
            return Outcome("duplicate", new.text, same.number, (same,))
        if outcome := _refused(new, contrary):
            return outcome
        place = self._take_place()
        fact = KnownFact(**_fields(new), number=number if number and number not in self._held else place)
        return self._settle(fact, place, contrary)

    def _strengthen(self, old: KnownFact, new: NewFact) -> None:
        stronger = SOURCES.index(new.source) > SOURCES.index(old.source)
        if stronger or new.pinned > old.pinned:
            source, turn = (new.source, new.turn) if stronger else (old.source, old.turn)
            fact = dataclasses.replace(old, source=source, turn=turn, pinned=old.pinned or new.pinned)
            self._keep(self._held.get(old.number)._replace(fact=fact))

    def _edit(self, number: int, new: NewFact) -> Outcome:
        old = self._held.get(number).fact
        if not new.text:
            return Outcome("empty", "")
        told = {"source": old.source, "turn": old.turn, "pinned": old.pinned}
        fact = KnownFact(**{**_fields(new), **told}, number=number)
        same, contrary = self._compared(fact, number)
        if same:
            return Outcome("duplicate", fact.text, same.number, (same,))
        return _refused(fact, contrary) or self._settle(fact, self._take_place(), contrary)

    def _settle(self, fact: KnownFact, place: int, contrary: Sequence[KnownFact]) -> Outcome:
        for one in contrary:
            self._drop(one.number)
        fact = dataclasses.replace(fact, pinned=fact.pinned or any(one.pinned for one in contrary))
        self._keep(StoredFact(fact, place, packed(self._vector(fact.text))))
        return Outcome("replaced" if contrary else "kept", fact.text, fact.number, tuple(contrary))

    def _compared(self, new: NewFact, itself: int | None = None) -> tuple[KnownFact | None, list[KnownFact]]:
        """The fact that a new one repeats, and those that it contradicts."""
        same = self._held.of_words(new.owner, new.text)
        if same and same.number != itself:
            return same, []
        found: dict[int, tuple[KnownFact, Relation]] = {
            fact.number: (fact, slot_relation(new, fact)) for fact in self._held.of_slot(new.owner, new.slot)
        }
        for near in self._held.nearest(self._vector(new.text), new.owner, self._rules.neighbours):
            fact = near.fact
            if fact.number not in found:
                found[fact.number] = fact, relation(new, fact, near.score, self._rules, self._tells(fact))
        found.pop(-1 if itself is None else itself, None)
        repeated = next((fact for fact, how in found.values() if how == "same"), None)
        return repeated, [fact for fact, how in found.values() if how == "contrary"]

    def _tells(self, fact: KnownFact) -> Callable[[str], float]:
        """The cosine of a word and a fact."""

        def cosine(word: str) -> float:
            if word not in self._words:
                self._words = self._words if len(self._words) < _MOST_WORDS else {}
                [self._words[word]] = self._embed([word])
            return float(self._words[word] @ unpacked(self._held.get(fact.number).vector))

        return cosine

    # ------------------------------------------------------------------------------------------ keeping

    def _changed(self, told: Sequence[NewFact], change: Callable[[], _T]) -> _T:
        """Does what changes the memory, and writes it: both or neither."""
        with self.at_once(told):
            return change()

    @property
    def _loaded(self) -> SessionState:
        return self._state or SessionState()

    def _write(self, state: SessionState, put: Sequence[StoredFact], dropped: Collection[int]) -> SessionState:
        # A revision by chance: one that was counted would come again after `FactStore.forget`.
        new = state._replace(encoder=self._fingerprint, revision=secrets.randbits(62) + 1)
        self._store.change(self.session, new, put, dropped)
        return new

    def _keep(self, stored: StoredFact) -> None:
        number = stored.fact.number
        if number in self._held and self._held.get(number) == stored:
            return
        self._held.put(stored)
        self._put[number] = stored
        self._dropped.discard(number)

    def _drop(self, number: int) -> None:
        self._held.drop(number)
        self._put.pop(number, None)
        self._dropped.add(number)

    def _take_place(self) -> int:
        """The next free number, which is a place as well."""
        state = self._loaded
        self._state = state._replace(next=state.next + 1)
        return state.next

    def _refresh(self) -> None:
        """Reads the facts anew if someone else has changed them."""
        if self._is_changing:  # nobody else can, and what is held is ahead of the store
            return
        state = self._store.state(self.session)
        if self._state is not None and state.revision == self._state.revision:
            return
        if state.encoder not in ("", self._fingerprint):
            raise ValueError(
                f"{self._store.path}: another program has embedded the facts of {self.session!r} with encoder "
                f"{state.encoder}, this one is {self._fingerprint}: let both use one retriever, then open them again"
            )
        self._held = HeldFacts(self._dimensions, self._store.facts(self.session, self._dimensions))
        self._state = state

    # ---------------------------------------------------------------------------------------- embedding

    def _embed_again(self) -> None:
        """Gives facts that another encoder embedded vectors of this one."""
        while (state := self._store.state(self.session)).encoder not in ("", self._fingerprint):
            stored = self._store.facts(self.session)
            vectors = self._embed([one.fact.text for one in stored])
            with self._store.writing():
                if self._store.state(self.session).revision == state.revision:
                    put = [one._replace(vector=packed(v)) for one, v in zip(stored, vectors, strict=True)]
                    self._write(state, put, ())

    def _vector(self, text: str) -> np.ndarray:
        if text not in self._vectors:
            [self._vectors[text]] = self._embed([text])
        return self._vectors[text]

    def _embed(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.asarray(self._encoder.embed_facts(texts), np.float32)
        if vectors.shape != (len(texts), self._dimensions):
            expected = [len(texts), self._dimensions]
            raise ValueError(f"FactMemory: expected vectors {expected} of the encoder, got {list(vectors.shape)}")
        return vectors

    def _check_rules(self) -> None:
        if self._rules.same_thing is None:
            return
        [length] = np.linalg.norm(self._embed(["I am here."]), axis=1)
        if abs(length - 1) > 0.01:
            raise ValueError(
                f"FactMemory: rules.same_thing is a cosine, but this encoder's vectors are not of length 1 (one is of "
                f"{length:.3g}; is its similarity 'dot'?): leave same_thing out"
            )


def _refused(new: NewFact, contrary: Sequence[KnownFact]) -> Outcome | None:
    stronger = tuple(fact for fact in contrary if fact.strength > new.strength)
    return Outcome("refused", new.text, None, stronger) if stronger else None


def _fields(fact: NewFact) -> dict:
    return {field.name: getattr(fact, field.name) for field in dataclasses.fields(NewFact)}


def _check(name: str, value: str | None, known: Collection[str]) -> None:
    if value is not None and value not in known:
        raise ValueError(f"{name}: expected one of {', '.join(known)}, got {value!r}")
