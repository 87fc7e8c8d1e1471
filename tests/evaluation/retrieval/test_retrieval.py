"""Candidates, baselines and figures of retrieval."""

import json

import numpy as np
import pytest

from persona_tf.data.config import DataConfig
from persona_tf.data.pairs import Pair
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.metrics.words import normalise
from persona_tf.evaluation.retrieval import baselines, experiment
from persona_tf.evaluation.retrieval.candidates import Candidates, among_strangers, consecutive, own_persona
from persona_tf.evaluation.retrieval.experiment import evaluate_retriever, score_pairs
from persona_tf.evaluation.retrieval.figures import RankedContext, figures, leads, rank_context
from persona_tf.example import ExampleConfig, HistoryTurn
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.run_dir import RunDir


def pair(number, facts, gold, *said, people=()):
    turns = tuple(HistoryTurn(1, i, text, "", "") for i, text in enumerate(said))
    return Pair(f"e{number}:1/9", f"e{number}", turns, tuple(facts), tuple(gold), people)


MIRA = pair(0, ("I bake bread.", "My cat is Fig.", "I fear geese."), (1,), "Good day!", "What is your cat called?")


def test_a_fact_that_equals_a_true_one_is_true():
    doubled = pair(0, ("I bake bread.", "i bake the bread", "I fear geese."), (0,))
    assert own_persona(doubled).gold == (0, 1)


def test_strangers_are_no_doubles_and_each_draw_stands_alone():
    pairs = [pair(i, (f"Fact {i}.", f"Other {i}.", "I sing."), (i % 2,)) for i in range(80)]
    found = among_strangers(pairs, 100)
    for asked, candidates in zip(pairs, found, strict=True):
        assert len(candidates.facts) == 100
        assert len({normalise(fact) for fact in candidates.facts}) == 100
        assert set(asked.facts) <= set(candidates.facts)
        assert [candidates.facts[i] for i in candidates.gold] == [asked.facts[asked.gold[0]]]
    assert len({candidates.gold for candidates in found}) > 20  # the order tells nothing
    assert among_strangers(pairs, 100) == found
    assert among_strangers(pairs, 100, seed=1) != found
    assert among_strangers([MIRA], 100)[0].gold  # fewer strangers than wanted
    assert len(among_strangers([MIRA], 100)[0].facts) == 3


def test_consecutive_couples_are_true_on_the_diagonal():
    pairs = [pair(i, ("I sing.", f"Fact {i}."), (0, 1) if i == 1 else (1,)) for i in range(5)]
    found = consecutive(pairs, 3)  # six couples
    assert [asked.id for asked, _ in found] == [pairs[i].id for i in (0, 1, 1, 2, 3, 4)]
    assert found[1] == (pairs[1], Candidates(("Fact 0.", "I sing.", "Fact 1."), (1,)))
    assert found[2] == (pairs[1], Candidates(("Fact 0.", "I sing.", "Fact 1."), (2,)))
    assert consecutive(pairs, 7) == []


def test_baselines():
    own = own_persona(MIRA)
    assert baselines.last_fact(MIRA, own) == [0, 1, 2]
    assert baselines.last_fact(MIRA, Candidates(("x", "I fear geese."), (0,))) == [-1, 2]
    chance = baselines.by_chance()(MIRA, own)
    assert chance == baselines.by_chance()(MIRA, own) != baselines.by_chance(1)(MIRA, own)
    facts = [*MIRA.facts, "", "!"]
    last, everything = baselines.bm25(facts, True), baselines.bm25(facts, False)
    scores = last(MIRA, own)
    assert scores[1] > max(scores[0], scores[2])
    silent = pair(1, MIRA.facts, (0,))
    assert last(silent, own) == [0, 0, 0] == everything(silent, own)
    earlier = pair(2, MIRA.facts, (2,), "Are there geese?", "Hm.")
    assert last(earlier, own) == [0, 0, 0]
    assert everything(earlier, own)[2] > 0
    assert len(last(MIRA, Candidates(tuple(facts), (1,)))) == 5


def test_bm25_is_the_formula():
    """Lucene's BM25, k1 1.5 and b .75: idf * tf / (tf + k1 * (1 - b + b * length / mean length))."""
    import math

    facts = ["cat cat dog", "dog", "bird sings here now"]
    [score, *_] = baselines.bm25(facts, True)(pair(0, facts, (0,), "cat"), Candidates(tuple(facts), (0,)))
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    assert score == pytest.approx(idf * 2 / (2 + 1.5 * (0.25 + 0.75 * 3 / (8 / 3))), rel=1e-4)


def test_figures():
    ranked = [RankedContext("a", 1), RankedContext("a", 2), RankedContext("b", 10), RankedContext("b", 5)]
    found = figures("persona", ranked, samples=0)
    values = {name: metric["value"] for name, metric in found.items()}
    assert values == pytest.approx({"persona_r1": 0.25, "persona_r5": 0.75, "persona_mrr": (1 + 0.5 + 0.1 + 0.2) / 4})
    assert figures("persona", []) == {}
    metric = figures("persona", ranked, samples=200)["persona_mrr"]
    assert metric["low"] == pytest.approx(0.15)  # only dialogue b is drawn
    assert metric["high"] == pytest.approx(0.75)
    assert rank_context("a", [1.0, 3.0, 2.0, 2.0], (2,)) == RankedContext("a", 3)  # ties count against it
    assert rank_context("a", [1.0, 3.0, 2.0], (0, 2)) == RankedContext("a", 2)


