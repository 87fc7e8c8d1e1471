import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.evaluation.candidates import Ranked
from persona_tf.evaluation.prediction_file import ScoredTarget, Swapped
from persona_tf.evaluation.report import FACTS, NAMES, ROLES, episode_sums, report


def target(number=0, episode="e", **fields):
    return ScoredTarget(id=f"{episode}/{number}", episode=episode, **fields)


def values(targets):
    return {name: metric["value"] for name, metric in report(targets, bootstrap_samples=0).items()}


def test_nothing_applies_to_nothing():
    assert report([]) == {}
    assert report([target()]) == {}


def test_likelihood_is_that_of_the_sum():
    targets = [
        target(0, reply_nats=6.0, reply_tokens=3, reply_words=2, reply_bytes=10),
        target(1, reply_nats=8.0, reply_tokens=2, reply_words=2, reply_bytes=10),
        target(2, action="hug"),
    ]
    metrics = report(targets)
    assert metrics["reply_ppl"] == {"value": pytest.approx(math.exp(14 / 5)), "count": 2}
    assert metrics["reply_word_ppl"]["value"] == pytest.approx(math.exp(14 / 4))
    assert metrics["reply_bits_per_byte"]["value"] == pytest.approx(14 / 20 / math.log(2))


def test_token_accuracy_is_that_of_all_tokens():
    likely = {"reply_nats": 1.0, "reply_words": 2, "reply_bytes": 9}
    known = [target(0, reply_tokens=3, reply_right=3, **likely), target(1, reply_tokens=5, reply_right=1, **likely)]
    metrics = report([*known, target(2, reply_tokens=9, **likely)])
    assert metrics["reply_token_accuracy"] == {"value": 0.5, "count": 2}, "of the third it is not known"


def test_replies_are_scored_where_there_is_a_gold_one():
    targets = [
        target(0, gold_reply="I am the king", reply="I am king"),
        target(1, gold_reply="yes", reply="no no"),
        target(2, gold_reply="", reply="never scored"),
    ]
    found = values(targets)
    assert found["reply_f1"] == pytest.approx(0.5)
    assert found["reply_intra_distinct_1"] == pytest.approx(0.75)
    assert found["reply_inter_distinct_2"] == pytest.approx(1.0)  # "i am", "am king", "no no"
    assert report(targets)["reply_inter_distinct_2"]["count"] == 2


def test_ranks_by_nats_and_by_nats_a_token():
    ranked = Ranked(("a", "The gold!", "b", "c", "d", "e"), (1.0, 6.0, 7.0, 8.0, 9.0, 6.0), (1, 12, 7, 8, 9, 6))
    found = values([target(gold_reply="the gold", ranked=ranked), target(1, gold_reply="a", ranked=ranked), target(2)])
    # The gold is third by nats, as another has as many; and first by nats a token. "a" is first, and then last but one.
    assert found["reply_r1"] == 0.5
    assert found["reply_r5"] == 1
    assert found["reply_mrr"] == pytest.approx((1 / 3 + 1) / 2)
    assert found["reply_r1_per_token"] == 0.5
    assert found["reply_r5_per_token"] == 0.5
    assert found["reply_mrr_per_token"] == pytest.approx((1 + 1 / 6) / 2)


@pytest.mark.parametrize("rank", [1, 2, 5, 6])
def test_of_five_best_the_fifth_is_one(rank):
    nats = tuple(float(place) for place in range(1, 8))
    ranked = Ranked(tuple("gold" if place == rank else f"no {place}" for place in range(1, 8)), nats, (1,) * 7)
    found = values([target(gold_reply="gold", ranked=ranked)])
    assert (found["reply_r1"], found["reply_r5"], found["reply_mrr"]) == (rank == 1, rank <= 5, 1 / rank)


def test_actions():
    targets = [
        target(0, gold_action="hug king", action="hug king", action_generated="hug king"),  # tp
        target(1, gold_action="hit king", action="hug king", action_generated=""),  # fn
        target(2, gold_action="", action="hug king", action_generated="hug king"),  # fp
        target(3, gold_action="", action="hug king", action_generated=""),
    ]
    metrics = report(targets)
    assert metrics["action_accuracy"] == {"value": 0.5, "count": 2}
    assert metrics["action_decision_f1"] == {"value": 0.5, "count": 4}
    assert "emote_accuracy" not in metrics


