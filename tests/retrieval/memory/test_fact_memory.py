"""What is kept, what goes, what is found."""

import dataclasses
import threading
import time
import zlib

import numpy as np
import pytest

from persona_tf.episode import Character, Fact
from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.facts import KnownFact, NewFact, Outcome, given_facts
from persona_tf.retrieval.memory.held_facts import packed
from persona_tf.retrieval.memory.relation import Rules
from persona_tf.retrieval.memory.store import SessionState, StoredFact

NEAR = Rules(same_thing=0.9)


class ScatteredEncoder:
    """Vectors by chance, as long as those of a real encoder."""

    def fingerprint(self):
        return "scattered"

    def embed_facts(self, facts):
        rows = [np.random.default_rng(zlib.crc32(fact.encode())).normal(size=256) / 16 for fact in facts]
        return np.reshape(rows, (len(facts), 256))

    def embed_contexts(self, contexts):
        return self.embed_facts([turns[-1].speech for turns in contexts])


def texts(memory):
    return {fact.number: fact.text for fact in memory.facts()}


def test_what_becomes_of_each_fact(make_memory):
    memory = make_memory(NEAR)
    first = memory.add(
        [
            NewFact("I live in Rome.", source="given"),
            NewFact("I bake bread.", source="invented"),
            NewFact("I live in Rome!", source="said", turn=3),
            NewFact("My home is Paris.", source="said", turn=4),
            NewFact(" \n"),
            NewFact("Bath is my home.", owner="partner", turn=5),
        ]
    )
    rome = KnownFact("I live in Rome.", source="given", number=1)
    assert first == [
        Outcome("kept", "I live in Rome.", 1),
        Outcome("kept", "I bake bread.", 2),
        Outcome("duplicate", "I live in Rome!", 1, (rome,)),
        Outcome("refused", "My home is Paris.", None, (rome,)),
        Outcome("empty", ""),
        Outcome("kept", "Bath is my home.", 3),
    ]
    [replaced] = memory.add([NewFact("My trade? I bake no more, I mend shoes.", source="said", turn=6)])
    assert replaced.kind == "replaced"
    assert (replaced.number, [old.text for old in replaced.others]) == (4, ["I bake bread."])
    assert texts(memory) == {
        1: "I live in Rome.",
        3: "Bath is my home.",
        4: "My trade? I bake no more, I mend shoes.",
    }
    assert [fact.number for fact in memory.facts("partner")] == [3]
    assert [fact.number for fact in memory.facts(source="said")] == [3, 4]
    assert len(memory) == 3


@pytest.mark.parametrize(
    ("old", "new", "stays"),
    [
        (("given", 0), ("given", 0), "new"),
        (("given", 0), ("said", 9), "old"),
        (("given", 0), ("invented", 9), "old"),
        (("said", 5), ("given", 0), "new"),
        (("said", 5), ("said", 5), "new"),
        (("said", 5), ("said", 6), "new"),
        (("said", 5), ("said", 4), "old"),
        (("said", 5), ("invented", 9), "old"),
        (("invented", 5), ("invented", 6), "old"),
        (("invented", 5), ("invented", 5), "new"),
        (("invented", 9), ("said", 1), "new"),
    ],
)
def test_which_of_two_stays(make_memory, old, new, stays):
    memory = make_memory()
    facts = [NewFact(f"My name is {n}.", source=s, turn=t) for n, (s, t) in (("Ann", old), ("Bea", new))]
    outcomes = memory.add(facts)
    assert outcomes[1].kind == {"new": "replaced", "old": "refused"}[stays]
    assert list(texts(memory).values()) == [f"My name is {'Bea' if stays == 'new' else 'Ann'}."]


