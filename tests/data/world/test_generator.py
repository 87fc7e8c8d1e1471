import copy
import dataclasses
import doctest
import hashlib
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_tf import config
from persona_tf.data.world import noise, places, voice, writer
from persona_tf.data.world.config import SPLITS, WorldConfig
from persona_tf.data.world.generator import character_and_place, episodes, generate
from persona_tf.data.world.lexicon import load
from persona_tf.data.world.manners import TEMPERAMENTS, temperaments
from persona_tf.data.world.names import NAME_TYPES
from persona_tf.data.world.personas import Known
from persona_tf.data.world.places import affordances, catalogue
from persona_tf.data.world.plan import Exchange
from persona_tf.data.world.scene import cast
from persona_tf.data.world.state import Place, State, bare
from persona_tf.data.world.voice import Voice
from persona_tf.data.world.writer import mentions
from persona_tf.data.world_cache import world_config
from persona_tf.episode import EMOTES, Episode, Probe
from persona_tf.example import ExampleConfig
from persona_tf.learner import knowledge_items

GOLDEN = "0aa2b2fbf410c9a817bb268925d73e612f82e3f69c04cd0c9d387b130d0c4a7a"
"""SHA-256 of 20 episodes as JSON. Another one means another world: figures measured before do not compare."""

ANY = {"split": st.sampled_from(SPLITS), "index": st.integers(0, 10**6)}


def _dump(episode):
    return json.dumps(episode.to_json(), ensure_ascii=False, sort_keys=True)


def _state(episode):
    """The state before the first turn, told from the episode alone."""
    found = {bare(thing.name): Place("room") for thing in episode.setting.objects}
    for owner, c in enumerate(episode.characters):
        for how, things in (("carried", c.carrying), ("worn", c.wearing), ("wielded", c.wielding)):
            found |= {bare(thing.name): Place(how, owner) for thing in things}
    affords = {name: affordances(name) for name in found}
    return State([c.name for c in episode.characters], map(bare, episode.setting.present), found, affords)


def _items(episode):
    [bot] = episode.learners
    return {item.key: item.text for item in knowledge_items(episode, bot, ExampleConfig())}


def _source(episode, items, key):
    if key in items:
        return items[key]
    turn = episode.turns[int(key.removeprefix("turn/"))]
    return f"{turn.speech} {turn.action}"


@pytest.mark.parametrize("module", [noise, places, voice, writer])
def test_doctests(module):
    assert doctest.testmod(module).failed == 0


def test_the_world_is_the_same_on_every_machine():
    lines = "\n".join(_dump(generate(SPLITS[i % len(SPLITS)], i)) for i in range(20))
    assert hashlib.sha256(lines.encode()).hexdigest() == GOLDEN


def test_order_seed_and_split():
    assert [e.id for e in episodes("test", 3)] == ["world/test/0/0", "world/test/0/1", "world/test/0/2"]
    assert generate("test", 5) == list(episodes("test", 6))[5]
    assert len({_dump(generate(s, 1, seed))[50:] for s in SPLITS for seed in (0, 1)}) == 2 * len(SPLITS)
    assert len(list(episodes("valid", config=WorldConfig(valid=7)))) == 7


def test_errors():
    with pytest.raises(ValueError, match="index"):
        generate("train", -1)
    with pytest.raises(ValueError, match="split"):
        generate("dev", 0)


@settings(deadline=None, max_examples=60)
@given(**ANY)
def test_shape(split, index):
    episode = generate(split, index)
    assert Episode.from_json(json.loads(_dump(episode))) == episode
    [bot] = episode.learners
    assert 7 <= len(episode.turns) <= 16
    assert [t.speaker for t in episode.turns] == [i % 2 for i in range(len(episode.turns))]
    assert episode.turns[-1].speaker == bot
    assert 7 <= len(episode.characters[bot].facts) <= 11
    assert all(fact.value in fact.text for c in episode.characters for fact in c.facts)
    assert all(turn.speech for turn in episode.turns)
    assert all(turn.emote in ("", *EMOTES) for turn in episode.turns)
    assert "{" not in _dump(episode).replace('{"', "").replace("{}", "")