NODS = {"gold_action": "nod", "action": "bow", "action_per_token": "nod", "action_generated": ""}
HAND = (
    target(
        0,
        "e0",
        source="persona",
        value="Rex",
        decoys=("Fido",),
        gold_reply="My dog is Rex",
        reply="dog is Rex",
        gold_action="hug dog",
        action="hug dog",
        action_generated="hug dog",
        gold_emote="smile",
        emote="smile",
        swapped=Swapped("Fido", "Rex", "It is Fido"),
        missing="It is Rex",
        reply_nats=6.0,
        reply_tokens=3,
        reply_right=2,
        reply_words=4,
        reply_bytes=13,
        changed_nats={
            "persona_shuffled": 8.0,
            "persona_missing": 7.0,
            "history_missing": 6.5,
            "facts_gold": 5.5,
            "facts_found": 6.25,
            "facts_none": 7.75,
        },
        ranked=Ranked(("Hm.", "My dog is Rex", "No."), (7.0, 6.0, 4.5), (1, 3, 1)),
        knowledge_gold=("persona/0", "turn/2"),
        knowledge_texts=("My dog is called Rex",),
        knowledge_chosen="persona/0",
        leant_on={"persona/0": 0.5, "persona/1": 0.25, "turn/2": 0.125},
        said_by="self",
        gold_said_by="self",
        facts_gold=("turn/0 partner: I am a guard.", "turn/1 self: My dog is called Rex."),
        facts=("turn/0 partner: I am guard", "turn/1 partner: My dog is called Rex.", "turn/1 self: I fear geese."),
        made_up="",
    ),
    target(
        1,
        "e0",
        source="persona",
        value="Tam",
        decoys=("Bo",),
        gold_reply="Tam",
        reply="tam tam",
        gold_action="",
        action="hit dog",
        action_generated="hit dog",
        gold_emote="nod",
        emote="smile",
        swapped=Swapped("Bo", "Tam", "Tam"),
        reply_nats=8.0,
        reply_tokens=2,
        reply_words=1,
        reply_bytes=3,
        changed_nats={
            "persona_shuffled": 8.5,
            "setting_shuffled": 9.0,
            "setting_missing": 7.0,
            "history_shuffled": 8.0,
        },
        knowledge_gold=("persona/1",),
        knowledge_texts=("I fear geese", "My name is Tam"),
        knowledge_chosen="persona/0",
        leant_on={"persona/0": 0.5, "persona/1": 0.5},
        said_by="stranger",
        gold_said_by="self",
        facts=("turn/2 self: I am Tam.",),
        made_up="I am Bo.",
    ),
    target(
        2,
        "e1",
        source="setting",
        value="barn",
        gold_reply="in barn",
        reply="sea",
        said_by="partner",
        gold_said_by="self",
        swapped=Swapped("mill", "barn", "the barn of the mill"),
        missing="a barn or a sea",
    ),
    target(
        3,
        "e1",
        source="history",
        value="two",
        gold_reply="two",
        reply="two",
        **NODS,
        swapped=Swapped("six", "two", "six"),
        missing="no idea",
    ),
    target(
        4,
        "e1",
        source="unanswerable",
        decoys=("Rex",),
        gold_reply="who knows",
        reply="Rex",
        made_up_gold="My dog is called Rex.",
        made_up="My cat is called Rex.",
    ),
)
BY_HAND = {
    "reply_ppl": math.exp(14 / 5),
    "reply_word_ppl": math.exp(14 / 5),
    "reply_bits_per_byte": 14 / 16 / math.log(2),
    "reply_token_accuracy": 2 / 3,
    "reply_facts_gold_bits_per_byte": 5.5 / 13 / math.log(2),
    "reply_facts_found_bits_per_byte": 6.25 / 13 / math.log(2),
    "reply_facts_none_bits_per_byte": 7.75 / 13 / math.log(2),
    "reply_persona_gap": (2.0 + 0.5) / 5,
    "reply_persona_missing_gap": 1.0 / 3,
    "reply_setting_gap": 1.0 / 2,
    "reply_setting_missing_gap": -1.0 / 2,
    "reply_history_gap": 0.0,
    "reply_history_missing_gap": 0.5 / 3,
    "reply_facts_found_gap": 0.75 / 3,
    "reply_facts_none_gap": 1.5 / 3,
    "reply_f1": (6 / 7 + 2 / 3 + 0 + 1 + 0) / 5,
    "reply_exact": 1 / 5,
    # The first: all of 3, 2 and 1 n-grams, of no 4-gram 1e-12, one word too short. One word of two, no 2-gram of one,
    # and nothing of what is longer. The fourth has one word: nothing in the place of its longer n-grams.
    "reply_bleu_4": (math.exp(1 - 4 / 3) * 1e-12**0.25 + (0.5 * 1e-36) ** 0.25 + 1e-36**0.25) / 5,
    "reply_corpus_bleu": 0.0,  # no reply has four words; see test_corpus_bleu.py
    "reply_rouge_1": (6 / 7 + 2 / 3 + 0 + 1 + 0) / 5,
    "reply_rouge_2": (2 * (2 / 2 * 2 / 3) / (2 / 2 + 2 / 3)) / 5,
    "reply_rouge_L": (6 / 7 + 2 / 3 + 0 + 1 + 0) / 5,
    "reply_intra_distinct_1": (1 + 1 / 2 + 1 + 1 + 1) / 5,
    "reply_intra_distinct_2": (1 + 1 + 3 * 1e-7) / 5,
    "reply_inter_distinct_1": 6 / 8,  # dog is rex tam sea two; rex and tam came twice
    "reply_inter_distinct_2": 1.0,
    "reply_r1": 0.0,  # "No." costs less
    "reply_r5": 1.0,
    "reply_mrr": 1 / 2,
    "reply_r1_per_token": 1.0,
    "reply_r5_per_token": 1.0,
    "reply_mrr_per_token": 1.0,
    "action_accuracy": 1 / 2,
    "action_accuracy_per_token": 1 / 2,  # the other one
    "action_decision_f1": 2 / (2 + 1 + 1),
    "emote_accuracy": 1 / 2,
    "emote_decision_f1": 1.0,
    "reply_role_accuracy": 1 / 3,
    "reply_role_own_accuracy": 1 / 2,
    "knowledge_r1": 1 / 2,
    # dog is rex: 3 of 3 and of 5. tam tam: with "My name is Tam" 1 of 2 and of 4.
    "knowledge_f1": (2 * 3 / 8 + 2 * 1 / 6) / 2,
    "leant_on_precision": (0.625 + 0.5) / 2,
    "leant_on_recall": (1 / 2 + 0) / 2,  # one of the two largest; the tie counts against it
    "probe_persona_accuracy": 1.0,
    "probe_setting_accuracy": 0.0,
    "probe_history_accuracy": 1.0,
    "probe_unanswerable_accuracy": 0.0,
    "probe_persona_swapped_accuracy": 1 / 2,
    "probe_setting_swapped_accuracy": 0.0,
    "probe_history_swapped_accuracy": 1.0,
    "probe_persona_missing_accuracy": 1.0,
    "probe_setting_missing_accuracy": 1.0,
    "probe_history_missing_accuracy": 0.0,
    "probe_persona_leak": 1 / 2,
    "probe_setting_leak": 1.0,
    "probe_history_leak": 0.0,
    # Of four written down one is right: another owner, another fact, and one that nobody stated are not.
    "facts_precision": 1 / 4,
    "facts_recall": 1 / 2,
    "facts_f1": 2 / (4 + 2),
    "facts_made_up": 1.0,
    "facts_made_up_needlessly": 1 / 2,
}


