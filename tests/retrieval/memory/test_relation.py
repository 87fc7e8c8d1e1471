"""Pairs of facts whose relation a reader sees at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data.world.lexicon import load
from persona_tf.retrieval.memory.facts import NewFact
from persona_tf.retrieval.memory.relation import MEASURED, Rules, relation, rules_for
from persona_tf.retrieval.memory.words import fact_words, key

NEAR = Rules(same_thing=0.9)


def told(one, other, cosine=0.0, rules=NEAR, tells=0.5):
    return relation(NewFact(one), NewFact(other), cosine, rules, lambda word: tells)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("I bake bread.", "i BAKE bread", "same"),
        ("I am a baker.", "I'm a baker!", "same"),
        ("I love dogs.", "I like dogs.", "same"),
        ("Я живу в Ёлкино.", "я живу в елкино", "same"),
        ("I like dogs.", "I hate dogs.", "contrary"),
        ("I like dogs.", "I do not like dogs.", "contrary"),
        ("Я люблю кошек.", "Я не люблю кошек.", "contrary"),
        ("I live in Rome.", "I live in Paris.", "contrary"),
        ("Я живу в Риме.", "Я живу в Новом Риме.", "other"),
        ("Я живу в Риме.", "Я живу в Париже.", "contrary"),
        ("My name is Ann.", "My name is Bea.", "contrary"),
        ("I am 30 years old.", "I am 31 years old.", "contrary"),
        ("I have two dogs.", "I have three dogs.", "contrary"),
        ("My favourite colour is red.", "My favourite colour is sea green.", "contrary"),
        ("I like tea.", "I like to ski.", "other"),
        ("I have a dog.", "I have a cat.", "other"),
        ("I am tall.", "I am shy.", "other"),
        ("I bake bread.", "My dog is old.", "other"),
        ("", "I bake bread.", "other"),
        ("🦔", "🦔", "same"),
        ("🦔", "🐈", "other"),
    ],
)
def test_by_words_alone(one, other, expected):
    assert told(one, other) == told(other, one) == expected
    assert told(one, other, cosine=1.0, rules=Rules()) == expected


@pytest.mark.parametrize(
    ("one", "other", "tells", "expected"),
    [
        ("I have settled in Rome.", "Home? My bench is in Paris.", 0.5, "contrary"),
        ("I have settled in Rome.", "Home? My bench is in Rome.", 0.5, "same"),
        ("My hovel in Rome leaks.", "The hovel is mine, there in Paris.", 0.5, "contrary"),
        ("I am sixty and creak.", "My knees creak after fifty winters.", 0.5, "contrary"),
        ("I wear a red mantle.", "My mantle of rose pink is torn.", 0.95, "contrary"),
        ("I wear a red mantle.", "My mantle of red is torn.", 0.5, "same"),
        ("I mend shoes.", "They pay me for bread.", 0.5, "contrary"),
    ],
)
def test_by_vectors_that_tell_what_a_fact_is_about(one, other, tells, expected):
    assert told(one, other, 0.9, tells=tells) == told(other, one, 0.9, tells=tells) == expected
    assert told(one, other, 0.89, tells=tells) == "other"
    assert told(one, other, 0.9, Rules()) == "other"


def test_slots_that_are_known_decide():
    def labelled(text, slot, value):
        return NewFact(text, slot=slot, value=value)

    def how(one, other, cosine=0.0):
        return relation(one, other, cosine, NEAR, lambda word: 0.5)

    home, other_home = labelled("I live in Rome.", "home", "Rome"), labelled("Home is Paris.", "home", "Paris")
    again, birthplace = labelled("Home? rome!", "home", "rome"), labelled("I live in Bath.", "birthplace", "Bath")
    assert (how(home, other_home), how(home, again), how(home, birthplace, 1.0)) == ("contrary", "same", "other")
    plain = NewFact("Rome has my hearth.")
    assert (how(home, plain, 0.95), how(plain, other_home, 0.95), how(home, plain)) == ("same", "contrary", "other")


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_relation_is_mutual_and_a_fact_repeats_itself(one, other):
    for cosine in (0.0, 1.0):
        assert told(one, other, cosine) == told(other, one, cosine)
        assert told(one, one, cosine) == "same"
    assert (key(NewFact(one).text) == key(NewFact(other).text)) <= (told(one, other) == "same")


def test_all_values_of_a_phrasing_of_the_world_contradict_each_other():
    """The same phrasing with another value is a contradiction, of the same value a repetition; exact grounding."""
    lexicon, right, count = load(), 0, 0
    for slot in lexicon.of("persona"):
        values = lexicon.fillers[slot.type].unseen[:2]
        for phrase in slot.fact.unseen:
            one, other = (phrase.format(value=value, who="Bertilda") for value in values)
            right += told(one, other, rules=Rules()) == "contrary"
            count += 1
            assert told(one, one) == "same"
    assert count >= 290
    assert right / count >= 0.97


def test_words():
    words = fact_words("My dog, Rook, isn't ten; I like Rook. Nobody in Saint Ives does.")
    assert words.names == {"rook", "saint", "ive"}
    assert words.numbers == {"ten"}
    assert not words.denies, "two times no"
    assert fact_words("I hate rain.").gist == ("+", "rain")


def test_rules_belong_to_an_encoder():
    assert rules_for("retrieval_world") == MEASURED["retrieval_world"] == Rules(same_thing=0.9)
    assert rules_for("another").same_thing is None
    with pytest.raises(ValueError, match=r"cosine in \(0, 1\], got 1.5"):
        Rules(same_thing=1.5)
    with pytest.raises(ValueError, match="1 or more, got 0"):
        Rules(neighbours=0)
