import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.evaluation.metrics.probes import holds, leaks, probe_right, probe_words


@pytest.mark.parametrize(
    ("reply", "value", "expected"),
    [
        ("My dog is called Rex.", "rex", True),
        ("My dog is called T-rexy.", "rex", False),  # whole words only
        ("REX'S BONE", "Rex", True),
        ("I said “Rex”, sir", "Rex", True),
        ("I met O’Brien there", "O'Brien", True),
        ("I met Brien there", "O'Brien", False),
        ("in the Tower of the London", "a Tower of London", True),
        ("the tower in London", "tower of London", False),
        ("of London, tower", "tower of London", False),
        ("I work at St. Mary's, near 5th", "St Mary’s", True),
        ("Меня зовут Ёжик!", "ёжик", True),
        ("живу в Москве", "Москва", False),
        ("он москвич", "Москв", False),
        ("cafe\u0301 life", "café", True),  # composed and decomposed
        ("Hauptstrasse 5", "Hauptstraße 5", True),
        ("twenty-two cats", "twenty two", True),
        ("I like it", "I", True),
        ("", "Rex", False),
        ("anything", "", False),
        ("the one", "the", False),
        ("what?!", "?!", False),
    ],
)
def test_holds(reply, value, expected):
    assert holds(reply, value) == expected


@pytest.mark.parametrize(
    ("reply", "value", "decoys", "right"),
    [
        ("It is Rex.", "Rex", ["Fido", "Tom"], True),
        ("It is Rex or Fido.", "Rex", ["Fido", "Tom"], False),
        ("It is Fido.", "Rex", ["Fido", "Tom"], False),
        ("the tower of London", "Tower of London", ["London"], True),
        ("the tower of London, in London", "Tower of London", ["London"], False),
        ("London", "Tower of London", ["London"], False),
        ("Tower of London Hill", "Tower of London", ["Tower of London Hill"], False),
        ("dark green", "green", ["dark green", "red"], False),
        ("rex rex", "Rex", ["the REX"], True),  # a decoy that is the value
        ("It is Rex.", "Rex", ["", "?", "the"], True),
        ("I do not know.", "", ["Rex", "Fido"], True),
        ("It is Fido.", "", ["Rex", "Fido"], False),
    ],
)
def test_probe_right(reply, value, decoys, right):
    assert probe_right(reply, value, decoys) == right


@pytest.mark.parametrize(
    ("reply", "old", "new", "leak"),
    [
        ("It is Rex.", "Rex", "Fido", True),
        ("It is Fido.", "Rex", "Fido", False),
        ("Rex the second", "Rex", "Rex the second", False),
        ("Rex, no, Rex the second", "Rex", "Rex the second", True),
        ("Rex the second", "Rex the second", "Rex", True),
    ],
)
def test_leaks(reply, old, new, leak):
    assert leaks(reply, old, new) == leak


names = st.sampled_from(["Rex", "Fido", "Tower of London", "London", "O'Brien", "Ёжик", "Tower"])


@given(st.lists(names, max_size=5), names, st.lists(names, max_size=5))
def test_looking_up_ngrams_equals_looking_one_by_one(said, value, decoys):
    reply = ", then ".join(said)
    assert probe_right(reply, "", decoys) == (not any(holds(reply, decoy) for decoy in decoys))
    if probe_right(reply, value, decoys):
        assert holds(reply, value)
    others = [d for d in decoys if not holds(value, d)]
    assert probe_right(reply, value, others) == (holds(reply, value) and not any(holds(reply, d) for d in others))


def test_hundreds_of_decoys_are_quick():
    decoys = [f"name{i} of the house {i % 7}" for i in range(600)]
    reply = "my name is name7 of house 1 and that is all there is to say about it " * 2
    start = time.perf_counter()
    for _ in range(200):
        probe_right(reply, "name7", decoys)
    assert time.perf_counter() - start < 2


def test_words_have_no_articles_and_no_marks():
    assert probe_words("An apple_pie — the BEST, isn't it?") == ("apple", "pie", "best", "isn", "t", "it")
