import dataclasses
import doctest
import json
import os
from pathlib import Path

import pytest

from persona_tf.data import light_parts, light_world
from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.light_parts import light_folk, light_site, light_ware
from persona_tf.data.light_world import DEV, MAPS, TRAIN, files_digest, read_realm
from persona_tf.data.skips import Skips
from persona_tf.data.sources import read_split
from persona_tf.data.verify import episode_problems
from persona_tf.data.world.places import Ware
from persona_tf.data.world.realm import Folk, Site

RATES = ("is_gettable", "is_container", "is_wearable", "is_weapon", "is_food", "is_drink", "is_surface")


def thing(name, *rates, text="It is  old", **more):
    return {"name": name, "descriptions": [text], **dict.fromkeys(RATES, 0.0), **dict.fromkeys(rates, 0.5), **more}


def somebody(name, *personas, carrying=(), wearing=(), wielding=()):
    held = {"carrying_objects": list(carrying), "wearing_objects": list(wearing), "wielding_objects": list(wielding)}
    return {"name": name, "personas": list(personas), **held}


def room(name, category, text, objects=(), people=(), more=""):
    inside = {"in_objects": list(objects), "ex_objects": [], "in_characters": list(people), "ex_characters": []}
    return {"setting": name, "category": category, "description": text, "background": more, **inside}


ENVIRONMENT = {
    "objects": {
        "7": thing("rope", "is_gettable", "is_weapon"),
        "8": thing("hood", "is_gettable", "is_wearable"),
        "9": thing("pie", "is_gettable", "is_food", is_container=0.4),
        "10": thing("sky"),
    },
    "characters": {
        "1": somebody("queen", "I rule. I am old", "I reign.", carrying=[7, 99], wearing=[8]),
        "2": somebody("monk", "I pray."),
        "5": somebody("cat", "I purr!"),
    },
    "rooms": {
        "3": room("Great hall", "Inside Castle", "Banners hang here.", [7, 10, 7, 98], [2, 1, 97], "It was built"),
        "4": room("Meadow", "Field", "Grass grows.", [9]),
    },
}
QUEEN = Folk(
    "queen",
    (("I rule.", "I am old."), ("I reign.",)),
    (
        (Ware("rope", "hard", frozenset({"get", "wield"}), ("It is old.",)),),
        (Ware("hood", "soft", frozenset({"get", "wear"}), ("It is old.",)),),
        (),
    ),
)
HALL = Site(
    "Great hall",
    "Inside Castle",
    True,
    ("Banners hang here.", "It was built."),
    (QUEEN.held[0][0], Ware("sky", "none", frozenset(), ("It is old.",))),
    (1, 0),
)
DEVELOPMENT = {
    "objects": {},
    "characters": {
        "1": somebody("Queen", "I rule."),
        "8": somebody("witch", "I brew."),
        "9": somebody("elf", "I sing."),
    },
    "rooms": {"6": room("Bog", "Swamp", "It gurgles.", people=[1, 9, 8])},
}


def node(name, **more):
    return {"name": name, "desc": f"This is {name}.", "contained_nodes": {}, "container": False, **more}


MAP = {
    "nodes": {
        "bog_1": node("bog", room=True, contained_nodes={}),
        "mill_1": node("Mill", room=True, extra_desc=["It turns."], contained_nodes={"miller_2": {}, "sack_3": {}}),
        "miller_2": node("miller", agent=True, persona="I grind.", contained_nodes={"cap_4": {}, "key_5": {}}),
        "witch_9": node("Witch", agent=True, persona="I brew.", contained_nodes={}),
        "sack_3": node("sack", object=True, gettable=1.0, wearable=0.0),
        "cap_4": node("cap", object=True, gettable=True, wearable=True, equipped=True),
        "key_5": node("key", object=True, equipped=None),
        "gone_6": {"agent": False},
    }
}


def write(folder, files=((TRAIN, ENVIRONMENT), (DEV, DEVELOPMENT))):
    for file, data in files:
        file.path(folder).parent.mkdir(parents=True, exist_ok=True)
        file.path(folder).write_text(data if isinstance(data, str) else json.dumps(data), encoding="utf-8")


def read(folder):
    skips = Skips(keep=99)
    return read_realm(folder, check_hash=False, skips=skips), skips


def test_doctests():
    assert doctest.testmod(light_parts).failed == 0


def test_an_environment_word_for_word(tmp_path):
    write(tmp_path)
    realm, skips = read(tmp_path)
    assert [f.name for f in realm.seen.folk] == ["queen", "monk", "cat"]
    assert realm.seen.folk[0] == QUEEN
    assert realm.seen.sites[0] == HALL
    assert realm.seen.sites[1].wares[0].affords == {"get", "eat"}
    assert [f.name for f in realm.unseen.folk] == ["witch", "elf"], "the queen is seen"
    assert [(s.name, s.folk) for s in realm.unseen.sites] == [("Bog", (1, 0))]
    assert skips.count == 0


def test_maps_are_joined_but_for_what_is_unseen(tmp_path):
    write(tmp_path)
    write(tmp_path, [(MAPS[2], MAP)])
    realm, skips = read(tmp_path)
    assert skips.count == 0
    assert [f.name for f in realm.seen.folk] == ["queen", "monk", "cat", "miller"]
    carried, worn, wielded = realm.seen.folk[3].held
    assert [[w.name for w in wares] for wares in (carried, worn, wielded)] == [["key"], ["cap"], []]
    assert carried[0].affords == {"get"}
    mill = realm.seen.sites[2]
    assert (mill.name, mill.category, mill.description, mill.folk) == ("Mill", "", ("This is Mill.", "It turns."), (3,))
    assert [site.name for site in realm.seen.sites] == ["Great hall", "Meadow", "Mill"]