def test_a_lead_is_over_the_best_of_the_others():
    def ranked(*ranks):
        return [RankedContext(f"e{i // 2}", rank) for i, rank in enumerate(ranks)]

    own, often_second, sometimes_first = ranked(1, 1, 2, 1, 1, 6), ranked(2, 2, 2, 2, 2, 2), ranked(1, 9, 1, 9, 9, 9)
    found = leads("persona", own, [often_second, sometimes_first], 500)
    assert found.keys() == {"persona_r1_lead", "persona_r5_lead", "persona_mrr_lead"}
    assert found["persona_r1_lead"]["value"] == pytest.approx(4 / 6 - 2 / 6)
    assert found["persona_r5_lead"]["value"] == pytest.approx(5 / 6 - 1)
    assert found["persona_mrr_lead"]["value"] == pytest.approx((4 + 1 / 2 + 1 / 6) / 6 - 1 / 2)
    assert found["persona_r1_lead"]["low"] == pytest.approx(0), "in one dialogue it is even"
    same = leads("persona", own, [own], 100)["persona_mrr_lead"]
    assert (same["value"], same["low"], same["high"]) == (0, 0, 0), "paired"
    assert leads("persona", [], [[]]) == leads("persona", own, []) == {}


class Oracle:
    """A retriever that knows."""

    experiment, step, config = "demo", 3, RetrieverConfig()

    def score(self, contexts, facts):
        return [np.float32(["cat" in fact for fact in some]) for some in facts]


def test_a_table_of_a_retriever_that_knows():
    pairs = [pair(i, (f"I bake {i}.", f"My cat is {i}."), (1,), "Hm.") for i in range(100)]
    result, own = score_pairs(Oracle(), "test", pairs, EvalConfig(splits=("test",)))
    assert result.metrics["persona_r1"]["value"] == 1
    assert result.metrics["hundred_r1"]["value"] < 0.1  # strangers have cats, too
    assert result.metrics["consecutive_r1"]["count"] == 100
    assert result.baselines.keys() == {"random", "last fact", "bm25, last turn", "bm25, all turns"}
    assert result.baselines["last fact"]["persona_r1"]["value"] == 1
    assert {name.split("_")[0] for name in result.baselines["last fact"]} == {"persona"}
    assert result.baselines["bm25, last turn"]["persona_r1"]["value"] == 0  # all alike, and ties count against it
    assert 0.35 < result.baselines["random"]["persona_r1"]["value"] < 0.65
    assert own[0][2] == [0, 1]


def test_a_split_without_gold_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(experiment, "load_retriever", lambda folder: Oracle())
    monkeypatch.setattr(experiment, "read_split", lambda *_: [])
    config = EvalConfig(splits=("test",))
    with pytest.raises(ValueError, match="world test: no turn says which facts it draws on"):
        evaluate_retriever(RunDir(tmp_path), DataConfig("world"), ExampleConfig(), config, tmp_path)
    monkeypatch.setitem(experiment.PAIRS, "facts", lambda *_: [MIRA])
    evaluate_retriever(RunDir(tmp_path), DataConfig("world"), ExampleConfig(), config, tmp_path)
    [line] = RunDir(tmp_path).predictions("test").read_text().splitlines()
    assert json.loads(line)["scores"] == [0, 1, 0]
    assert "| persona_r1 " in RunDir(tmp_path).evaluation("test", "md").read_text()


class Listener(Oracle):
    """Knows of what fact a reply is where it says a word of it."""

    config = RetrieverConfig(finds="speaker")

    def score(self, contexts, facts):
        said = [context[-1].speech for context in contexts]
        return [np.float32([reply in fact for fact in some]) for reply, some in zip(said, facts, strict=True)]


def test_a_table_of_one_that_tells_speakers_apart():
    facts, people = ("I fear geese.", "I bake.", "I dig.", "I sing.", "I swim."), (2, 1, 2)
    said = {"geese": (0,), "bake": (1,), "dig": (), "I": (0,), "hm": ()}
    told = [pair(i, facts, gold, reply, people=people) for i, (reply, gold) in enumerate(said.items())]
    result, ranked = score_pairs(Listener(), "test", told, EvalConfig())
    assert {name: (m["value"], m["count"]) for name, m in result.metrics.items() if name.endswith("r1")} == {
        "speaker_r1": (0.4, 5),
        "speaker_own_r1": (pytest.approx(2 / 3), 3),
    }, "all alike count against it"
    names = {"speaker_r1", "speaker_mrr", "speaker_own_r1", "speaker_own_mrr"}
    assert result.metrics.keys() == names | {f"{name}_lead" for name in names}
    assert result.metrics["speaker_r1"]["low"] < 0.4 < result.metrics["speaker_r1"]["high"]
    assert set(result.baselines) == {"random", "bm25, last turn", "bm25, all turns"}
    assert result.baselines["bm25, last turn"]["speaker_r1"]["value"] == 0.4
    assert "who has more facts has more chances" in result.notes[0]
    assert [len(scores) for _, _, scores in ranked] == [5] * 5
