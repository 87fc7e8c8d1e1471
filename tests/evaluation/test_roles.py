"""Role-playing accuracy, with a classifier that knows words only."""

import dataclasses
import json
import types

import numpy as np
import pytest

from persona_tf.data.speakers import WHO
from persona_tf.episode import Character, Episode, Fact, Turn
from persona_tf.evaluation import roles
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.report import report


def talk(id, own, other):
    cast = Character("", (Fact(other),)), Character("", (Fact(own),))
    return Episode(id, "demo", None, cast, (Turn(0, "And you?"), Turn(1, "...")), (1,))


EPISODES = [talk("a", "geese", "bread"), talk("b", "songs", "spades")]


class Words:
    """A fact is worth as much as there are words of it in the reply."""

    config = types.SimpleNamespace(finds="speaker")

    def score(self, contexts, facts):
        assert all(context[0].speech == "And you?" for context in contexts)
        said = [context[-1].speech.split() for context in contexts]
        return [np.array([words.count(f) for f in some], np.float32) for words, some in zip(said, facts, strict=True)]


def judged(*replies, gold="geese", draws_on=()):
    targets = [ScoredTarget("a:1/1", "a", reply=reply, gold_reply=gold, knowledge_gold=draws_on) for reply in replies]
    return roles.judged(targets, EPISODES, Words())


def test_the_most_worth_says_who():
    found = judged("my geese", "some bread", "songs songs geese")
    assert [target.said_by for target in found] == list(WHO)
    assert {target.gold_said_by for target in found} == {"self"}
    assert report(found)["reply_role_accuracy"]["value"] == pytest.approx(1 / 3)
    assert roles.human_baseline(found)["reply_role_accuracy"]["value"] == 1


def test_what_is_alike_is_not_the_own_ones():
    [nothing, both] = judged("hm", "geese and bread")
    assert nothing.said_by == "stranger"
    assert both.said_by == "partner"


def test_the_best_fact_is_what_a_persona_is_worth():
    more = talk("a", "geese", "bread"), talk("b", "songs", "spades")
    cast = dataclasses.replace(more[0].characters[1], facts=(Fact("geese"), Fact("owls")))
    people = dataclasses.replace(more[0], characters=(more[0].characters[0], cast)), more[1]
    target = ScoredTarget("a:1/1", "a", reply="bread bread geese owls", gold_reply="owls owls bread")
    [found] = roles.judged([target], people, Words())
    assert (found.said_by, found.gold_said_by) == ("partner", "self")


def test_replies_that_draw_on_the_own_persona_are_told_apart_from_others():
    own, name = judged("geese", draws_on=("turn/0", "persona/0")), judged("bread", draws_on=("self_name/0",))
    others = judged("bread", draws_on=("partner_name/0",)) + judged("bread")
    found = report([*own, *name, *others])
    assert (found["reply_role_accuracy"]["value"], found["reply_role_accuracy"]["count"]) == (1 / 4, 4)
    assert (found["reply_role_own_accuracy"]["value"], found["reply_role_own_accuracy"]["count"]) == (1 / 2, 2)
    assert {name: metric["value"] for name, metric in roles.human_baseline([*own, *others]).items()} == {
        "reply_role_accuracy": 1,
        "reply_role_own_accuracy": 1,
    }


def test_a_bot_that_says_nothing_is_not_itself():
    found = judged("", "geese")
    assert [target.said_by for target in found] == ["", "self"]
    assert report(found)["reply_role_accuracy"] == {**report(found)["reply_role_accuracy"], "value": 0.5, "count": 2}


def test_who_has_no_persona_is_not_judged():
    targets = [ScoredTarget("x:0/1", "x", reply="geese", gold_reply="geese")]
    assert roles.judged(targets, EPISODES, Words()) == targets
    assert "reply_role_accuracy" not in report(targets)
    assert roles.human_baseline(targets) == {}


def test_a_run_for_something_else_is_no_judge(monkeypatch, tmp_path):
    other = types.SimpleNamespace(config=types.SimpleNamespace(finds="facts"))
    monkeypatch.setattr(roles, "load_retriever", lambda folder: other)
    with pytest.raises(ValueError, match=r"judge: .* finds facts: expected a run that tells speakers apart"):
        roles.load_judge(str(tmp_path))


def test_it_stands_in_the_file_of_predictions():
    [target] = judged("geese")
    assert ScoredTarget.from_json(json.loads(json.dumps(target.to_json()))) == target