def test_every_metric_by_hand():
    found = values(HAND)
    assert list(found) == list(NAMES) == list(BY_HAND)
    assert found == {name: pytest.approx(value, rel=1e-9, abs=1e-12) for name, value in BY_HAND.items()}


def test_what_a_bot_cannot_do_is_no_zero():
    """A foreign bot that only talks, one that only acts, and one that is silent."""
    talks = [
        ScoredTarget(t.id, t.episode, gold_reply="a b", reply="c", gold_action="hug", gold_emote="nod") for t in HAND
    ]
    assert {name.partition("_")[0] for name in report(talks)} == {"reply"}
    acts = [
        ScoredTarget(t.id, t.episode, "persona", value="b", gold_reply="b", gold_action="x", action="x") for t in HAND
    ]
    assert {name.partition("_")[0] for name in report(acts)} == {"action"}
    silent = [dataclasses.replace(t, reply="", swapped=None) for t in HAND]
    assert {name.partition("_")[0] for name in report(silent)} == {
        *("reply", "action", "emote", "facts", "knowledge", "leant")
    }
    assert "knowledge_f1" not in report(silent)
    ranks = [name for name in NAMES if name.startswith(("reply_r1", "reply_r5", "reply_mrr"))]
    assert [name for name in report(silent) if name.startswith("reply")] == [*NAMES[:15], *ranks]


