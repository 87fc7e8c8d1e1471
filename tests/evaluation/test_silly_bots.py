"""Bots that understand nothing get what chance gives them, on the way that a real bot is scored, and no more."""

import dataclasses
import math
import random
import types

import numpy as np
import pytest

from persona_tf.chat.bot import Answer
from persona_tf.data.world.generator import episodes
from persona_tf.evaluation.baselines import TrainingCounts, baselines
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.evaluator import score_episodes
from persona_tf.evaluation.metrics.probes import holds, probe_right
from persona_tf.evaluation.metrics.ranking import gold_indices, gold_rank, hit, reciprocal_rank
from persona_tf.evaluation.metrics.words import Mean
from persona_tf.evaluation.report import GAPS, report
from persona_tf.evaluation.scoring import TargetScore
from persona_tf.example import EMOTE_LABELS, PARTNER, ExampleConfig
from persona_tf.learner import examples

DIALOGUES = 100
CONFIG = EvalConfig(batch_targets=1000, gaps=True, missing_probes=40, bootstrap_samples=0)


class Silly:
    """A bot, and its own scorer, whose replies a function of example and target makes; the rest is always the same."""

    def __init__(self, say):
        self.bundle = types.SimpleNamespace(example=ExampleConfig())
        self._say = say

    def answer(self, batch):
        return [[Answer(self._say(e, t), "", EMOTE_LABELS[1], _evenly(e, t), 1) for t in e.targets] for e in batch]

    def score(self, batch):
        """As likely as any other; nothing done; the first emote, the first item."""
        same = np.zeros(len(EMOTE_LABELS), np.float32)
        return [[TargetScore(1.0, 1, 1, True, 1.0, 1, 0.0, same, 0, -1) for _ in e.targets] for e in batch]

    def rank_actions(self, batch):
        return [dict.fromkeys(e.targets[0].available_actions, (1.0, 1)) for e in batch]


def _evenly(example, target):
    """Leans on all that there is to read alike."""
    keys = [item.key for item in example.items] + [turn.key for turn in example.history if turn.turn < target.turn]
    return dict.fromkeys(keys, 1 / len(keys))


def constant(example, target):
    return "Good day."


def copier(example, target):
    heard = [turn.speech for turn in example.history if turn.who == PARTNER and turn.turn < target.turn]
    return heard[-1] if heard else ""


def reciter(example, target):
    return persona(example)


def blind(example, target):
    """Knows which values there are to choose from, not which of them the persona names."""
    probe = target.probe
    options = sorted({probe.value, *probe.decoys} - {""}) if probe else []
    return random.Random(f"{example.id}/{target.turn}").choice(options) if options else "Hm."


def sees_all(example, target):
    return target.reply


def persona(example):
    return " ".join(item.text for item in example.items if item.kind == "persona")


@pytest.fixture(scope="module")
def world():
    return list(episodes("test", DIALOGUES))


@pytest.fixture(scope="module")
def asked(world):
    """Example and target of each persona probe."""
    cast = [e for episode in world for e in examples(episode, ExampleConfig())]
    return [(e, t) for e in cast for t in e.targets if t.probe and t.probe.source == "persona"]


@pytest.fixture(scope="module")
def scored(world):
    """Bot -> its targets and contexts."""
    found = {}
    for say in (constant, copier, reciter, blind, sees_all):
        bot = Silly(say)
        found[say] = score_episodes(bot, bot, world, CONFIG)
    return found


def values(scored, say):
    return {name: metric["value"] for name, metric in report(scored[say][0], 0).items()}


def as_chance_says(value, chances):
    """Whether ``value`` is a mean of throws of such chances, within four standard deviations."""
    mean = sum(chances) / len(chances)
    deviation = math.sqrt(sum(p * (1 - p) for p in chances)) / len(chances)
    return abs(value - mean) <= 4 * deviation


