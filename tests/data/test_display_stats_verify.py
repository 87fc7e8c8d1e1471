import dataclasses
import io
import json
import pickle

import pytest

from persona_tf.data.display import display, script
from persona_tf.data.stats import stats, stats_table
from persona_tf.data.verify import episode_problems, verify
from persona_tf.episode import Aside, Character, Episode, Fact, Probe, Setting, Swap, Thing, Turn

PROBE = Probe("persona", "pet", "Rex", ("Tom", "Max"), Swap("persona/0", "My dog is Tom.", "Tom"))
EPISODE = Episode(
    "e/0",
    "demo",
    Setting("Mill", "Countryside", ("It turns.",), (Thing("a sack", "Patched."),), ("a mouse",)),
    (Character("Tam"), Character("Mira", (Fact("My dog is Rex."),), wearing=(Thing("a hat"),))),
    (
        Turn(0, "Your dog's name, please?"),
        Turn(
            1,
            "It is Rex!",
            "hug dog",
            "smile",
            ("hug dog", "hit dog"),
            grounding=("persona/0", "turn/0"),
            probe=PROBE,
        ),
    ),
    (1,),
)

ASIDE = Aside(0, Turn(0, "Whose hat?"), Turn(1, "Mine.", emote="grin", grounding=("wearing/0", "turn/0")))

SCRIPT = """\
=== e/0
Mill, Countryside
  It turns.
  There is:
    a sack: Patched.
  Also here: a mouse
Tam:
Mira:
  My dog is Rex.
  wearing: a hat

   0 Tam: Your dog's name, please?
>  1 Mira: It is Rex! *hug dog* (smile)
       could: hug dog | hit dog
       draws on: persona/0, turn/0
       probe: persona/pet = 'Rex', not 'Tom', 'Max'; with 'My dog is Tom.' at persona/0: 'Tom'"""


def test_an_episode_as_a_script():
    assert script(EPISODE) == SCRIPT


def test_asides_come_after_it():
    lines = script(dataclasses.replace(EPISODE, asides=(ASIDE,))).removeprefix(SCRIPT).splitlines()
    assert lines[1:] == [
        "   0 aside: Whose hat?",
        ">    Mira: Mine. (grin)",
        "       draws on: wearing/0, turn/0",
    ]


def test_display_stops_after_n():
    out = io.StringIO()
    assert display(iter([EPISODE] * 5), 2, out) == 2
    assert out.getvalue() == (SCRIPT + "\n\n") * 2
    nameless = dataclasses.replace(EPISODE, setting=None, characters=(Character(""), Character("")))
    assert "partner: Your dog" in script(nameless)


def test_stats_word_for_word():
    figures = stats([EPISODE])
    assert figures == {
        "dialogues": 1,
        "turns": 2,
        "targets": 1,
        "targets_with_speech": 1,
        "asides": 0,
        "turns_per_dialogue": 2.0,
        "words_per_turn": 3.5,
        "vocabulary_words": 7,
        "facts_per_persona": 1.0,
        "knowledge_items_per_learner": 8.0,
        "share_with_action": 1.0,
        "share_with_emote": 1.0,
        "share_with_grounding": 1.0,
        "share_with_candidates": 0.0,
        "available_actions_per_target": 2.0,
        "probes": 1,
        "probes_persona": 1,
    }
    assert json.loads(json.dumps(figures)) == figures


def test_knowledge_items_are_counted_as_an_example_shows_them():
    from persona_tf.example import ExampleConfig
    from persona_tf.learner import examples

    (example,) = examples(EPISODE, ExampleConfig())
    assert stats([EPISODE])["knowledge_items_per_learner"] == len(example.items)


def test_stats_of_nothing_and_their_table():
    empty = stats([])
    assert set(empty.values()) == {0}
    lines = stats_table({"train": stats([EPISODE]), "valid": empty}).splitlines()
    assert lines[0].split() == ["train", "valid"]
    assert lines[1].split() == ["dialogues", "1", "0"]
    assert lines[-1].split() == ["probes_persona", "1", "-"]


def test_a_good_episode_has_no_problem():
    assert list(episode_problems(EPISODE)) == []
    assert list(episode_problems(dataclasses.replace(EPISODE, asides=(ASIDE,)))) == []