def test_what_a_file_does_not_say_is_no_zero():
    """Of each of choice and decision some files hold one only."""
    asked = {"gold_action": "hug", "gold_emote": "nod"}
    chosen = [target(i, action="hug", emote="nod", **asked) for i in range(2)]
    assert values(chosen) == {"action_accuracy": 1, "emote_accuracy": 1, "emote_decision_f1": 1}
    decided = [target(i, action_generated="hug", emote_generated="nod", **asked) for i in range(2)]
    assert values(decided) == {"action_decision_f1": 1, "emote_decision_f1": 1}


def test_what_was_asked_of_another_bot_alone_is_no_zero():
    """Who would say the gold replies and what the turns state, a file of references says."""
    asked = {"gold_said_by": "self", "facts_gold": ("turn/0 self: I bake.",), "gold_reply": "a"}
    assert {name.partition("_")[0] for name in report([target(0, reply="b", **asked)])} == {"reply"}
    assert not {*ROLES, *FACTS} & report([target(0, reply="b", **asked)]).keys()
    some = [target(0, reply="b", **asked), target(1, reply="b", said_by="self", facts=asked["facts_gold"], **asked)]
    assert values(some).items() >= {"reply_role_accuracy": 1 / 2, "facts_recall": 1 / 2}.items()


def test_replies_without_a_pair_of_words_have_no_distinct_pairs():
    found = report([target(0, gold_reply="yes", reply="no")])
    assert found["reply_inter_distinct_1"]["value"] == 1
    assert "reply_inter_distinct_2" not in found


def test_nats_that_are_no_number_are_said_and_spoil_no_other_figure(recwarn):
    targets = random_targets(0, episodes=5)
    spoilt = [dataclasses.replace(targets[0], reply_nats=math.nan), *targets[1:]]
    before, after = report(targets, 50), report(spoilt, 50)
    for name, metric in after.items():
        if name in ("reply_ppl", "reply_word_ppl", "reply_bits_per_byte"):
            assert math.isnan(metric["value"])
            assert set(metric) == {"value", "count"}
        else:
            assert metric == before[name]
    only = report([target(0, "a", reply_nats=math.nan, reply_tokens=1), target(0, "b", reply_nats=1.0, reply_tokens=1)])
    assert math.isnan(only["reply_ppl"]["value"])
    assert not recwarn


def test_decisions_are_left_out_where_nobody_ever_acts():
    assert "action_decision_f1" not in report([target(action_generated="hug king")])


def test_emotes_are_chosen_and_decided_apart():
    targets = [
        target(0, gold_emote="smile", emote="smile"),
        target(1, gold_emote="frown", emote="smile", emote_generated=""),
        target(2, gold_emote="", emote="smile", emote_generated=""),
    ]
    metrics = report(targets)
    assert metrics["emote_accuracy"] == {"value": 0.5, "count": 2}
    assert metrics["emote_decision_f1"] == {"value": pytest.approx(2 / 3), "count": 3}


def test_knowledge_has_several_right_answers_and_applies_to_bots_that_choose():
    gold = ("persona/0", "persona/2")
    targets = [target(i, knowledge_gold=gold, knowledge_chosen=f"persona/{i}") for i in range(3)]
    targets.append(target(3, knowledge_chosen="persona/0"))
    assert report(targets)["knowledge_r1"] == {"value": pytest.approx(2 / 3), "count": 3}
    assert report([target(knowledge_gold=gold)]) == {}


