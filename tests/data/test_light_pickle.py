import pickle
import random

import pytest

from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.light_pickle import bare_name, light_episode, read_light, split_indices
from persona_tf.data.skips import Skips
from persona_tf.episode import Character, Fact, Setting, Thing, Turn

SMALL = {"check_hash": False, "splits": "proportional"}


def dialogue():
    return {
        "agents": [
            {"name": "sea witch", "persona": "I brew potions. I hate knights!"},
            {"name": "mermaid", "persona": "I like dolphins."},
        ],
        "setting": {
            "name": "Turquoise Shore",
            "category": "Shore",
            "description": "A beautiful shore. It is full of gems.",
            "background": "Ships sank here.",
        },
        "all_descriptions": {
            "a trident": "The trident is rusty.",
            "a gem": None,
            "a mermaid": "I like dolphins.",
        },
        "character": ["sea witch", "mermaid", "sea witch"],
        "speech": [" Hey there!", "Long time.", "Yes."],
        "action": [None, "get trident", None],
        "emote": [None, None, "Laugh"],
        "available_actions": [["hug mermaid"], ["get trident", "hug sea witch"], None],
        "room_objects": [["a trident", "a gem"], ["a gem"], ["a gem"]],
        "room_agents": [["a mermaid", "the sea witch", "a crab"], [], []],
        "carrying": [[], ["a gem"], ["a trident"]],
        "wearing": [["a cloak"], None, None],
        "wielding": [None, None, ["The Trident"]],
        "context": [None] * 3,
        "score": [None] * 3,
    }


def test_a_dialogue_word_for_word():
    skips = Skips()
    episode = light_episode(dialogue(), "light/test/7", skips)
    assert episode.id == "light/test/7"
    assert episode.setting == Setting(
        "Turquoise Shore",
        "Shore",
        ("A beautiful shore.", "It is full of gems.", "Ships sank here."),
        (Thing("a trident", "The trident is rusty."), Thing("a gem")),
        ("a crab",),
    )
    assert episode.characters == (
        Character(
            "sea witch",
            (Fact("I brew potions."), Fact("I hate knights!")),
            wearing=(Thing("a cloak"),),
            wielding=(Thing("The Trident", "The trident is rusty."),),
        ),
        Character("mermaid", (Fact("I like dolphins."),), carrying=(Thing("a gem"),)),
    )
    assert episode.turns == (
        Turn(0, "Hey there!", available_actions=("hug mermaid",)),
        Turn(1, "Long time.", "get trident", available_actions=("get trident", "hug sea witch")),
        Turn(0, "Yes.", emote="laugh"),
    )
    assert episode.learners == (0, 1)
    assert skips.count == 0


def test_only_what_is_needed_may_be_missing():
    episode = light_episode({"agents": [{}, {"name": None, "persona": None}], "speech": ["Hi"]}, "x", Skips())
    assert episode.setting is None
    assert episode.characters == (Character(""), Character(""))
    assert episode.turns == (Turn(0, "Hi"),)


def test_a_silent_turn_is_left_out_and_the_speakers_stay():
    data = dialogue() | {"speech": [None, "Long time.", "Yes."]}
    assert [turn.speaker for turn in light_episode(data, "x", Skips()).turns] == [1, 0]


def test_an_unknown_emote_is_counted_and_left_out():
    skips = Skips()
    episode = light_episode(dialogue() | {"emote": ["twerk", None, None]}, "light/test/7", skips)
    assert episode.turns[0].emote == ""
    assert "light/test/7 key 'emote' turn 0: 'twerk'" in skips.report()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"speech": None}, "key 'speech': expected list, found NoneType"),
        ({"speech": []}, "key 'speech': no turn"),
        ({"speech": ["a", 5, "b"]}, "key 'speech' turn 1: expected text or None, found int"),
        ({"speech": [None] * 3, "action": None, "emote": None}, "nothing is said"),
        ({"action": ["hug"]}, "key 'action': 1 entries for 3 turns"),
        ({"agents": [{}]}, "key 'agents': expected two dicts"),
        ({"setting": "a shore"}, "key 'setting': expected dict, found str"),
        ({"room_objects": ["a gem"] * 3}, "key 'room_objects': expected a list of texts"),
    ],
)
def test_a_bad_dialogue_names_its_key(change, named):
    with pytest.raises(DataError, match=named):
        light_episode(dialogue() | change, "x", Skips())


