"""What a reply costs when of the persona some facts alone are shown."""

import types

import numpy as np
import pytest

from persona_tf.evaluation import shown_facts as module
from persona_tf.evaluation.prediction_file import SHOWN
from persona_tf.evaluation.shown_facts import load_finder, shown_facts
from persona_tf.example import Example, ExampleConfig, HistoryTurn, Item, Target, lay_out

FACTS = ("I bake bread.", "My cat is Fig.", "I fear geese.")


class Words:
    """A fact is worth as much as it has words that were said."""

    config = types.SimpleNamespace(finds="facts")

    def score(self, contexts, facts):
        said = [{word for turn in turns for word in turn.speech.lower().split()} for turns in contexts]
        return [
            np.array([len(words & set(fact.lower().split())) for fact in some], np.float32)
            for words, some in zip(said, facts, strict=True)
        ]


def single(turn, *grounding):
    items = (
        Item("self_name/0", "self_name", "Mira"),
        *(Item(f"persona/{i}", "persona", t) for i, t in enumerate(FACTS)),
    )
    said = ("Do you bake bread or fear", "No.", "Is Fig my cat ?")
    history = tuple(HistoryTurn(1 - i % 2, i, text, "", "") for i, text in enumerate(said))
    return Example("e:1", items, history, (Target(turn, "Hm.", grounding=grounding),))


def texts(example):
    return [item.text for item in example.knowledge]


def test_gold_found_and_none():
    [found] = shown_facts([single(3, "persona/2", "turn/0")], Words(), 2)
    assert tuple(found) == SHOWN
    assert {name: texts(one) for name, one in found.items()} == {
        "facts_gold": ["Mira", "I fear geese."],
        "facts_found": ["Mira", "I bake bread.", "My cat is Fig."],
        "facts_none": ["Mira"],
    }
    assert {one.history for one in found.values()} == {single(3).history}
    [few] = shown_facts([single(3, "persona/2")], Words(), 9)
    assert texts(few["facts_found"]) == ["Mira", *FACTS]


def test_what_is_said_later_is_not_looked_at():
    [found] = shown_facts([single(1, "persona/2")], Words(), 1)
    assert texts(found["facts_found"]) == ["Mira", "I bake bread."]


def test_replies_that_draw_on_no_fact_are_left_out():
    found = shown_facts([single(3, "turn/0"), single(3, "persona/0"), single(3), single(3, "persona/7")], Words(), 1)
    assert [sorted(one) for one in found] == [[], sorted(SHOWN), [], []]
    assert shown_facts([], Words(), 1) == []


def test_told_facts_are_shown_alike():
    plain = single(3, "persona/2", "self_name/0")
    told = lay_out(plain, ExampleConfig(knowledge_as_history=True))
    for name, one in shown_facts([told], Words(), 2)[0].items():
        assert texts(one) == texts(shown_facts([plain], Words(), 2)[0][name])


def test_what_finds_something_else_is_refused(monkeypatch, tmp_path):
    with pytest.raises(FileNotFoundError, match="retriever"):
        load_finder(str(tmp_path))
    judge = types.SimpleNamespace(config=types.SimpleNamespace(finds="speaker"))
    monkeypatch.setattr(module, "load_retriever", lambda folder: judge)
    with pytest.raises(ValueError, match=r"EvalConfig.retriever: runs/x finds speaker: .*EXP=retrieval_toloka"):
        load_finder("runs/x")
