import dataclasses

import pytest

from persona_tf.data.world.generator import episodes
from persona_tf.episode import Character, Episode, Fact, Probe, Swap, Turn
from persona_tf.evaluation.counterfactual import (
    KINDS,
    changes,
    draw_missing,
    past,
    shuffle_pasts,
    shuffle_source,
    swap_value,
    take_away_value,
)
from persona_tf.evaluation.metrics.probes import holds
from persona_tf.evaluation.prediction_file import CHANGES
from persona_tf.example import Example, ExampleConfig, Item, Target, strings, without
from persona_tf.learner import examples


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
    shuffled = shuffle_source(found, "persona")
    assert shuffled == shuffle_source(found, "persona")
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
        shuffled = shuffle_source(cast, "persona", seed)
        assert facts(shuffled[0]) == facts(shuffled[1]) == {"m", "n"}


def test_where_no_other_has_so_many_facts_they_come_from_several():
    shuffled = shuffle_source([told("a", 0, "x", "y", "z"), told("b", 0, "p", "q"), told("c", 0, "r", "x")], "persona")
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
    assert shuffle_source(cast, "persona") == cast


def single(talk, facts=("My cat is Fig.", "I bake.", "Fig is old."), **config):
    bot = Character("Mira", tuple(map(Fact, facts)))
    [example] = examples(Episode("e", "demo", None, (Character("Tam"), bot), talk, (1,)), ExampleConfig(**config))
    return dataclasses.replace(example, targets=example.targets[-1:])


PROBE = Probe("persona", "pet_name", "Fig", ("Rook",))
TALK = (
    Turn(0, "Is that fig yours?"),
    Turn(1, "Yes."),
    Turn(0, "My dog is Rook."),
    Turn(1, "Good dog.", action="hug Fig"),
    Turn(0, "Your cat?"),
    Turn(1, "Fig.", grounding=("persona/0", "persona/1", "turn/4", "turn/1"), probe=PROBE),
)


@pytest.mark.parametrize("as_history", [False, True])
def test_all_that_tells_the_answer_is_taken_away_and_the_question_stays(as_history):
    example = single(TALK, knowledge_as_history=as_history)
    bare = take_away_value(example)
    assert set(texts(bare)) == {"self_name/0", "partner_name/0"}, "persona/1 is needed, persona/2 holds it too"
    assert [turn.key for turn in bare.history[bare.told :]] == ["turn/2", "turn/4"], "turn/3 does it"
    assert bare.told == (2 if as_history else 0)
    assert [turn.turn for turn in bare.history] == [*range(-bare.told, 0), 2, 4]
    assert bare.targets[0].gold == ()
    assert bare.targets[0].gold_turns == (4,)
    strings([bare])


def test_where_nothing_tells_the_answer_nothing_is_taken_away():
    blind = single((Turn(0, "Your cat?"), Turn(1, "Fig.", probe=PROBE)), facts=("I bake.",))
    assert take_away_value(blind) == blind


@pytest.mark.parametrize(
    "talk",
    [
        (Turn(0, "Your cat?"), Turn(1, "Fig.")),
        (Turn(0, "Your cat?"), Turn(1, "Who knows.", probe=Probe("unanswerable", "pet_name", "", ("Fig",)))),
        (Turn(0, "Is it Fig?"), Turn(1, "Fig.", probe=PROBE)),
        (Turn(0, "Well?", action="hug fig"), Turn(1, "Fig.", probe=PROBE)),
    ],
)
def test_what_has_no_answer_or_tells_it_itself_is_not_asked_again(talk):
    assert take_away_value(single(talk)) is None


def test_what_is_gold_is_numbered_anew():
    example = single(
        (Turn(0, "A"), Turn(0, "B"), Turn(1, "C", grounding=("persona/1", "partner_name/0", "turn/1"))),
        knowledge_as_history=False,
    )
    bare = without(example, ["persona/0", "persona/2", "turn/0"])
    assert {bare.items[i].key for i in bare.targets[0].gold} == {"persona/1", "partner_name/0"}
    assert bare.targets[0].gold_turns == (1,)
    told = single(
        (Turn(0, "A"), Turn(0, "B"), Turn(1, "C", grounding=("persona/1", "turn/1"))), knowledge_as_history=True
    )
    bare = without(told, ["persona/0", "self_name/0"])
    assert [bare.turn_key(i) for i in range(bare.told)] == [turn.key for turn in bare.history[: bare.told]]
    gold = {turn.key for turn in bare.history if turn.turn in bare.targets[0].gold_turns}
    assert gold == {"persona/1", "turn/1"}
    assert without(told, []) == told