def test_who_says_what_is_right_is_right(scored):
    found = values(scored, sees_all)
    for name in ("reply_f1", "reply_corpus_bleu", "reply_rouge_L", "reply_exact"):
        assert found[name] == pytest.approx(1), name
    for source in ("persona", "setting", "history", "unanswerable"):
        assert found[f"probe_{source}_accuracy"] == 1
    for source in ("persona", "setting", "history"):
        assert found[f"probe_{source}_missing_accuracy"] == 1, "it needs no source"


def test_a_constant_selector_chooses_by_chance(scored):
    targets = scored[constant][0]
    found = values(scored, constant)
    acting = [t for t in targets if t.gold_action]
    assert len(acting) > 25
    assert as_chance_says(found["action_accuracy"], [1 / len(t.available_actions) for t in acting])
    able = [t for t in targets if t.available_actions]
    assert len(able) > len(acting)
    assert found["action_decision_f1"] == 2 * len(acting) / (len(acting) + len(able)), "it acts wherever it can"
    knowing = [(t, c) for t, c in zip(*scored[constant], strict=True) if t.knowledge_gold]
    chances = [len({k for k, _ in c.items} & set(t.knowledge_gold)) / len(c.items) for t, c in knowing]
    assert as_chance_says(found["knowledge_r1"], chances)
    assert found["emote_accuracy"] < 0.2


def test_a_constant_selector_of_replies_never_finds_the_gold_one_and_a_random_one_by_chance(scored):
    replies = sorted({t.gold_reply for t in scored[constant][0]})
    rng = random.Random(0)
    constant_hits, random_hits, ranks = [], [], []
    for gold in replies:
        candidates = [*rng.sample([r for r in replies if r != gold], 19), gold]
        rng.shuffle(candidates)
        true = gold_indices(candidates, gold)
        constant_hits.append(hit([0.5] * 20, true, 19))
        noise = [rng.random() for _ in candidates]
        random_hits.append((len(true), hit(noise, true, 1)))
        ranks.append(reciprocal_rank(noise, true))
        assert gold_rank([0.5] * 20, true) == 21 - len(true)
    assert sum(constant_hits) <= sum(n > 1 for n, _ in random_hits)
    assert as_chance_says(Mean.of(h for _, h in random_hits).value, [n / 20 for n, _ in random_hits])
    assert Mean.of(ranks).value == pytest.approx(sum(1 / k for k in range(1, 21)) / 20, abs=0.03)


@pytest.mark.parametrize("say", [constant, copier])
def test_a_constant_reply_and_the_question_itself_tell_nothing(scored, say):
    found = values(scored, say)
    for name in ("persona", "setting", "history"):
        for kind in ("accuracy", "swapped_accuracy", "missing_accuracy", "leak"):
            assert found[f"probe_{name}_{kind}"] == 0, (name, kind)
    assert found["knowledge_f1"] < 0.15
    assert found["probe_unanswerable_accuracy"] > 0.9, "they assert nothing"
    assert found["reply_f1"] < 0.15
    assert found["reply_corpus_bleu"] < 0.02


def test_the_copier_is_the_baseline_that_repeats(scored, world):
    targets, contexts = (part[:400] for part in scored[copier])
    repeat = baselines(targets, contexts, TrainingCounts.of(world))["repeat"]
    metrics = report(targets, 0)
    assert {name for name in metrics if name.startswith("probe_")} <= set(repeat)
    assert repeat == {name: metrics[name] for name in repeat}


def test_who_recites_its_whole_persona_is_below_who_draws_a_fact_of_it(scored, asked):
    """Where the persona holds another value of the type asked for it is wrong each time."""
    rivals = [sum(holds(persona(e), decoy) for decoy in t.probe.decoys) for e, t in asked]
    right = [probe_right(persona(e), t.probe.value, t.probe.decoys) for e, t in asked]
    found = values(scored, reciter)
    assert found["probe_persona_accuracy"] == sum(right) / len(right)
    assert sum(count > 0 for count in rivals) > 0.7 * len(asked)
    assert not any(r for r, count in zip(right, rivals, strict=True) if count)
    assert found["probe_persona_accuracy"] < 0.5 * Mean.of(1 / (1 + count) for count in rivals).value
    assert found["probe_persona_accuracy"] < 0.25
    assert found["probe_persona_swapped_accuracy"] < 0.25
    assert found["probe_setting_accuracy"] == found["probe_history_accuracy"] == 0
    assert found["reply_f1"] < 0.15


