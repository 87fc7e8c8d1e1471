import json
import string

import hypothesis.strategies as st
import pytest
from hypothesis import given

from persona_tf.episode import (
    EMOTES,
    KEY_KINDS,
    PHYSICAL_VERBS,
    Aside,
    Character,
    Episode,
    Fact,
    Probe,
    Setting,
    Statement,
    Swap,
    Thing,
    Turn,
    sentences,
)

words = st.text(max_size=6)
names = st.text(min_size=1, max_size=6)
some = {"max_size": 2}


def tuples(strategy):
    return st.lists(strategy, **some).map(tuple)


things = tuples(st.builds(Thing, words, words))
swaps = st.builds(Swap, words, words, words)
probes = st.builds(Probe, st.sampled_from(Probe.SOURCES), words, words, tuples(words), st.one_of(st.none(), swaps))
facts = st.builds(Fact, words, words, words)
turns = st.builds(
    Turn,
    st.integers(0, 1),
    words,
    words,
    st.sampled_from(["", *EMOTES]),
    tuples(words),
    tuples(words),
    tuples(words),
    st.one_of(st.none(), probes),
    tuples(st.builds(Statement, st.integers(-1, 1), facts)),
    st.one_of(st.none(), facts),
    tuples(words),
)
characters = st.builds(Character, words, tuples(facts), things, things, things)
settings = st.builds(Setting, words, words, tuples(words), things, tuples(words))
episodes = st.builds(
    Episode,
    words,
    words,
    st.one_of(st.none(), settings),
    st.tuples(characters, characters),
    tuples(turns),
    st.sampled_from([(), (0,), (1,), (0, 1), (1, 0)]),
    tuples(st.builds(Aside, st.integers(0, 9), turns, turns)),
)


@given(episodes)
def test_json_round_trip(episode):
    assert Episode.from_json(json.loads(json.dumps(episode.to_json()))) == episode


def test_json_holds_what_is_there_and_no_more():
    talk = (Turn(0, "Hi.", emote="wave"), Turn(1, "Ho.", grounding=("persona/0",)))
    bot = Character("Mira", (Fact("I bake."),))
    episode = Episode("e1", "demo", Setting("Barn"), (Character("Tam"), bot), talk, (1,))
    assert episode.to_json() == {
        "id": "e1",
        "source": "demo",
        "setting": {"name": "Barn"},
        "characters": [{"name": "Tam"}, {"name": "Mira", "facts": [{"text": "I bake."}]}],
        "turns": [
            {"speaker": 0, "speech": "Hi.", "emote": "wave"},
            {"speaker": 1, "speech": "Ho.", "grounding": ["persona/0"]},
        ],
        "learners": [1],
    }


@pytest.mark.parametrize("field", ["id", "source", "characters", "turns"])
def test_a_missing_field_is_an_error_that_names_it(field):
    data = Episode("e1", "demo", None, (Character("a"), Character("b")), (Turn(0, "Hi."),)).to_json()
    del data[field]
    with pytest.raises(KeyError, match=field):
        Episode.from_json(data)


def test_an_unknown_field_is_an_error_that_names_it():
    data = Episode("e1", "demo", None, (Character("a"), Character("b")), (Turn(0, "Hi."),)).to_json()
    data["turns"][0]["speach"] = "Hi."
    with pytest.raises(TypeError, match="speach"):
        Episode.from_json(data)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        (" \n ", ()),
        ("One", ("One",)),
        ("One. Two!  Three?\nFour", ("One.", "Two!", "Three?", "Four")),
        ("It costs 3.50 now. Cheap!", ("It costs 3.50 now.", "Cheap!")),
        ("Wait... what?", ("Wait...", "what?")),
    ],
)
def test_sentences(text, parts):
    assert sentences(text) == parts


@given(st.text(alphabet=string.ascii_letters + ".!? \n\t", max_size=60))
def test_sentences_lose_only_white_space(text):
    parts = sentences(text)
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(part and part == part.strip() for part in parts)


def test_labels_are_those_of_light():
    assert len(EMOTES) == len(set(EMOTES)) == 22
    assert sorted(EMOTES) == list(EMOTES)
    assert len(PHYSICAL_VERBS) == len(set(PHYSICAL_VERBS)) == 12
    assert len(KEY_KINDS) == len(set(KEY_KINDS)) == 11