def test_what_cannot_play_is_counted_and_left_out(tmp_path):
    broken = {
        "objects": {**ENVIRONMENT["objects"], "20": thing("water in the sky"), "21": {"name": "x"}},
        "characters": {**ENVIRONMENT["characters"], "22": somebody("a man who has lost his very last shoe", "I weep.")},
        "rooms": {**ENVIRONMENT["rooms"], "23": room("Void", "Nowhere", " "), "24": 3},
    }
    broken["characters"]["25"] = somebody("statue")
    write(tmp_path, [(TRAIN, broken), (DEV, DEVELOPMENT)])
    realm, skips = read(tmp_path)
    assert [f.name for f in realm.seen.folk] == ["queen", "monk", "cat"]
    assert skips.count == 6
    for part in (
        "object 20: key name: 'water in the sky' holds a word that parts an action",
        "object 21: expected an object with the key is_gettable",
        "character 22: key name: expected 1 to 6 words, got 'a man who",
        "character 25: key personas: expected something that it says of itself",
        "room 23: expected a place with a name and a description",
        "room 24: expected an object with the key",
    ):
        assert part in skips.report()


def test_names_and_texts_are_made_plain():
    assert light_folk(" The  King. ", ["I {am} he", "", "I {am} he"], ((), (), ())) == Folk(
        "The King", (("I am he.",),), ((), (), ())
    )
    assert light_ware("ale", [], {"drink"}) == Ware("ale", "food", frozenset({"drink"}), ("Ale.",))
    site = light_site(
        "Inn", "Tavern", ["Warm. Warm."], [light_ware("a mug", ["x"], ()), light_ware("Mug", ["y"], ())], []
    )
    assert site.roofed
    assert site.description == ("Warm.",)
    assert [ware.name for ware in site.wares] == ["Mug"]


def test_missing_other_and_broken_files_are_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"light_environment_train\.json is missing. Put it at"):
        read(tmp_path)
    write(tmp_path)
    with pytest.raises(DataError, match=r"light_environment_train\.json: expected SHA-256 4c598c"):
        read_realm(tmp_path)
    write(tmp_path, [(TRAIN, "nonsense")])
    with pytest.raises(DataError, match=r"light_environment_train\.json: Expecting value"):
        read(tmp_path)
    write(tmp_path, [(TRAIN, {"rooms": {}, "characters": {}})])
    with pytest.raises(DataError, match=r"train\.json: expected an object with the key objects"):
        read(tmp_path)
    write(tmp_path, [(TRAIN, {"rooms": {}, "characters": {}, "objects": {}})])
    with pytest.raises(DataError, match="light: expected 2 people and a place or more, got 0 and 0"):
        read(tmp_path)


@pytest.fixture
def unchecked(tmp_path, monkeypatch):
    """A DATA_DIR with a small LIGHT in it whose hashes are not asked for."""
    for name in ("TRAIN", "DEV"):
        monkeypatch.setattr(light_world, name, dataclasses.replace(getattr(light_world, name), sha256=""))
    write(tmp_path)
    return tmp_path


def test_the_world_is_read_with_these_people_and_kept(unchecked):
    options = {"people": "light", "valid": 6, "test_unseen": 2, "say": lambda line: None}
    episodes = list(read_split("world", "valid", unchecked, options))
    assert {c.name for e in episodes for c in e.characters} <= {"queen", "monk", "cat"}
    assert {e.setting.name for e in episodes} <= {"Great hall", "Meadow"}
    assert not any(list(episode_problems(e)) for e in episodes)
    assert list(read_split("world", "valid", unchecked, options)) == episodes
    [unseen, _] = read_split("world", "test_unseen", unchecked, options)
    assert {c.name for c in unseen.characters} == {"witch", "elf"}
    assert len(list(unchecked.rglob("valid.jsonl.gz"))) == 1
    digest = files_digest(unchecked)
    write(unchecked, [(MAPS[2], MAP)])
    assert files_digest(unchecked) != digest, "other files are another world"


def test_the_world_without_these_files_says_what_is_missing(tmp_path):
    with pytest.raises(MissingFileError, match=r"light_environment_train\.json is missing"):
        list(read_split("world", "valid", tmp_path, {"people": "light", "valid": 1}))


DATA = Path(os.environ.get("PERSONA_TF_DATA_DIR", ""))


@pytest.mark.skipif(
    not all(file.path(DATA).is_file() for file in (TRAIN, DEV, *MAPS)), reason="needs light/environment and light/maps"
)
def test_the_real_light():
    from persona_tf.data.world.config import SPLITS, WorldConfig
    from persona_tf.data.world.generator import generate

    skips = Skips()
    realm = read_realm(DATA, skips=skips)
    assert (len(realm.seen.folk), len(realm.seen.sites)) == (1435, 606)
    assert (len(realm.unseen.folk), len(realm.unseen.sites)) == (104, 63)
    assert skips.count == 138
    for index in range(50):
        episode = generate(SPLITS[index % 5], index, config=WorldConfig(people="light"), realm=realm)
        assert list(episode_problems(episode)) == []
