import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data.verify import episode_problems
from persona_tf.data.world import places
from persona_tf.data.world.config import SPLITS, WorldConfig
from persona_tf.data.world.generator import character_and_place, episodes, generate
from persona_tf.data.world.meeting import meeting
from persona_tf.data.world.personas import ALWAYS
from persona_tf.data.world.places import Ware
from persona_tf.data.world.realm import Folk, Part, Realm, Site
from persona_tf.data.world.state import Place, State, bare
from persona_tf.data.world.writer import mentions
from persona_tf.episode import Episode

CONFIG = WorldConfig(people="light", asides=2)
GOLDEN = "84bc148a341e23cceecaad6fd911ec65471a4ad08a4e3f3a99a3f2670a76cdfb"
"""SHA-256 of 20 episodes in `REALM` as JSON."""


def ware(name, *affords, kind="hard"):
    return Ware(name, kind, frozenset(affords), (f"Somebody left the {name} here.",))


def folk(name, *personas, held=((), (), ())):
    return Folk(name, tuple((f"I am {name}.", *sentences) for sentences in personas), held)


ROPE, CHEST, PIE, SKY = (
    ware("old rope", "get"),
    ware("chest", "get", "hold"),
    ware("pie", "get", "eat"),
    ware("the sky"),
)
SWORD, HOOD = ware("sword", "get", "wield"), ware("a hood", "get", "wear", kind="soft")
SEEN = Part(
    (
        folk("talking cat", ("I purr.", "I judge."), ("I sleep in the crypt.",)),
        folk("queen", ("I rule.",), held=((ROPE, PIE), (HOOD,), (SWORD,))),
        folk("queen's guard", ("I guard her.",)),
        folk("monk", ("I pray.",), held=((CHEST,), (), ())),
    ),
    (
        Site("Crypt", "Graveyard", False, ("It is dark.", "Bones lie about."), (CHEST, SKY, ROPE), (0, 3)),
        Site("Great hall", "Inside Castle", True, ("Banners hang here.",), (), (1, 2)),
        Site("Kitchen", "Inside Castle", True, ("It smells.",), (PIE, SWORD, HOOD, ware("hood"), ware("oven")), ()),
    ),
)
UNSEEN = Part((folk("goblin", ("I grin.",)), folk("witch", ("I brew.",))), (SEEN.sites[0],))
REALM = Realm("light", SEEN, Part(UNSEEN.folk, (Site("Bog", "Swamp", False, ("It gurgles.",), (PIE,), ()),)))
ANY = {"split": st.sampled_from(SPLITS), "index": st.integers(0, 10**6)}


def make(split, index, config=CONFIG):
    return generate(split, index, config=config, realm=REALM)


def dump(episode):
    return json.dumps(episode.to_json(), ensure_ascii=False, sort_keys=True)


def test_it_is_the_same_on_every_machine():
    lines = "\n".join(dump(make(SPLITS[i % len(SPLITS)], i)) for i in range(20))
    assert hashlib.sha256(lines.encode()).hexdigest() == GOLDEN


@given(**ANY)
def test_people_and_places_are_those_that_are_given(split, index):
    episode = make(split, index)
    part = REALM.unseen if split == "test_unseen" else SEEN
    assert Episode.from_json(json.loads(dump(episode))) == episode
    assert list(episode_problems(episode)) == []
    site = next(site for site in part.sites if site.name == episode.setting.name)
    assert episode.setting.category == site.category
    own = [s for s in episode.setting.description if s in site.description]
    assert own == list(site.description), "in their order"
    assert 2 <= len(episode.setting.description) - len(own) <= 3
    known = {w.name for w in part.wares[site.category]}
    assert {thing.name for thing in episode.setting.objects} <= known
    names = [c.name for c in episode.characters]
    assert set(names) <= {f.name for f in part.folk}
    assert len({*names}) == 2
    assert {*names} != {"queen", "queen's guard"}, "one is part of the other"
    assert not {*names} & {*episode.setting.present}
    for character in episode.characters:
        told = [f.text for f in character.facts if not f.slot]
        assert tuple(told) in next(f.personas for f in part.folk if f.name == character.name)
        assert not {f.slot for f in character.facts} & {*ALWAYS}, "they say themselves what they live on"


@given(**ANY)
def test_what_they_say_of_themselves_is_never_asked_for(split, index):
    episode = make(split, index)
    [bot] = episode.learners
    own = {f"persona/{i}" for i, fact in enumerate(episode.characters[bot].facts) if not fact.slot}
    assert own
    for turn in [*episode.turns, *(aside.answer for aside in episode.asides)]:
        assert own.isdisjoint(turn.grounding)
        assert turn.probe is None or turn.probe.slot not in ALWAYS


@given(**ANY)
def test_actions_are_possible_with_the_things_that_are_given(split, index):
    episode = make(split, index)
    affords = {bare(w.name): w.affords for p in (SEEN, REALM.unseen) for s in p.sites for w in s.wares}
    held = {bare(w.name): w.affords | {"get"} for f in SEEN.folk for wares in f.held for w in wares}
    found = {bare(thing.name): Place("room") for thing in episode.setting.objects}
    for owner, c in enumerate(episode.characters):
        for how, things in (("carried", c.carrying), ("worn", c.wearing), ("wielded", c.wielding)):
            found |= {bare(thing.name): Place(how, owner) for thing in things}
            assert len(things) <= 3
    known = {**{n: places.affordances(n) for n in found}, **affords, **held}
    state = State([c.name for c in episode.characters], map(bare, episode.setting.present), found, known)
    for turn in episode.turns:
        if turn.speaker in episode.learners:
            assert set(turn.available_actions) <= set(state.available(turn.speaker))
        if turn.action:
            state.apply(turn.speaker, turn.action)


@given(**ANY)
def test_answers_are_grounded(split, index):
    for turn in make(split, index).turns:
        if turn.probe is not None:
            assert turn.probe.value in turn.speech
            assert not any(mentions(turn.speech, decoy) for decoy in turn.probe.decoys)


def test_those_who_belong_to_a_place_meet_there():
    crypt = [e for e in episodes("train", 150, config=CONFIG, realm=REALM) if e.setting.name == "Crypt"]
    assert len(crypt) > 20
    assert all({c.name for c in e.characters} == {"talking cat", "monk"} for e in crypt)


def test_ids_and_config_say_whose_world_it_is():
    assert make("test", 3).id == "world/light/test/0/3"
    met = character_and_place(3, CONFIG, REALM)
    assert (met.id, met.turns) == ("world/light/chat/3", ())
    for config, realm in ((CONFIG, None), (WorldConfig(), REALM)):
        with pytest.raises(ValueError, match=r"WorldConfig.people is .*the realm of that name is needed"):
            generate("train", 0, config=config, realm=realm)
    with pytest.raises(ValueError, match="the realm of that name is needed, none is given"):
        meeting("test", 0, 0, CONFIG)
    with pytest.raises(ValueError, match=r"WorldConfig.people: expected one of \('', 'light'\), got 'dark'"):
        WorldConfig(people="dark")


def test_too_few_to_play():
    with pytest.raises(ValueError, match="expected 2 people and a place or more, got 1 and 1"):
        Part(SEEN.folk[:1], SEEN.sites[:1])
    alike = Part(SEEN.folk[1:3], SEEN.sites[2:])
    with pytest.raises(LookupError, match="no two people for 'Kitchen'"):
        generate("train", 0, config=CONFIG, realm=Realm("light", alike, alike))
