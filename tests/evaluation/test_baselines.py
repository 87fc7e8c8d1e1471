import dataclasses

import pytest

from persona_tf.episode import Character, Episode, Turn
from persona_tf.evaluation.baselines import Context, TrainingCounts, baselines, likelihood_baseline
from persona_tf.evaluation.candidates import Ranked
from persona_tf.evaluation.prediction_file import ScoredTarget, Swapped

ITEMS = (("persona/0", "My dog is called Rex."), ("persona/1", "I live in a tower."), ("object/0", "a lamp"))
SWAPPED = (("persona/0", "My dog is called Fido."), *ITEMS[1:])
QUESTION = "What is your dog called?"
COUNTS = TrainingCounts(
    replies={"hello there": 3, "good day": 2, "": 4},
    actions={"hug king": 2, "get lamp": 1, "get sword": 2, "": 9},
    emotes={"smile": 5, "frown": 1, "": 2},
    keys={"persona/1": 3, "persona/0": 1},
)


def asked(number):
    return ScoredTarget(
        id=f"e{number}/1",
        episode=f"e{number}",
        source="persona",
        value="Rex",
        decoys=("Fido", "Tom"),
        gold_reply="My dog is Rex.",
        gold_action="hit king",
        available_actions=("hug queen", "hit king", "get cup"),
        gold_emote="smile",
        swapped=Swapped("Fido", "Rex", "the model's"),
        missing="the model's Rex",
        knowledge_gold=("persona/0",),
        knowledge_texts=("My dog is called Rex.",),
        leant_on={"persona/0": 1.0},
        changed_nats={"persona_shuffled": 10.0},
        reply="the model's",
        action="hit king",
        action_generated="hit king",
        emote="smile",
        knowledge_chosen="persona/0",
        reply_nats=9.0,
        reply_tokens=3,
        reply_words=4,
        reply_bytes=14,
    )


CONTEXT = Context(ITEMS, ("Good day.", QUESTION), QUESTION, SWAPPED, (0, 2), ("Good day.", QUESTION), ("Good day.",))


def run(n=1, **changes):
    targets = [dataclasses.replace(asked(i), **changes) for i in range(n)]
    result = baselines(targets, [CONTEXT] * n, COUNTS)
    return {name: {m: v["value"] for m, v in metrics.items()} for name, metrics in result.items()}


def test_overlap_copies_the_item_that_was_asked_for():
    overlap = run()["overlap"]
    assert overlap["probe_persona_accuracy"] == 1
    assert overlap["probe_persona_swapped_accuracy"] == 1
    assert overlap["probe_persona_leak"] == 0
    assert overlap["probe_persona_missing_accuracy"] == 0
    assert overlap["knowledge_r1"] == overlap["knowledge_f1"] == 1
    assert overlap["leant_on_precision"] == overlap["leant_on_recall"] == 1, "dog, called"
    assert overlap["reply_f1"] == pytest.approx(2 * 4 / (5 + 4))
    assert "emote_accuracy" not in overlap


def test_repeat_says_the_question_and_does_nothing():
    repeat = run()["repeat"]
    assert repeat["probe_persona_accuracy"] == 0
    assert repeat["reply_f1"] == pytest.approx(2 * 2 / (5 + 4))  # dog, is
    assert repeat["knowledge_f1"] == pytest.approx(2 * 3 / (5 + 5))  # is, dog, called
    assert not [name for name in repeat if name.startswith(("action", "emote", "knowledge_r1", "leant_on"))]


def test_majority_follows_training():
    majority = run()["majority"]
    assert majority["emote_accuracy"] == 1
    assert majority["emote_decision_f1"] == 1  # most turns show something
    assert majority["action_accuracy"] == 0  # "get" is the most frequent verb among what can be done
    assert majority["action_decision_f1"] == 0  # most turns do nothing
    assert majority["knowledge_r1"] == 0
    assert majority["leant_on_precision"] == 1 / 4
    assert majority["leant_on_recall"] == 0
    assert run(gold_action="get cup")["majority"]["action_accuracy"] == 1
    assert run(gold_reply="Hello there!")["majority"]["reply_f1"] == 1


def test_of_actions_never_seen_the_verb_that_is_used_most_is_likeliest():
    counts = TrainingCounts(actions={"hug king": 5, "get lamp": 1, "get sword": 1})
    able = dataclasses.replace(asked(0), available_actions=("get cup", "hug queen"), gold_action="hug queen")
    assert baselines([able], [CONTEXT], counts)["majority"]["action_accuracy"]["value"] == 1


def test_random_is_chance():
    found = run(2000)["random"]
    assert found["action_accuracy"] == pytest.approx(1 / 3, abs=0.05)
    assert found["knowledge_r1"] == pytest.approx(1 / 3, abs=0.05)
    assert found["emote_accuracy"] == pytest.approx(1 / 22, abs=0.02)
    assert found["leant_on_precision"] == pytest.approx(1 / 4, abs=0.02)  # three items and a turn
    assert found["leant_on_recall"] == pytest.approx(1 / 4, abs=0.05)
    assert found["probe_persona_missing_accuracy"] == 0
    assert found["action_decision_f1"] == pytest.approx(2 / 3, abs=0.05)
    assert found["probe_persona_accuracy"] == pytest.approx(1 / 4, abs=0.05)
    assert found["probe_persona_swapped_accuracy"] == pytest.approx(1 / 4, abs=0.05)
    assert run(50) == run(50)