def test_knowledge_f1_takes_the_best_of_several_items_and_no_turns():
    texts = ("My dog is called Rex.", "I live in a tower.")
    targets = [
        target(0, reply="I live here.", knowledge_gold=("persona/0", "persona/1"), knowledge_texts=texts),
        target(1, reply="Rex", knowledge_gold=("turn/2",)),
    ]
    assert report(targets)["knowledge_f1"] == {"value": pytest.approx(2 * 2 / (3 + 4)), "count": 1}


def test_what_was_leant_on_applies_to_bots_that_lean():
    gold = ("persona/0", "turn/2")
    leaning = [
        target(0, knowledge_gold=gold, leant_on={"turn/2": 0.5, "persona/0": 0.25, "object/0": 0.25}),
        target(1, knowledge_gold=gold),
        target(2, leant_on={"object/0": 1.0}),
    ]
    found = report(leaning)
    assert found["leant_on_precision"] == {"value": 0.75 / 2, "count": 2}
    assert found["leant_on_recall"] == {"value": 0.5 / 2, "count": 2}, "the tie counts against it"
    assert report([target(knowledge_gold=gold)]) == {}


def test_a_gap_is_over_the_replies_that_the_change_touches():
    targets = [
        target(0, "a", reply_nats=4.0, reply_tokens=4, changed_nats={"setting_missing": 6.0}),
        target(0, "b", reply_nats=9.0, reply_tokens=1),
    ]
    assert report(targets, 0)["reply_setting_missing_gap"] == {"value": 0.5, "count": 1}


def test_a_probe_without_its_source_is_right_by_chance_and_an_unanswerable_one_has_none():
    asked = {"value": "Rex", "decoys": ("Fido",), "reply": "Rex"}
    targets = [
        target(0, source="history", missing="Rex", **asked),
        target(1, source="history", missing="", **asked),
        target(2, source="history", missing="Rex or Fido", **asked),
        target(3, source="history", **asked),
        target(4, source="unanswerable", missing="Rex", decoys=("Fido",), reply="Hm."),
    ]
    found = report(targets, 0)
    assert found["probe_history_missing_accuracy"] == {"value": pytest.approx(1 / 3), "count": 3}
    assert [name for name in found if "missing" in name] == ["probe_history_missing_accuracy"]


def test_probes_by_source():
    asked = {"value": "Rex", "decoys": ("Fido", "Tom")}
    targets = [
        target(0, source="persona", reply="It is Rex.", **asked),
        target(1, source="persona", reply="It is Fido.", **asked),
        target(2, source="setting", reply="Rex and Tom", **asked),
        target(3, source="history", reply="rex", **asked),
        target(4, source="unanswerable", reply="I do not know.", decoys=("Rex", "Fido")),
    ]
    assert values(targets) == {
        "probe_persona_accuracy": 0.5,
        "probe_setting_accuracy": 0.0,
        "probe_history_accuracy": 1.0,
        "probe_unanswerable_accuracy": 1.0,
    }


def test_swapped_persona_and_its_leak():
    def swapped(number, reply):
        swap = Swapped(value="Fido", old_value="Rex", reply=reply)
        return target(number, source="persona", value="Rex", decoys=("Fido", "Tom"), reply="Rex", swapped=swap)

    # the new value was a decoy before; the old one has become one
    found = values([swapped(0, "Fido!"), swapped(1, "Rex"), swapped(2, "Rex, no, Fido"), swapped(3, "Tom")])
    assert found["probe_persona_swapped_accuracy"] == 0.25
    assert found["probe_persona_leak"] == 0.5
    assert found["probe_persona_accuracy"] == 1.0


def test_each_source_counts_what_was_swapped_in_it():
    swap = Swapped("sea", "barn", "sea")
    found = values([target(source="setting", value="barn", reply="barn", swapped=swap)])
    probes = {name: value for name, value in found.items() if name.startswith("probe")}
    assert probes == {"probe_setting_accuracy": 1, "probe_setting_swapped_accuracy": 1, "probe_setting_leak": 0}