@settings(deadline=None, max_examples=40)
@given(index=st.integers(0, 10**6))
def test_of_asides_nothing_stays(index):
    episode = generate("train", index, config=WorldConfig(asides=8))
    assert dataclasses.replace(episode, asides=()) == generate("train", index)
    assert Episode.from_json(json.loads(_dump(episode))) == episode
    [bot], state = episode.learners, _state(episode)
    assert len(episode.asides) == 8
    assert any(aside.answer.probe for aside in episode.asides)
    for aside in episode.asides:
        assert episode.turns[aside.at].speaker == aside.question.speaker == 1 - bot
        assert aside.answer.speaker == bot
        if probe := aside.answer.probe:
            assert probe == Probe(probe.source, probe.slot, probe.value), "decoys are for tests"
            assert probe.value in aside.answer.speech
        drawn_on = [key for key in aside.answer.grounding if key.startswith("turn/")]
        assert all(int(key.removeprefix("turn/")) <= aside.at for key in drawn_on)
    for number, turn in enumerate(episode.turns):
        for aside in (a for a in episode.asides if a.at == number):
            after = copy.deepcopy(state)
            for said in (aside.question, aside.answer):
                if said.action:
                    assert said.action in after.available(said.speaker)
                    after.apply(said.speaker, said.action)
        if turn.action:
            assert turn.action in state.available(turn.speaker)
            state.apply(turn.speaker, turn.action)


@pytest.mark.parametrize("name", ["quickstart", "world_base"])
def test_asides_are_of_the_kinds_that_are_planned(name):
    settings = world_config(config.load(name).data.options_of_training)
    asides = [aside for episode in episodes("train", 100, config=settings) for aside in episode.asides]
    told = sum(any(key == f"turn/{n}" for key in a.answer.grounding[:1] for n in range(a.at)) for a in asides)
    talk = sum(aside.answer.probe is None for aside in asides)
    whole = sum(settings.aside_weights)
    assert talk / len(asides) == pytest.approx(settings.aside_weights[4] / whole, abs=0.03)
    assert 0.5 < told / len(asides) / (settings.aside_weights[2] / whole) < 1.0, "at first nothing was told"


def test_asides_ask_for_easy_facts_seldom():
    found = episodes("train", 100, config=world_config(config.load("world_base").data.options_of_training))
    probes = [aside.answer.probe for episode in found for aside in episode.asides if aside.answer.probe]
    asked = [probe.slot for probe in probes if probe.source == "persona"]
    assert sum(slot in writer.EASY for slot in asked) < 0.2 * len(asked), "of ten facts, four are easy"


def test_asides_do_not_wait_for_what_is_unknown():
    """Where all slots are asked for, aloud or aside, something else is asked."""
    core = world_config(config.load("quickstart").data.options)
    hard = dataclasses.replace(core, facts=(8, 8), sources=(0.1, 0.1, 0, 1), probes=(8, 8), turns=(24, 24), asides=15)
    found = [generate("train", i, config=hard) for i in range(15)]
    assert all(len(episode.asides) == 15 for episode in found)


@pytest.mark.parametrize("split", [s for s in SPLITS if s != "train"])
def test_only_training_has_asides(split):
    assert generate(split, 3, config=WorldConfig(asides=8)) == generate(split, 3)


def test_what_was_told_is_not_unanswerable():
    """As in the 388th dialogue of the tests once: breakfast was asked for as unknown, after it had been told."""
    told = load().of("history")[0]
    voice = Voice("told", "test", WorldConfig(), load())
    scene = cast(voice, bot=1)
    asked = {scene.unknown(voice, set())[0].name for _ in range(2000)}
    assert told.name in asked
    writing = writer.Writer(voice, scene)
    writing.exchange(Exchange(0, "free", tells=Known(told, "kvass", ("turn/0",))))
    for number in range(1, 300):
        writing.exchange(Exchange(2 * number, "probe", source="unanswerable"))
        assert writing.turns[-1].probe.slot != told.name
        writing._asked.clear()


@settings(deadline=None, max_examples=60)
@given(**ANY)
def test_actions_are_possible_and_offered(split, index):
    episode = generate(split, index)
    state = _state(episode)
    for turn in episode.turns:
        if turn.speaker in episode.learners:
            assert 0 < len(turn.available_actions) <= 20
            assert set(turn.available_actions) <= set(state.available(turn.speaker))
            assert turn.action in ("", *turn.available_actions)
        if turn.action:
            state.apply(turn.speaker, turn.action)


@settings(deadline=None, max_examples=120)
@given(**ANY)
def test_answers_are_grounded(split, index):
    episode = generate(split, index)
    items = _items(episode)
    for at, turn in enumerate(episode.turns):
        sources = [_source(episode, items, key) for key in turn.grounding]
        assert all(int(k[5:]) < at for k in turn.grounding if k.startswith("turn/"))
        if turn.probe is None:
            continue
        assert not any(mentions(turn.speech, decoy) for decoy in turn.probe.decoys)
        if turn.probe.source == "unanswerable":
            assert not turn.probe.value
            assert len(turn.probe.decoys) >= 20
        else:
            assert turn.probe.value in turn.speech
            assert any(turn.probe.value in source for source in sources)