def aside(at=0, question=ASIDE.question, **answer):
    return dataclasses.replace(EPISODE, asides=(Aside(at, question, dataclasses.replace(ASIDE.answer, **answer)),))


def changed(**fields):
    return dataclasses.replace(EPISODE, turns=(EPISODE.turns[0], dataclasses.replace(EPISODE.turns[1], **fields)))


@pytest.mark.parametrize(
    ("episode", "kind"),
    [
        (dataclasses.replace(EPISODE, learners=()), "no turn of a learner"),
        (aside(at=2), "an aside at a place that there is not"),
        (aside(speaker=0), "an aside that is no talk of the two"),
        (aside(emote="twerk"), "an emote that is none of the 22"),
        (aside(grounding=("turn/1",)), "a key that leads nowhere"),
        (aside(question=Turn(0)), "a turn in which nothing is said, done or shown"),
        (changed(speaker=2), "a speaker that is neither 0 nor 1"),
        (changed(grounding=("persona/1",)), "a key that leads nowhere"),
        (changed(knows=("persona/0", "persona/1")), "a key that leads nowhere"),
        (changed(knows=("object/0", "persona/2")), "a turn that draws on what its speaker does not know"),
        (changed(grounding=("turn/1",)), "a key that leads nowhere"),
        (changed(probe=dataclasses.replace(PROBE, swap=Swap("turn/7", "", ""))), "a key that leads nowhere"),
        (changed(action="kiss dog"), "an action that is not among the available ones"),
        (changed(emote="twerk"), "an emote that is none of the 22"),
        (changed(candidates=("No.",)), "a reply that is not among its candidates"),
        (changed(speech="It is Tom!"), "a reply without the value of its probe"),
        (changed(probe=Probe("oracle", "pet", "Rex")), "a probe of unknown source 'oracle'"),
        (changed(probe=Probe("persona", "pet", "")), "a probe whose value and source do not go together"),
        (changed(probe=Probe("persona", "pet", "Rex", ("Rex",))), "a probe whose value is among its decoys"),
        (
            changed(speech="", action="", emote="", probe=None),
            "a turn in which nothing is said, done or shown",
        ),
    ],
)
def test_each_problem_is_found(episode, kind):
    assert kind in [found for found, _ in episode_problems(episode)]


def test_the_labels_of_another_source_are_no_problem_there():
    happy = changed(emote="happiness")
    assert [kind for kind, _ in episode_problems(happy)] == ["an emote that is none of the 22"]
    assert list(episode_problems(happy, ("anger", "happiness"))) == []
    assert [kind for kind, _ in episode_problems(EPISODE, ("anger", "happiness"))] == ["an emote that is none of the 2"]


SMALL = {"check_hash": False, "splits": "proportional"}


def test_verify_of_a_small_light(light_dir):
    assert verify("light", light_dir, SMALL) == []


def test_verify_tells_hashes_bad_dialogues_and_counts_each_kind_once(light_dir):
    (light_dir / "light" / "light_environment.pkl").unlink()
    problems = verify("light", light_dir)
    assert sum("expected SHA-256" in p for p in problems) == len(problems) - 1 == 2
    assert sum("light_environment.pkl is missing" in p for p in problems) == 1
    path = light_dir / "light" / "light_unseen_data.pkl"
    data = pickle.loads(path.read_bytes())
    for dialogue in data[:2]:
        dialogue["action"] = ["fly away"] * len(dialogue["speech"])
    path.write_bytes(pickle.dumps([*data, 3]))
    turns = len(data[0]["speech"]) + len(data[1]["speech"])
    first, second = verify("light", light_dir, SMALL, splits=["test_unseen"])[1:]
    assert first.startswith(f"light test_unseen: an action that is not among the available ones: {turns:,} (first: ")
    assert "1 skipped" in second


def test_verify_compares_published_sizes(tmp_path):
    (tmp_path / "convai2").mkdir()
    (tmp_path / "convai2" / "valid_self_original.txt").write_text("1 hi\tho\n", encoding="utf-8")
    missing, size = verify("convai2", tmp_path)
    assert "train_self_original" in missing
    assert size == "convai2 valid: 1 dialogues where 1,000 are published"
