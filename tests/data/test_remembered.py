import dataclasses
import doctest

import pytest

from persona_tf.data import remembered
from persona_tf.data.remembered import KINDS, LONGEST_AGO, forgotten, remember
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.generator import generate
from persona_tf.example import ExampleConfig
from persona_tf.learner import examples

LEARNS = ExampleConfig(learn_facts=True)


@pytest.fixture
def example(stating):
    [example] = examples(stating, LEARNS, with_asides=True, with_facts=True)
    return example


def test_doctests():
    assert doctest.testmod(remembered).failed == 0


def test_what_is_gone_stands_among_the_items(example):
    left = forgotten(example, 4, before=10)
    assert [(turn.turn, turn.speech, turn.aside) for turn in left.history] == [
        (14, "And where do you live?", 0),
        (14, "I am old. How old are you?", 2),
    ]
    new = [item for item in left.items if item not in example.items]
    assert [(item.kind, item.text) for item in new] == [("partner_persona", "I am a guard.")]
    assert len(left.items) == len(example.items) + 1, "the cat's fact stands in the place of the same"
    assert [(t.turn, t.task, t.aside) for t in left.targets] == [
        (15, "reply", 0),
        (15, "reply", 2),
        (15, "extract", 0),
        (15, "invent", 0),
        (15, "extract", 2),
        (15, "invent", 2),
    ]


def test_an_item_that_tells_the_same_is_told_in_plain_words(stating):
    [example] = examples(stating, LEARNS, with_facts=True)
    worded = tuple(
        dataclasses.replace(item, text="Fig, my cat, hates me." if "Fig" in item.text else item.text)
        for item in example.items
    )
    left = forgotten(dataclasses.replace(example, items=worded), 4)
    assert [item.text for item in left.items if "Fig" in item.text] == ["My cat is called Fig."]


def test_a_share_is_remembered_and_every_answer_stands_somewhere():
    """In the world: whatever a reply draws on is among its items or turns, with the value that is asked for."""
    config, changed, moved = WorldConfig(states=True, asides=4), 0, 0
    found = [e for i in range(80) for e in examples(generate("train", i, config=config), LEARNS, True, True)]
    for example in found:
        assert remember(example, 0.0) == example
        after = remember(example, 0.5)
        assert after == remember(example, 0.5)
        changed += after != example
        if after == example:
            continue
        first = after.history[0].turn
        assert first < LONGEST_AGO + 20
        assert {item.kind for item in after.items} <= {item.kind for item in example.items} | set(KINDS.values())
        replies = [target for target in after.targets if target.task == "reply"]
        assert replies
        for target in replies:
            turns = {turn.turn: turn.speech + turn.action for turn in after.history if turn.aside in (0, target.aside)}
            assert target.turn - 1 in turns
            assert all(turn >= first for turn in target.gold_turns)
            moved += any(after.items[place].kind == "partner_persona" for place in target.gold)
            if target.probe and target.probe.value:
                texts = [after.items[i].text for i in target.gold] + [turns[i] for i in target.gold_turns]
                assert any(target.probe.value in text for text in texts)
    assert 0.35 < changed / len(found) < 0.6
    assert moved > 10
