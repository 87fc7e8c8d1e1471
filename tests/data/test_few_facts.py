import dataclasses

from persona_tf.data.few_facts import few_facts
from persona_tf.example import Example, ExampleConfig, HistoryTurn, Item, Target, lay_out

TEXTS = ("I bake bread.", "I fear geese.", "I live in Tarn.", "I sing.")


def example(number):
    items = (
        Item("self_name/0", "self_name", "Mira"),
        *(Item(f"persona/{i}", "persona", t) for i, t in enumerate(TEXTS)),
    )
    history = (HistoryTurn(1, 0, "What do you fear?", "", ""),)
    targets = (
        Target(1, "Geese.", gold=(2,), grounding=("persona/1",)),
        Target(
            3, "I sing, Mira sings.", gold=(4, 0), gold_turns=(0,), grounding=("persona/3", "self_name/0", "turn/0")
        ),
    )
    return Example(f"e{number}:1", items, history, targets)


def shown(one):
    return tuple(item.text for item in one.knowledge if item.kind == "persona")


def test_a_share_is_shown_a_few_facts_or_none():
    found = [few_facts(example(i), 0.75) for i in range(400)]
    assert found == [few_facts(example(i), 0.75) for i in range(400)]
    ways = [shown(one) for one in found]
    for way, share in ((TEXTS, 0.25), ((), 0.25), (("I fear geese.", "I sing."), 0.25)):
        assert share - 0.07 < ways.count(way) / 400 < share + 0.1, way
    assert len(set(ways)) > 10, "some, at random"
    assert [few_facts(example(i), 0.0) for i in range(9)] == [example(i) for i in range(9)]


def test_what_is_left_is_drawn_on_still():
    for i in range(60):
        one = few_facts(example(i), 1.0)
        assert one.items[0].text == "Mira"
        for target, old in zip(one.targets, example(i).targets, strict=True):
            needed = {example(i).items[place].text for place in old.gold}
            assert {one.items[place].text for place in target.gold} == needed & {item.text for item in one.items}
            assert dataclasses.replace(target, gold=()) == dataclasses.replace(old, gold=())


def test_told_facts_are_left_out_too():
    config = ExampleConfig(knowledge_as_history=True)
    told = [(lay_out(example(i), config), few_facts(example(i), 1.0)) for i in range(30)]
    assert [shown(few_facts(one, 1.0)) for one, _ in told] == [shown(plain) for _, plain in told]