def test_a_gold_that_stands_first_profits_from_no_tie():
    found = run(600, available_actions=("hit king", "wave hat", "nod head"))
    assert found["overlap"]["action_accuracy"] == pytest.approx(1 / 3, abs=0.06)
    assert found["majority"]["action_accuracy"] == pytest.approx(1 / 3, abs=0.06)


def test_nothing_of_the_model_is_left():
    """Whatever the bot answered, the baselines are the same, and have no likelihood."""
    other = {
        "reply": "My dog is Rex.",
        "action": "get cup",
        "action_generated": "",
        "emote": "nod",
        "emote_generated": "",
        "swapped": Swapped("Fido", "Rex", "Fido"),
        "knowledge_chosen": "object/0",
        "reply_nats": 1.0,
        "missing": "It is Rex.",
        "changed_nats": {"persona_shuffled": 2.0},
        "leant_on": {"persona/0": 1.0},
    }
    found = run(3)
    assert found == run(3, **other)
    assert not [name for metrics in found.values() for name in metrics if name.endswith(("ppl", "byte", "gap"))]
    assert all(metrics["probe_persona_missing_accuracy"] == 0 for metrics in found.values())


def test_who_has_nothing_to_say_gets_no_figure():
    empty = baselines([asked(0)], [Context()], TrainingCounts())
    for metrics in empty.values():
        assert not [name for name in metrics if name.startswith(("reply", "probe", "knowledge", "leant_on"))]
    assert not [name for name in empty["majority"] if name.startswith("emote")]


def test_swapped_figures_need_swapped_items():
    context = dataclasses.replace(CONTEXT, swapped_items=(), swapped_history=())
    result = baselines([asked(0)], [context], COUNTS)
    assert "probe_persona_leak" not in result["overlap"]
    assert "probe_persona_leak" not in result["random"]
    assert "probe_persona_leak" in result["repeat"]


def test_what_was_said_is_swapped_too():
    told = dataclasses.replace(asked(0), source="history", swapped=Swapped("Moss", "Rex", ""))
    said = ("My dog is called Rex.", QUESTION)
    context = Context((), said, QUESTION, (), (0, 2), ("My dog is called Moss.", QUESTION))
    overlap = baselines([told], [context], COUNTS)["overlap"]
    assert overlap["probe_history_swapped_accuracy"]["value"] == 1
    assert overlap["probe_history_leak"]["value"] == 0


def test_candidates_are_ranked_by_chance_or_by_likeness():
    ranked = Ranked(("My dog is Rex.", "What is it called, your dog?", "I live where?"), (1.0, 2.0, 3.0), (4, 4, 4))
    found = run(300, ranked=ranked)
    assert found["random"]["reply_r1"] == pytest.approx(1 / 3, abs=0.09)
    assert found["random"]["reply_mrr"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3, abs=0.06)
    assert found["repeat"]["reply_mrr"] == 0.5, "the question is more like the second"
    assert found["overlap"]["reply_r1"] == 1, "of the first the persona has most"
    assert "reply_r1" not in found["majority"]


def test_likelihood_of_another_model():
    found = likelihood_baseline([asked(0), dataclasses.replace(asked(1), reply_tokens=0)], [2.0, 7.0], [4, 4])
    assert set(found) == {"reply_ppl", "reply_word_ppl", "reply_bits_per_byte"}
    assert found["reply_ppl"] == {"value": pytest.approx(2.718281828**0.5), "count": 1}
    shown = dataclasses.replace(asked(0), changed_nats={"persona_shuffled": 2.0, "facts_gold": 1.0, "facts_none": 3.0})
    found = likelihood_baseline([shown], [2.0], [4])
    assert set(found) - {"reply_ppl", "reply_word_ppl"} == {
        f"reply_{name}bits_per_byte" for name in ("", "facts_gold_", "facts_none_")
    }
    assert len({found[name]["value"] for name in found if name.endswith("byte")}) == 1, "it reads no facts"
    with pytest.raises(ValueError, match="1 targets, 0 nats"):
        likelihood_baseline([asked(0)], [], [])


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="got 0 for 1"):
        baselines([asked(0)], [], COUNTS)


def test_counts_are_of_learners():
    turns = (Turn(0, "hi", "hug king", "smile"), Turn(1, "hello", grounding=("persona/1",)), Turn(1, "hello"))
    episode = Episode("e", "test", None, (Character("a"), Character("b")), turns, learners=(1,))
    counts = TrainingCounts.of([episode])
    assert counts.replies == {"hello": 2}
    assert counts.actions == counts.emotes == {"": 2}
    assert counts.keys == {"persona/1": 1}