def test_without_a_persona_one_guesses_and_a_swap_goes_unseen(scored, asked):
    found = values(scored, blind)
    chances = [1 / (1 + len(set(t.probe.decoys) - {t.probe.value})) for _, t in asked]
    assert as_chance_says(found["probe_persona_accuracy"], chances)
    assert found["probe_persona_accuracy"] < 0.4
    again = [t for t in scored[blind][0] if t.swapped and t.source == "persona"]
    assert [t.swapped.reply for t in again] == [t.reply for t in again]
    assert found["probe_persona_swapped_accuracy"] == 0
    told = Mean.of(holds(t.reply, t.value) for t in again).value
    assert found["probe_persona_leak"] == pytest.approx(told), "what it says before it says after"
    guesses = [t for t in scored[blind][0] if t.missing is not None and t.source == "persona"]
    assert len(guesses) == 40
    assert [t.missing for t in guesses] == [t.reply for t in guesses]
    told = Mean.of(probe_right(t.reply, t.value, t.decoys) for t in guesses).value
    assert found["probe_persona_missing_accuracy"] == told > 0, "chance, seen"
    gaps = {name: value for name, value in found.items() if name.endswith("_gap")}
    no_retriever = {name for name in GAPS.values() if not name.startswith("reply_facts")}
    assert gaps == dict.fromkeys(no_retriever, 0), "all is as likely to it"


def test_who_copies_its_sources_has_nothing_to_say_without_them(scored, asked):
    found = values(scored, reciter)
    again = [t for t in scored[reciter][0] if t.missing is not None and t.source == "persona"]
    assert len(again) == 40
    assert not any(holds(t.missing, t.value) for t in again)
    assert any(holds(t.reply, t.value) for t in again)
    assert found["probe_persona_missing_accuracy"] == 0
    # It says each fact, the gold one too, and much else.
    assert found["knowledge_f1"] < 0.3
    exact = {e.id: {item.key: item.text for item in e.items} for e, _ in asked}
    for target in scored[reciter][0]:
        own = exact.get(target.episode + ":0") or exact.get(target.episode + ":1") or {}
        keys = [key for key in target.knowledge_gold if key in own]
        if own:
            assert target.knowledge_texts == tuple(own[key] for key in keys)


def test_who_leans_on_all_alike_has_the_precision_of_chance_and_finds_nothing(scored, world):
    targets, contexts = scored[constant]
    found = values(scored, constant)
    chances = [
        len({*t.knowledge_gold}) / (len(c.items) + len(c.history))
        for t, c in zip(targets, contexts, strict=True)
        if t.knowledge_gold
    ]
    assert found["leant_on_precision"] == pytest.approx(sum(chances) / len(chances), abs=1e-3)
    assert found["leant_on_recall"] < 0.02, "needed ones come last among equals"
    chance = baselines(targets, contexts, TrainingCounts.of(world))["random"]
    assert chance["leant_on_precision"]["value"] == pytest.approx(sum(chances) / len(chances), abs=0.02)
    assert chance["leant_on_recall"]["value"] == pytest.approx(sum(chances) / len(chances), abs=0.03)


def test_who_copies_all_but_the_persona_finds_no_fact_of_it(scored, world):
    targets, contexts = (part[:400] for part in scored[constant])

    def without(items):
        return tuple((key, text) for key, text in items if not key.startswith("persona/"))

    bare = [dataclasses.replace(c, items=without(c.items), swapped_items=without(c.swapped_items)) for c in contexts]
    counts = TrainingCounts.of(world)
    found = baselines(targets, bare, counts)
    whole = baselines(targets, contexts, counts)
    for name in ("random", "overlap"):
        assert found[name]["probe_persona_accuracy"]["value"] < 0.02
        assert found[name]["probe_persona_accuracy"]["value"] < whole[name]["probe_persona_accuracy"]["value"]
