import pytest

from persona_tf.chat.recalling import MemoryRecall, RecallConfig, give, joined, open_memory
from persona_tf.chat.session import BOT, PARTNER
from persona_tf.episode import Character, Fact, Turn
from persona_tf.example import KEY_KINDS, ExampleConfig, Item
from persona_tf.retrieval.memory.facts import NewFact

ALL = ExampleConfig(kinds=KEY_KINDS)
TALK = (Turn(PARTNER, "Good day!"), Turn(BOT, "Fresh bread?"), Turn(PARTNER, "Whose cat is that, in the tower?"))
KNOWN = (
    NewFact("I bake bread.", pinned=True),
    NewFact("My cat is called Fig."),
    NewFact("I own no cat.", "partner"),
    NewFact("The tower is old.", "world"),
    NewFact("I fear geese."),
)


def keys(items):
    return [item.key for item in items]


def test_what_suits_comes_to_mind_as_the_kind_of_its_owner(memory, encoder):
    memory.add(KNOWN)
    assert MemoryRecall(memory, ALL, RecallConfig(k=3))(TALK) == (
        Item("memory/1", "persona", "I bake bread."),
        Item("memory/2", "persona", "My cat is called Fig."),
        Item("memory/3", "partner_persona", "I own no cat."),
        Item("memory/4", "setting_description", "The tower is old."),
    )
    [context] = encoder.contexts
    assert [(turn.who, turn.speech) for turn in context] == [(1, "Good day!"), (0, "Fresh bread?"), (1, TALK[2].speech)]
    assert keys(MemoryRecall(memory, ALL, RecallConfig(k=0))(TALK)) == ["memory/1"], "pinned ones always"
    assert keys(MemoryRecall(memory, ALL, RecallConfig(k=9, threshold=0.9))(TALK)) == ["memory/1"]
    assert len(MemoryRecall(memory, ALL)(())) == 5, "before a word was said, too"


def test_facts_of_whom_the_bot_does_not_know_take_no_room(memory):
    memory.add(KNOWN)
    two = RecallConfig(k=2)
    assert keys(MemoryRecall(memory, ExampleConfig(), two)(TALK)) == ["memory/1", "memory/2", "memory/4"]
    writes = ExampleConfig(learn_facts=True)
    assert "memory/3" in keys(MemoryRecall(memory, writes, RecallConfig(k=3))(TALK)), (
        "who writes facts knows its partner's"
    )
    assert MemoryRecall(memory, ExampleConfig(kinds=("self_name",)), two)(TALK) == ()


def test_what_is_shown_anyway_is_not_told_twice_and_takes_no_room(memory):
    memory.add(KNOWN)
    shown = [Item("persona/0", "persona", "my cat is called FIG"), Item("persona/1", "persona", "I own no cat.")]
    recall = MemoryRecall(memory, ALL, RecallConfig(k=3), lambda: shown)
    assert keys(recall(TALK)) == ["memory/1", "memory/3", "memory/4", "memory/5"], "the partner's fact is another"
    shown.clear()
    assert keys(recall(TALK)) == ["memory/1", "memory/2", "memory/3", "memory/4"]


def test_of_many_facts_few_come_to_mind_and_equal_ones_in_equal_order(memory):
    memory.add([NewFact(f"My house number {n} is called x{n}.", slot=f"house {n}", value=f"x{n}") for n in range(200)])
    recall = MemoryRecall(memory, ALL)
    found = recall((Turn(PARTNER, "What is x77? And x5?"),))
    assert {"My house number 77 is called x77.", "My house number 5 is called x5."} <= {item.text for item in found}
    assert len(found) == 6
    assert found == tuple(sorted(found, key=lambda item: int(item.key.removeprefix("memory/"))))


def test_the_same_is_told_of_a_long_dialogue_at_little_cost(memory, encoder):
    memory.add(KNOWN)
    MemoryRecall(memory, ALL)(TALK * 500)
    assert len(encoder.contexts[0]) == 64
    assert encoder.contexts[0][-1].speech == TALK[2].speech


def test_several_recalls_are_joined():
    lore = Item("lore/0", "persona", "I am old.")
    assert joined()(TALK) == joined(None)(TALK) == []
    assert joined(None, lambda turns: (lore,), lambda turns: [lore][: len(turns) - 3])(TALK) == [lore]


def test_a_memory_is_given_what_is_known_from_the_beginning(memory):
    me = Character("Mira", tuple(Fact(f"I own a thing of kind x{n}.", f"s{n}", f"x{n}") for n in range(13)))
    partner = Character("Tam", (Fact("I am a guard."),))
    give(memory, me, partner, ExampleConfig())
    assert [(fact.owner, fact.source, fact.text) for fact in memory.facts()] == [
        ("self", "given", fact.text) for fact in me.facts
    ]
    give(memory, me, partner, ALL)
    assert [fact.text for fact in memory.facts("partner")] == ["I am a guard."], "given to who knows it anyway"
    assert len(memory) == 14, "a second time adds nothing"


def test_numbers_below_0_are_refused():
    for name in ("k", "most_shown"):
        with pytest.raises(ValueError, match=f"RecallConfig.{name}: expected 0 or more, got -1"):
            RecallConfig(**{name: -1})


def test_a_bots_bundle_is_no_retriever(bundle_dir, tmp_path):
    with pytest.raises(FileNotFoundError):
        open_memory(None, tmp_path, "talk")
    with pytest.raises((FileNotFoundError, ValueError), match="retriever"):
        open_memory(None, bundle_dir, "talk")