def test_a_fact_is_replaced_only_if_all_that_it_contradicts_is_weaker(make_memory):
    memory = make_memory(NEAR)
    weak, strong = NewFact("I live in Rome.", source="invented"), NewFact("I live in Paris.", source="given")
    memory.add([dataclasses.replace(strong, text="A dog is mine: Rook."), weak])
    # Another encoder's rules had let both stay.
    loose = FactMemory(memory._store, "a", memory._encoder, Rules())
    assert loose.add([dataclasses.replace(strong, text="My home is Paris.")])[0].kind == "kept"
    [outcome] = memory.add([NewFact("My town is Bath.", turn=4)])
    assert (outcome.kind, [f.text for f in outcome.others]) == ("refused", ["My home is Paris."])
    [outcome] = memory.add([NewFact("My town is Bath.", source="given")])
    assert (outcome.kind, [f.text for f in outcome.others]) == ("replaced", ["I live in Rome.", "My home is Paris."])


def test_a_repeated_fact_takes_over_the_stronger_source_and_the_pin(make_memory):
    memory = make_memory()
    memory.add([NewFact("My dog is Rook.", source="invented", turn=2)])
    memory.add([NewFact("My dog is Rook.", source="said", turn=7)])
    memory.add([NewFact("My dog is Rook.", source="invented", turn=9, pinned=True)])
    assert memory.facts() == [KnownFact("My dog is Rook.", source="said", turn=7, pinned=True, number=1)]
    [outcome] = memory.add([NewFact("My dog is Fig.", turn=8)])
    assert (outcome.kind, memory.facts()[0].pinned) == ("replaced", True)


def test_edit_pin_and_remove(make_memory):
    memory = make_memory()
    memory.add([NewFact("My name is Ann.", source="given"), NewFact("I bake.", turn=3), NewFact("I own a boat.")])
    assert memory.edit(2, "I bake bread.") == Outcome("kept", "I bake bread.", 2)
    assert memory.edit(3, "i bake bread").kind == "duplicate"
    assert memory.edit(3, "My name is Bea.").kind == "refused"
    assert memory.edit(3, "  ").kind == "empty"
    assert texts(memory) == {1: "My name is Ann.", 2: "I bake bread.", 3: "I own a boat."}
    memory.pin(3)
    outcome = memory.edit(1, "I own no boat.")
    assert (outcome.kind, outcome.number, [f.number for f in outcome.others]) == ("replaced", 1, [3])
    assert memory.facts()[0] == KnownFact("I own no boat.", source="given", pinned=True, number=1)
    memory.pin(1, False)
    assert not memory.facts()[0].pinned
    with pytest.raises(KeyError, match="no fact of number 9"):
        memory.remove([1, 9])
    assert len(memory) == 2
    for call in (lambda: memory.edit(9, "x"), lambda: memory.pin(9)):
        with pytest.raises(KeyError, match="no fact of number 9"):
            call()
    memory.remove([1, 2, 2])
    assert memory.facts() == []
    assert memory.add([NewFact("I sing.")])[0].number == 6, "no number comes twice; two edits took places"


def test_search(make_memory, said):
    memory = make_memory()
    assert memory.search(said("Where do you live?"), 3) == []
    facts = ["I live in Rome.", "My dog is Rook.", "A cat is here.", "I bake.", "It rains."]
    memory.add([NewFact(text) for text in facts] + [NewFact("A pet of mine is Fig.", "partner")])
    memory.pin(4)
    memory.pin(1)

    def found(text, *args, **kwargs):
        return [(f.fact.number, f.score) for f in memory.search(said(text), *args, **kwargs)]

    assert found("Your dog?", 9) == [(1, 0), (4, 0), (2, 1), (3, 1), (6, 1), (5, 0)]
    assert found("Your dog?", 2) == [(1, 0), (4, 0), (2, 1), (3, 1)]
    assert found("Your dog?", 9, threshold=0.5) == [(1, 0), (4, 0), (2, 1), (3, 1), (6, 1)]
    assert found("Your dog?", 9, owner="partner") == [(6, 1)]
    assert found("Your dog?", 1, owner=("partner", "world")) == [(6, 1)]
    assert found("Your dog?", 9, owner=()) == []
    assert found("What do you bake?", 0) == [(1, 0), (4, 1)]
    assert memory.search([], 1)[-1].fact.number == 5
    with pytest.raises(ValueError, match="k of 0 or more"):
        memory.search(said("x"), -1)
    with pytest.raises(ValueError, match="expected one of self, partner, world, got 'me'"):
        memory.search(said("x"), 1, owner="me")


