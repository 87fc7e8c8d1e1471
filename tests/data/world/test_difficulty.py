from collections import Counter

import pytest

from persona_tf import config
from persona_tf.data.world import chat
from persona_tf.data.world.difficulty import difficulty, lexicon_stats, stats
from persona_tf.data.world.generator import episodes
from persona_tf.data.world.lexicon import load
from persona_tf.data.world_cache import world_config
from persona_tf.episode import Character, Episode, Fact, Probe, Turn


@pytest.fixture(scope="module")
def sample():
    return list(episodes("test", 400))


@pytest.mark.parametrize(
    ("shortcut", "most"),
    [
        ("overlap_copier", 0.5),
        ("overlap_copier_content", 0.5),
        ("type_guesser", 0.5),
        ("no_source", 0.05),
        ("majority_action", 0.3),
        ("majority_verb", 0.3),
        ("majority_emote", 0.3),
    ],
)
def test_shortcuts_do_not_pay(sample, shortcut, most):
    assert difficulty(sample)[shortcut] <= most


def test_there_is_enough_of_everything(sample):
    found = stats(sample)
    assert found["slots"] >= 30
    for kind in ("question", "fact", "answer"):
        assert found[f"least_{kind}s"] >= 15
        assert found[f"least_unseen_{kind}s"] >= 5
    assert found["decoys"] >= 2
    assert found["available_actions"] >= 8
    assert 11 <= found["turns"] <= 13
    assert 3 <= found["probes"] <= 5
    assert found["two_facts"] > 0.05
    assert found["with_action"] > 0.08
    assert found["with_swap"] > 0.7
    assert all(found[f"history_distance/{d}"] > 0 for d in range(1, 13))
    shares = [found[f"probes/{source}"] for source in Probe.SOURCES]
    assert shares == pytest.approx([0.4, 0.25, 0.25, 0.1], abs=0.05)


def test_no_slot_is_seldom_asked():
    asked = Counter(turn.probe.slot for e in episodes("train", 1200) for turn in e.turns if turn.probe)
    slots = {*load().slots, *chat.slots()}
    assert set(asked) == slots
    assert min(asked.values()) >= 8
    assert max(asked.values()) <= 180


def test_the_test_of_unseen_things_is_as_hard():
    assert all(value <= 0.5 for value in difficulty(episodes("test_unseen", 100)).values())


def test_baselines_on_a_dialogue_by_hand():
    probe = Probe("persona", "pet_name", "Rex", ("Tom",))
    bot = Character("Ada", (Fact("My dog is called Rex."), Fact("Tom is my cat.")))
    turns = (Turn(0, "How is your dog called?"), Turn(1, "Rex.", "hug Bob", "smile", probe=probe))
    easy = Episode("e", "x", None, (Character("Bob"), bot), turns, learners=(1,))
    found = difficulty([easy, easy])
    assert found["overlap_copier"] == found["no_source"] == found["majority_emote"] == 1.0
    assert found["type_guesser"] == 0.5
    told = Turn(0, "How is your cat called? How is your dog called?")
    hard = Episode("e", "x", None, (Character("Bob"), bot), (told, Turn(1, "Well."), *turns), learners=(1,))
    assert difficulty([hard])["overlap_copier"] == 0.0


def test_lexicon_stats_count_the_poorest_slot():
    assert lexicon_stats()["slots"] >= 30


def test_the_core_of_quickstart_is_hard_enough_too():
    core = world_config(config.load("quickstart").data.options)
    found = list(episodes("test", 200, config=core))
    measured = difficulty(found)
    for shortcut in ("overlap_copier", "overlap_copier_content", "type_guesser"):
        assert measured[shortcut] <= 0.5, shortcut
    assert measured["no_source"] <= 0.05
    for shortcut in ("majority_action", "majority_verb", "majority_emote"):
        assert measured[shortcut] <= 0.3, shortcut
    assert stats(found)["available_actions"] >= 8
    lexicon = lexicon_stats(core)
    assert lexicon["slots"] >= 30
    for kind in ("questions", "facts", "answers"):
        assert lexicon[f"least_{kind}"] >= 15
        assert lexicon[f"least_unseen_{kind}"] >= 5