@settings(deadline=None, max_examples=120)
@given(**ANY)
def test_swaps_change_the_answer_and_nothing_else(split, index):
    episode = generate(split, index)
    items = _items(episode)
    for at, turn in enumerate(episode.turns):
        swap = turn.probe.swap if turn.probe else None
        if swap is None:
            continue
        assert swap.key in turn.grounding
        spoken = items.get(swap.key) or episode.turns[int(swap.key.removeprefix("turn/"))].speech
        assert swap.value in swap.text
        assert swap.text.replace(swap.value, turn.probe.value) == spoken
        seen = [*items.values(), *(t.speech for t in episode.turns[:at])]
        assert sum(text.count(turn.probe.value) for text in seen) == 1
        assert not any(mentions(text, swap.value) for text in seen)


def test_two_facts_are_both_named():
    pairs = [
        (episode, turn)
        for episode in episodes("train", 150)
        for turn in episode.turns
        if turn.probe and turn.probe.value and getattr(load().slots.get(turn.probe.slot), "needs", "")
    ]
    assert len(pairs) > 20
    for episode, turn in pairs:
        [bot] = episode.learners
        first, second = (episode.characters[bot].facts[int(key[8:])] for key in turn.grounding[:2])
        assert first.slot == load().slots[second.slot].needs
        assert first.value in second.text


def test_emotes_and_actions_follow_from_temperament():
    """The same temperament never shows another emote for the same kind of question."""
    told = {fact: name for name, t in temperaments().items() for fact in t.fact.train + t.fact.unseen}
    shown = {}
    for episode in episodes("train", 300, config=WorldConfig(eventful=0.0)):
        [bot] = episode.learners
        [temperament] = [told[f.text] for f in episode.characters[bot].facts if f.slot == "temperament"]
        for turn in episode.turns:
            if turn.probe:
                shown.setdefault((temperament, turn.probe.source), set()).add(turn.emote)
    assert len(shown) == len(TEMPERAMENTS) * 4
    assert all(len(emotes) == 1 for emotes in shown.values())


def test_unseen_words_stay_unseen():
    fillers = load().fillers
    unseen = {kind: set(pair.unseen) for kind, pair in fillers.items()}
    questions = [q for s in load().slots.values() for q in s.question.unseen if "{" not in q]
    things = catalogue().unseen
    for split in ("train", "test", "test_novel"):
        for episode in episodes(split, 150):
            for c in episode.characters:
                for fact in c.facts:
                    kind = load().slots[fact.slot].type if fact.value else ""
                    assert fact.value not in unseen.get(kind, ()), episode.id
            for turn in episode.turns:
                assert not any(question in turn.speech for question in questions)
            names = [bare(t.name) for c in episode.characters for t in (*c.carrying, *episode.setting.objects)]
            assert not any(f" {name}".endswith(f" {thing}") for name in names for thing in things)


def test_test_unseen_asks_in_unseen_words_with_unseen_values():
    train = {kind: set(pair.train) for kind, pair in load().fillers.items()}
    seen = [q for s in load().slots.values() for q in s.question.train if "{" not in q]
    for episode in episodes("test_unseen", 150):
        for c in episode.characters:
            assert not any(f.value in train[load().slots[f.slot].type] for f in c.facts if f.value)
        for i, turn in enumerate(episode.turns):
            if turn.probe:
                assert not any(episode.turns[i - 1].speech.endswith(question) for question in seen)


def test_test_novel_has_names_of_its_own():
    names = {}
    for split in ("train", "test_novel"):
        names[split] = {
            f.value
            for episode in episodes(split, 400)
            for c in episode.characters
            for f in c.facts
            if f.value and load().slots[f.slot].type in NAME_TYPES
        }
    assert not names["train"] & names["test_novel"]
    assert len(names["test_novel"]) > 500


def test_hundreds_of_thousands_of_people_and_places():
    sample = [generate("train", random.Random(i).randrange(10**9)) for i in range(300)]
    assert len({e.setting for e in sample}) == 300
    assert len({c.facts for e in sample for c in e.characters}) == 600


def test_the_human_mistypes_and_the_bot_does_not():
    clean = WorldConfig(typos=0.0, lower_case=0.0)
    dirty = WorldConfig(typos=1.0, lower_case=1.0)
    lower = [
        t.speech[0].islower()
        for e in episodes("train", 40, config=dirty)
        for t in e.turns
        if t.speaker not in e.learners
    ]
    assert sum(lower) / len(lower) > 0.7
    replies = [t.speech[0] for e in episodes("train", 40, config=dirty) for t in e.turns if t.speaker in e.learners]
    assert sum(c.islower() for c in replies) / len(replies) < 0.01
    assert not any(t.speech[0].islower() for e in episodes("train", 40, config=clean) for t in e.turns)


def test_a_character_to_talk_to():
    episode = character_and_place(3)
    assert episode.turns == ()
    assert len(episode.characters[episode.learners[0]].facts) >= 7
    assert episode.setting.objects
    assert all(text.isascii() for text in (episode.characters[1].name, *episode.setting.description))
    assert episode == character_and_place(3) != character_and_place(4)
