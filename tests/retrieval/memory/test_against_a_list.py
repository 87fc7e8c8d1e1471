"""A memory does what a plain list would: any order of changes, also by two who share the store, and after reopening."""

import dataclasses
import pathlib
import tempfile
import types

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.facts import KnownFact, NewFact
from persona_tf.retrieval.memory.relation import Rules, relation
from persona_tf.retrieval.memory.store import FactStore

NEAR = Rules(same_thing=0.9)
TEXTS = st.one_of(
    st.builds("I live in {}.".format, st.sampled_from(["Rome", "Bath", "rome"])),
    st.builds("My home is {}.".format, st.sampled_from(["Rome", "Bath"])),
    st.builds("My {} is {}.".format, st.sampled_from(["dog", "cat"]), st.sampled_from(["Rook", "Fig"])),
    st.sampled_from(["I sing.", "I do not sing.", "It rains.", "", "I sing!"]),
)
SLOTS = st.sampled_from([("", ""), ("", ""), ("home", "Rome"), ("home", "Bath"), ("pet", "Fig")])
STRENGTH = {"given": 3, "said": 2, "invented": 1}


@st.composite
def new_facts(draw):
    slot, value = draw(SLOTS)
    source, owner = draw(st.sampled_from(list(STRENGTH))), draw(st.sampled_from(["self", "partner"]))
    turn, pinned = draw(st.integers(0, 3)), draw(st.booleans())
    return NewFact(draw(TEXTS), owner, source, turn, pinned, slot, value)


def strength(fact):
    return STRENGTH[fact.source], -fact.turn if fact.source == "invented" else fact.turn


class ListMemory:
    """The same by going through all facts, one after the other."""

    def __init__(self, embed):
        self.rows, self.next, self.embed = [], 1, embed

    def how(self, new, old):
        one, other = self.embed([new.text])[0], self.embed([old.text])[0]
        same_words = [w.strip(".!").lower() for w in (new.text, old.text)]
        if same_words[0] == same_words[1]:
            return "same"
        return relation(new, old, float(one @ other), NEAR, lambda word: float(self.embed([word])[0] @ other))

    def compare(self, new, others):
        """Kind and the facts that decide it."""
        found = [(old, self.how(new, old)) for old in others if old.owner == new.owner]
        same = [old for old, how in found if how == "same"]
        if same:
            return "duplicate", same
        against = [old for old, how in found if how == "contrary"]
        stronger = [old for old in against if strength(old) > strength(new)]
        return ("refused", stronger) if stronger else ("replaced" if against else "kept", against)

    def add(self, new):
        if not new.text:
            return "empty", []
        kind, others = self.compare(new, self.rows)
        if kind in ("kept", "replaced"):
            self.settle(KnownFact(**dataclasses.asdict(new), number=self.next), others)
            self.next += 1
        return kind, others

    def edit(self, old, text):
        new = dataclasses.replace(old, text=text, slot="", value="")
        if not new.text:
            return "empty", []
        kind, others = self.compare(new, [row for row in self.rows if row is not old])
        if kind in ("kept", "replaced"):
            self.rows.remove(old)
            self.settle(new, others)
            self.next += 1
        return kind, others

    def settle(self, fact, others):
        self.rows = [row for row in self.rows if row not in others]
        self.rows.append(dataclasses.replace(fact, pinned=fact.pinned or any(old.pinned for old in others)))

    def change(self, number, **fields):
        self.rows = [dataclasses.replace(row, **fields) if row.number == number else row for row in self.rows]

    def strengthen(self, old, new):
        stronger = STRENGTH[new.source] > STRENGTH[old.source]
        source, turn = (new.source, new.turn) if stronger else (old.source, old.turn)
        self.change(old.number, source=source, turn=turn, pinned=old.pinned or new.pinned)

    def search(self, query, k, threshold, owner):
        rows = [(row, float(query @ self.embed([row.text])[0])) for row in self.rows if owner in (None, row.owner)]
        pinned = sorted((pair for pair in rows if pair[0].pinned), key=lambda pair: pair[0].number)
        others = [pair for pair in rows if not pair[0].pinned and (threshold is None or pair[1] >= threshold)]
        return pinned + sorted(others, key=lambda pair: -pair[1])[:k]


class Machine(RuleBasedStateMachine):
    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder
        self.folder = tempfile.TemporaryDirectory()
        self.stores = []
        self.open()
        self.model = ListMemory(encoder.embed_facts)

    def open(self):
        path = pathlib.Path(self.folder.name) / "facts.sqlite"
        self.stores = [FactStore(path), FactStore(path)]
        self.memories = [FactMemory(store, "a", self.encoder, NEAR) for store in self.stores]

    def check(self, outcome, kind, others):
        assert outcome.kind == kind
        if kind == "duplicate":
            assert len(outcome.others) == 1
            assert outcome.others[0] in others
        else:
            assert set(outcome.others) == set(others)

    @rule(who=st.integers(0, 1), facts=st.lists(new_facts(), max_size=3))
    def add(self, who, facts):
        for outcome, fact in zip(self.memories[who].add(facts), facts, strict=True):
            self.check(outcome, *self.model.add(fact))
            if outcome.kind == "duplicate":
                self.model.strengthen(outcome.others[0], fact)
            elif outcome.kind in ("kept", "replaced"):
                assert outcome.number == self.model.rows[-1].number

    @precondition(lambda self: self.model.rows)
    @rule(who=st.integers(0, 1), data=st.data(), text=TEXTS)
    def edit(self, who, data, text):
        row = data.draw(st.sampled_from(self.model.rows))
        self.check(self.memories[who].edit(row.number, text), *self.model.edit(row, text))

    @precondition(lambda self: self.model.rows)
    @rule(who=st.integers(0, 1), data=st.data(), pinned=st.booleans())
    def pin(self, who, data, pinned):
        row = data.draw(st.sampled_from(self.model.rows))
        self.memories[who].pin(row.number, pinned)
        self.model.change(row.number, pinned=pinned)

    @precondition(lambda self: self.model.rows)
    @rule(who=st.integers(0, 1), data=st.data())
    def remove(self, who, data):
        rows = data.draw(st.lists(st.sampled_from(self.model.rows), max_size=2))
        self.memories[who].remove([row.number for row in rows])
        self.model.rows = [row for row in self.model.rows if row not in rows]

    @rule(
        who=st.integers(0, 1),
        text=TEXTS,
        k=st.integers(0, 4),
        threshold=st.sampled_from([None, 0.5]),
        owner=st.sampled_from([None, "self", "partner", "world"]),
    )
    def search(self, who, text, k, threshold, owner):
        turn = types.SimpleNamespace(who=1, speech=text, action="", emote="")
        found = self.memories[who].search([turn], k, threshold, owner)
        query = self.encoder.embed_facts([text])[0]
        assert [(f.fact, f.score) for f in found] == self.model.search(query, k, threshold, owner)

    @rule()
    def reopen(self):
        for store in self.stores:
            store.close()
        self.open()

    @invariant()
    def both_hold_what_the_list_holds(self):
        for memory in self.memories:
            assert memory.facts() == sorted(self.model.rows, key=lambda row: row.number)

    def teardown(self):
        for store in self.stores:
            store.close()
        self.folder.cleanup()


def test_a_memory_is_a_list(topic_encoder):
    few = settings(max_examples=30, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(lambda: Machine(topic_encoder()), settings=few)