def random_targets(seed, episodes=40, accuracy=0.5):
    rng = np.random.default_rng(seed)
    return [
        target(
            turn,
            f"e{episode}",
            gold_action="hug",
            action="hug" if rng.random() < accuracy else "hit",
            gold_reply="good day sir",
            reply="good day",
            reply_nats=float(rng.uniform(5, 15)),
            reply_tokens=4,
            reply_words=3,
            reply_bytes=12,
        )
        for episode in range(episodes)
        for turn in range(int(rng.integers(1, 6)))
    ]


def test_intervals_surround_the_value_and_follow_the_seed():
    targets = random_targets(0)
    metrics = report(targets, bootstrap_samples=500)
    for name, metric in metrics.items():
        if name.startswith("reply_inter_distinct"):
            assert set(metric) == {"value", "count"}
        else:
            assert metric["low"] <= metric["value"] + 1e-9, name
            assert metric["high"] >= metric["value"] - 1e-9, name
    assert 0.1 < metrics["action_accuracy"]["high"] - metrics["action_accuracy"]["low"] < 0.3
    assert metrics["reply_f1"]["low"] == pytest.approx(metrics["reply_f1"]["high"])
    assert report(targets, bootstrap_samples=500) == metrics
    assert report(targets, bootstrap_samples=500, seed=1) != metrics
    assert [name for name in NAMES if name in metrics] == list(metrics)


def test_corpus_bleu_is_resampled_with_the_others():
    targets = [
        target(0, f"e{i}", gold_reply="good day to you sir knight", reply=reply)
        for i, reply in enumerate(["good day to you sir knight"] * 10 + ["who is it that you ask for"] * 10)
    ]
    metrics = report(targets, bootstrap_samples=300)
    whole = metrics["reply_corpus_bleu"]
    assert 0.2 < whole["low"] < whole["value"] < whole["high"] < 0.9
    same = [dataclasses.replace(t, reply=t.gold_reply) for t in targets]
    assert report(same, 50)["reply_corpus_bleu"] == {
        name: pytest.approx(value) for name, value in {"value": 1, "count": 20, "low": 1, "high": 1}.items()
    }


def test_what_one_dialogue_has_has_no_interval():
    one = target(0, "a", gold_reply="a b", reply="a b", source="persona", value="b")
    assert "low" not in report([one])["reply_f1"]
    found = report(
        [one, target(0, "b", gold_reply="a b", reply="a c"), target(0, "c", gold_action="hug", action="hug")]
    )
    assert found["reply_f1"]["low"] < found["reply_f1"]["high"]
    for name in ("probe_persona_accuracy", "action_accuracy"):
        assert found[name] == {"value": 1, "count": 1}, "else it would be as sure as can be"
    assert "low" in found["reply_corpus_bleu"]
    assert "low" not in report([one, target(0, "c", reply="x")])["reply_corpus_bleu"]


@given(st.integers(1, 39))
def test_sums_of_parts_are_the_sum_of_all(cut):
    targets = random_targets(3)
    parts = [[t for t in targets if (int(t.episode[1:]) < cut) is is_first] for is_first in (True, False)]
    whole = episode_sums(targets)
    sums = [episode_sums(part) for part in parts]
    assert sums[0].names == sums[1].names == whole.names
    assert np.concatenate([s.numerators for s in sums]) == pytest.approx(whole.numerators)
    assert np.concatenate([s.denominators for s in sums]) == pytest.approx(whole.denominators)


@pytest.mark.parametrize(
    ("made_up", "could"),
    [
        ("My dog is Fido.", 1.0),
        ("I call him Rex the Great!", 1.0),
        ("My dog is Wuffel.", 1.0),
        ("My dog is .", 0.0),
        ("My cat is Wuffel.", 0.0),
        ("", 0.0),
    ],
    ids=[
        "another known name",
        "a known name put otherwise",
        "a name nobody knows",
        "none",
        "something else",
        "nothing",
    ],
)
def test_what_is_made_up_could_answer(made_up, could):
    one = target(0, gold_reply="x", made_up=made_up, made_up_gold="My dog is Rex.", decoys=("Rex", "Fido", "Re"))
    assert report([one])["facts_made_up"]["value"] == could