def test_the_official_split():
    shuffled = list(range(1368, 4733))
    random.Random(42).shuffle(shuffled)
    parts = {split: split_indices(10_038, split) for split in ("train", "valid", "test")}
    assert {split: len(part) for split, part in parts.items()} == {"train": 8538, "valid": 500, "test": 1000}
    assert set(parts["test"]) == set(shuffled[:1000])
    assert set(parts["valid"]) == set(shuffled[1000:1500])
    assert sorted(i for part in parts.values() for i in part) == list(range(10_038))
    # Golden: a change of Python's shuffle would change the split.
    assert parts["test"][:4] == GOLDEN_TEST
    assert parts["valid"][:4] == GOLDEN_VALID


GOLDEN_TEST = [1368, 1373, 1375, 1377]
GOLDEN_VALID = [1371, 1384, 1402, 1422]


def test_a_small_file_is_refused_by_the_official_rule_and_split_by_the_other(light_dir):
    with pytest.raises(DataError, match=r"need 4,733 dialogues, found 40.*splits='proportional'"):
        list(read_light("train", light_dir, check_hash=False))
    sizes = {split: len(list(read_light(split, light_dir, **SMALL))) for split in ("train", "valid", "test")}
    assert sizes == {"train": 34, "valid": 2, "test": 4}
    ids = [e.id.split("/")[-1] for split in sizes for e in read_light(split, light_dir, **SMALL)]
    assert sorted(ids, key=int) == [str(i) for i in range(40)]
    assert len(list(read_light("test_unseen", light_dir, **SMALL))) == 8


def test_the_hash_is_checked_by_default(light_dir):
    with pytest.raises(DataError, match=r"light_data\.pkl: expected SHA-256 7c83cf49.*found [0-9a-f]{64}"):
        next(read_light("train", light_dir))


def test_the_text_false_is_not_taken_for_true(light_dir):
    with pytest.raises(DataError, match="check_hash must be True or False, got 'false'"):
        next(read_light("train", light_dir, check_hash="false"))


def test_a_missing_file_says_where_it_comes_from_and_goes(tmp_path):
    with pytest.raises(MissingFileError) as caught:
        next(read_light("test_unseen", tmp_path))
    for part in ("http://parl.ai/downloads/light/light-unseen-processed2.pkl", "489b98d0", "prepare light"):
        assert part in str(caught.value)
    assert str(tmp_path / "light" / "light_unseen_data.pkl") in str(caught.value)


def test_bad_dialogues_are_counted_and_the_rest_is_read(light_dir, caplog):
    path = light_dir / "light" / "light_unseen_data.pkl"
    data = pickle.loads(path.read_bytes())
    path.write_bytes(pickle.dumps([*data, "no dialogue", {"speech": []}]))
    skips = Skips()
    assert len(list(read_light("test_unseen", light_dir, skips=skips, **SMALL))) == 8
    assert skips.count == 2
    assert f"{path} dialogue 8: expected a dict, found str" in skips.report()
    list(read_light("test_unseen", light_dir, **SMALL))
    assert "2 skipped" in caplog.text


@pytest.mark.parametrize("content", [{"a": 1}, [], ["x"], 5])
def test_a_file_without_dialogues_is_an_error(light_dir, content):
    path = light_dir / "light" / "light_unseen_data.pkl"
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(DataError, match=r"light_unseen_data\.pkl"):
        list(read_light("test_unseen", light_dir, **SMALL))


@pytest.mark.parametrize(
    ("name", "bare"),
    [("a sea witch", "sea witch"), ("The Trident", "trident"), ("a", "a"), ("anvil", "anvil"), ("", "")],
)
def test_bare_name(name, bare):
    assert bare_name(name) == bare
