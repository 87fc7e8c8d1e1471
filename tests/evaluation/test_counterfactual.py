import dataclasses

import pytest

from persona_tf.data.world.generator import episodes
from persona_tf.episode import Character, Episode, Fact, Probe, Swap, Turn
from persona_tf.evaluation.counterfactual import shuffle_personas, swap_value
from persona_tf.example import Example, ExampleConfig, Item, Target, examples


def asked(swap, **config):
    bot = Character("Mira", (Fact("My cat is Fig."), Fact("I bake.")))
    probe = Probe("persona", "pet_name", "Fig", ("Rook",), swap)
    talk = (Turn(0, "My dog is Rook."), Turn(1, "Good dog."), Turn(0, "Your cat?"), Turn(1, "Fig.", probe=probe))
    [example] = examples(Episode("e", "demo", None, (Character("Tam"), bot), talk, (1,)), ExampleConfig(**config))
    return dataclasses.replace(example, targets=example.targets[1:])


def texts(example):
    return {item.key: item.text for item in example.knowledge}


def test_a_swap_changes_just_the_item_it_names():
    before = asked(Swap("persona/0", "My cat is Moss.", "Moss"))
    after = swap_value(before)
    assert texts(after) == texts(before) | {"persona/0": "My cat is Moss."}
    assert after.history == before.history


def test_a_swap_can_change_what_was_said():
    before = asked(Swap("turn/0", "My dog is Ash.", "Ash"))
    after = swap_value(before)
    assert [turn.speech for turn in after.history] == ["My dog is Ash.", "Good dog.", "Your cat?"]
    assert after.items == before.items


def test_there_is_no_counterfactual_without_a_swap():
    assert swap_value(asked(None)) is None


def test_a_swap_changes_what_is_told_in_the_history():
    before = asked(Swap("persona/0", "My cat is Moss.", "Moss"), knowledge_as_history=True)
    after = swap_value(before)
    assert texts(after) == texts(before) | {"persona/0": "My cat is Moss."}
    changed = [(a.speech, b.speech) for a, b in zip(before.history, after.history, strict=True) if a != b]
    assert changed == [("My cat is Fig.", "My cat is Moss.")]
    assert [turn.turn for turn in after.history] == [turn.turn for turn in before.history]


@pytest.mark.parametrize("as_history", [False, True])
def test_a_shuffled_persona_is_anothers_with_as_many_facts(as_history):
    config = ExampleConfig(knowledge_as_history=as_history)
    found = [e for episode in episodes("test", 40) for e in examples(episode, config)]
    shuffled = shuffle_personas(found)
    assert shuffled == shuffle_personas(found)
    for before, after in zip(found, shuffled, strict=True):
        assert [item.key for item in after.knowledge] == [item.key for item in before.knowledge]
        for old, new in zip(before.knowledge, after.knowledge, strict=True):
            assert (old.text != new.text) == (old.kind == "persona"), old.key
        assert [t.speech for t in after.history[after.told :]] == [t.speech for t in before.history[before.told :]]


def told(dialogue, learner, *facts):
    """An example with these facts; nothing is said."""
    items = tuple(Item(f"persona/{i}", "persona", fact) for i, fact in enumerate(facts))
    return Example(f"{dialogue}:{learner}", (Item("self_name/0", "self_name", "Mira"), *items), (), (Target(0, "Hm."),))


def facts(example):
    return {item.text for item in example.items if item.kind == "persona"}


def test_a_shuffled_persona_is_not_the_partners():
    cast = [told("a", 0, "x", "y"), told("a", 1, "p", "q"), told("b", 0, "m", "n")]
    for seed in range(5):
        shuffled = shuffle_personas(cast, seed)
        assert facts(shuffled[0]) == facts(shuffled[1]) == {"m", "n"}


def test_where_no_other_has_so_many_facts_they_come_from_several():
    shuffled = shuffle_personas([told("a", 0, "x", "y", "z"), told("b", 0, "p", "q"), told("c", 0, "r", "x")])
    assert facts(shuffled[0]) == {"p", "q", "r"}


@pytest.mark.parametrize(
    "cast",
    [
        [told("a", 0, "x", "y")],
        [told("a", 0, "x", "y"), told("a", 1, "p", "q")],
        [told("a", 0, "x", "y"), told("b", 0, "p", "x")],
        [told("a", 0), told("b", 0)],
    ],
)
def test_where_there_are_no_others_the_example_stays_as_it_is(cast):
    assert shuffle_personas(cast) == cast