def test_the_persona_of_a_character(make_memory):
    memory = make_memory(NEAR)
    ann = Character("Ann", (Fact("I bake bread."), Fact("My cat is Fig.", "pet_name", "Fig")))
    memory.add(given_facts(ann, "self"))
    assert [(f.text, f.source, f.slot, f.value) for f in memory.facts()] == [
        ("I bake bread.", "given", "", ""),
        ("My cat is Fig.", "given", "pet_name", "Fig"),
    ]
    assert memory.add([NewFact("It is Fig that mews, my cat.")])[0].kind == "duplicate"
    assert memory.add([NewFact("Only my cat mews: Rook.")])[0].kind == "refused"
    assert memory.add([NewFact("He answers to Rook.", source="given", slot="pet_name", value="Rook")])[0].number == 3


def test_odd_texts(make_memory, said):
    memory = make_memory()
    long = "word " * 1000
    odd = ["", "\0", "a\0b", "\udc80 \ud83e", "🦔", long, "ﬃ İ ß", "'; DROP TABLE facts; --", "{value}"]
    outcomes = memory.add([NewFact(text) for text in odd])
    assert [o.kind for o in outcomes[:4]] == ["empty", "empty", "kept", "kept"]
    assert [o.text for o in outcomes[2:4]] == ["a b", "\ufffd \ufffd"]
    kept = [fact.text for fact in memory.facts()]
    assert long.strip() in kept
    assert [fact.text for fact in make_memory().facts()] == kept
    assert len(memory.search(said("\udc80\0"), 20)) == len(kept)
    for fields, message in (
        ({"owner": "me"}, "owner: expected one of self, partner, world, got 'me'"),
        ({"source": ""}, "source: expected one of invented, said, given"),
        ({"turn": -1}, "turn: expected a number of 0 or more, got -1"),
        ({"turn": True}, "turn: expected a number"),
        ({"text": None}, "text: expected a string, got None"),
    ):
        with pytest.raises(ValueError, match=message):
            NewFact(**{"text": "x", **fields})
    assert memory.add([]) == []


def test_ten_thousand_equal_facts(make_memory, encoder):
    memory = make_memory()
    start = time.process_time()
    outcomes = memory.add([NewFact("I bake bread.", turn=i) for i in range(10_000)])
    assert time.process_time() - start < 1
    assert [o.kind for o in outcomes] == ["kept"] + ["duplicate"] * 9_999
    assert encoder.asked == ["I bake bread."], "embedded once"


def test_ten_thousand_facts_are_added_to_and_searched_quickly(store, said):
    encoder = ScatteredEncoder()
    facts = [KnownFact(f"Thing{i} is a word{i}.", number=i) for i in range(1, 10_001)]
    vectors = encoder.embed_facts([fact.text for fact in facts])
    stored = [StoredFact(fact, fact.number, packed(v)) for fact, v in zip(facts, vectors, strict=True)]
    with store.writing():
        store.change("a", SessionState(encoder.fingerprint(), 1, 10_001), stored, ())
    memory = FactMemory(store, "a", encoder)
    assert len(memory) == 10_000
    best = {"add": 1.0, "search": 1.0}
    for i in range(5):
        start = time.process_time()
        memory.add([NewFact(f"Another{i} is one{i}.")])
        middle = time.process_time()
        assert len(memory.search(said("What?"), 8)) == 8
        best["add"] = min(best["add"], middle - start)
        best["search"] = min(best["search"], time.process_time() - middle)
    assert max(best.values()) < 0.05, best


def test_sessions_are_apart(make_memory, store):
    one, other = make_memory(session="a"), make_memory(session="b")
    one.add([NewFact("I bake bread.")])
    other.add([NewFact("I bake bread."), NewFact("I sing.")])
    assert (len(one), len(other), store.sessions()) == (1, 2, ["a", "b"])
    store.forget("b")
    assert (len(one), len(other), store.sessions()) == (1, 0, ["a"])
    assert other.add([NewFact("I sing.")])[0].number == 1