def world_singles(count, **config):
    found = [e for episode in episodes("test", count) for e in examples(episode, ExampleConfig(**config))]
    return [dataclasses.replace(e, targets=(t,)) for e in found for t in e.targets]


def test_probes_are_drawn_by_source_and_each_by_itself():
    found = world_singles(40)
    every = draw_missing(found, 1000)
    sources = [e.targets[0].probe.source if e.targets[0].probe else "" for e in found]
    assert {s for s, bare in zip(sources, every, strict=True) if bare} == {"persona", "setting", "history"}
    for before, bare in zip(found, every, strict=True):
        if bare:
            value = before.targets[0].probe.value
            assert not any(holds(item.text, value) for item in bare.knowledge)
            seen = [turn for turn in bare.history if turn.turn < bare.targets[0].turn]
            assert not any(holds(turn.speech, value) for turn in seen)
            assert seen[-1] == [turn for turn in before.history if turn.turn < before.targets[0].turn][-1]
    some = draw_missing(found, 5)
    assert [
        sum(s == source and bare is not None for s, bare in zip(sources, some, strict=True)) for source in KINDS
    ] == [
        5,
        5,
    ]
    assert all(bare in (None, full) for bare, full in zip(some, every, strict=True))
    assert draw_missing(found[::-1], 5) == some[::-1]
    assert draw_missing(found, 5, seed=1) != some
    assert draw_missing(found, 0) == [None] * len(found)


def test_a_shuffled_setting_is_anothers_in_everything():
    found = [e for episode in episodes("test", 40) for e in examples(episode, ExampleConfig())]
    for before, after in zip(found, shuffle_source(found, "setting"), strict=True):
        told = {item.text for item in before.items if item.kind in KINDS["setting"]}
        for old, new in zip(before.items, after.items, strict=True):
            assert (old.key, old.kind) == (new.key, new.kind)
            if old.kind in KINDS["setting"]:
                assert new.text not in told
            else:
                assert new.text == old.text


def test_a_shuffled_past_is_anothers_and_the_question_stays():
    found = world_singles(30)
    shuffled = shuffle_pasts(found)
    assert shuffled == shuffle_pasts(found)
    said = {}
    for example in found:
        said.setdefault(example.id, {}).update({turn.turn: turn.speech for turn in example.history})
    changed = 0
    for before, after in zip(found, shuffled, strict=True):
        own = past(before)
        assert [(t.turn, t.who) for t in after.history] == [(t.turn, t.who) for t in before.history]
        assert after.history[len(own) :] == before.history[len(own) :]
        strange = tuple(turn.speech for turn in after.history[: len(own)])
        if after != before:
            changed += 1
            donors = {
                e for e, turns in said.items() if strange == tuple(turns.get(i) for i in sorted(turns))[: len(own)]
            }
            assert donors
            assert before.id not in donors
    assert changed > 0.6 * len(found)
    assert shuffle_pasts(found[:1]) == found[:1]


def test_the_past_ends_where_the_question_begins():
    example = single(TALK)
    assert [turn.key for turn in past(example)] == ["turn/0", "turn/1", "turn/2", "turn/3"]
    opening = single((Turn(1, "Hail!"), Turn(1, "Anybody?")))
    assert [turn.key for turn in past(opening)] == ["turn/0"], "nobody has asked"
    assert past(single(TALK[:2])) == ()


def test_every_change_has_its_name_and_touches_just_its_source():
    assert tuple(changes()) == CHANGES
    found = world_singles(12)
    for name, (_, change) in changes().items():
        source, _, kind = name.partition("_")
        for before, after in zip(found, change(found), strict=True):
            kept = [item for item in before.items if item.kind not in KINDS.get(source, ())]
            assert [item for item in after.items if item.kind not in KINDS.get(source, ())] == kept
            if source != "history":
                assert after.history == before.history
                assert any(item.kind in KINDS[source] for item in after.items) == (kind == "shuffled")
            elif kind == "missing":
                assert after.history == before.history[len(past(before)) :]