def test_two_who_share_a_conversation_see_each_other(make_memory, said):
    one, other = make_memory(), make_memory()
    one.add([NewFact("My dog is Rook.")])
    assert other.add([NewFact("my dog is rook", turn=2)])[0].kind == "duplicate"
    other.edit(1, "My dog is Fig.")
    assert [f.fact.text for f in one.search(said("Your dog?"), 1)] == ["My dog is Fig."]
    other.remove([1])
    assert one.facts() == []


def test_threads(make_memory):
    memories = [make_memory(), make_memory()]
    threads = [
        threading.Thread(
            target=lambda m=memories[t % 2], t=t: [
                m.add([NewFact(f"Tale{t}x{i} is a tale{t}x{i}.")]) for i in range(20)
            ]
        )
        for t in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [fact.number for fact in memories[0].facts()] == list(range(1, 81))
    assert len({fact.text for fact in memories[1].facts()}) == 80


def test_facts_of_another_encoder_are_embedded_again(make_memory, store, topic_encoder, said):
    class Other(topic_encoder):
        def embed_facts(self, facts):
            return np.concatenate([super().embed_facts(facts)[:, ::-1], np.zeros((len(facts), 2))], axis=1)

    memory = make_memory()
    memory.add([NewFact("I live in Rome."), NewFact("My dog is Rook.")])
    before = memory.facts()
    new = FactMemory(store, "a", Other("others"))
    assert new.facts() == before
    assert [(f.fact.number, f.score) for f in new.search(said("Your pet?"), 1)] == [(2, 1.0)]
    with pytest.raises(ValueError, match="'a' with encoder others, this one is topics: let both use one retriever"):
        memory.facts()


def test_encoders_that_do_not_fit(store, topic_encoder, said):
    with pytest.raises(ValueError, match=r"not of length 1 \(one is of 3; is its similarity 'dot'\?\)"):
        FactMemory(store, "a", topic_encoder(length=3.0), NEAR)
    memory = FactMemory(store, "a", topic_encoder(length=3.0))
    assert memory.add([NewFact("My dog is Rook.")])[0].kind == "kept"
    memory._encoder.embed_contexts = lambda contexts: np.zeros((1, 2, 4), np.float32)
    with pytest.raises(ValueError, match="with a bi-encoder only"):
        memory.search(said("x"), 1)
    memory._encoder.embed_facts = lambda facts: np.zeros((len(facts), 7), np.float32)
    with pytest.raises(ValueError, match=r"expected vectors \[1, 4\] of the encoder, got \[1, 7\]"):
        memory.add([NewFact("I sing.")])
    assert len(memory) == 1


def test_several_changes_are_one(make_memory, encoder):
    memory = make_memory()
    [kept] = memory.add([NewFact("I bake bread.")])

    def fail():
        with memory.at_once([NewFact("I own a dog.")]):
            memory.add([NewFact("I own a dog.")])
            memory.remove([kept.number])
            memory.note(0, "a note")
            assert [fact.text for fact in memory.facts()] == ["I own a dog."], "seen inside"
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [fact.text for fact in memory.facts()] == ["I bake bread."]
    assert memory.notes() == []
    with memory.at_once([NewFact("I own a dog.")]):
        memory.add([NewFact("I own a dog.")])
        memory.note(0, "a note")
        memory.note(1, "another")
    assert [fact.text for fact in make_memory().facts()] == ["I bake bread.", "I own a dog."]
    memory.note(1, None)
    assert make_memory().notes() == ["a note"]
    assert make_memory(session="b").notes() == []


def test_a_fact_comes_back_under_its_number(make_memory):
    memory = make_memory()
    memory.add([NewFact("I bake bread."), NewFact("I own a dog.", pinned=True)])
    dog = memory.fact(2)
    memory.remove([2])
    memory.add([NewFact("The town is far.", "world")])
    assert memory.bring_back(dog).number == 2
    assert memory.fact(2) == dog
    memory.remove([2])
    assert [memory.bring_back(one).kind for one in (dog, dog)] == ["kept", "duplicate"]
    with pytest.raises(KeyError, match="no fact of number 9"):
        memory.fact(9)
