import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.chat.first_person import first_person

MIRA = ["Mira Stone", "Mira"]


def one(*sentences, **more):
    return list(first_person(sentences, MIRA, **more))


@pytest.mark.parametrize(
    ("told", "own"),
    [
        ("Mira is a baker.", "I am a baker."),
        ("Mira Stone has red hair and green eyes.", "I have red hair and green eyes."),
        ("MIRA bakes bread.", "I bake bread."),
        ("Mira always carries a spoon.", "I always carry a spoon."),
        ("Mira secretly watches geese.", "I secretly watch geese."),
        ("Mira goes out.", "I go out."),
        ("Mira dies.", "I die."),
        ("Mira can sing.", "I can sing."),
        ("Mira lived in Ashmoor.", "I lived in Ashmoor."),
        ("Mira doesn't like her brother.", "I don't like my brother."),
        ("Mira taught herself.", "Mira taught herself."),
        ("Mira hides herself well.", "I hide myself well."),
        ("Mira's cat is called Fig.", "My cat is called Fig."),
        ("Mira’s cat sleeps.", "My cat sleeps."),
        ("She fears geese.", "I fear geese."),
        ("His cat is grey.", "My cat is grey."),
        ("Hates geese.", "I hate geese."),
        ("I bake.", "I bake."),
    ],
)
def test_what_is_plain_is_turned(told, own):
    assert one(told) == [own]


@pytest.mark.parametrize(
    "told",
    [
        "Mira loves her.",
        "Mira tells her that he lies.",
        "Mira knows they are there.",
        "Mira bakes bread and sells it.",
        "Mira Sands bakes.",
        "Mira, a baker, sings.",
        "Mirabel is a baker.",
        "Tam is a guard.",
        "The mill is hers.",
        "They sing.",
        "Mira treats her kindly.",
        "",
    ],
)
def test_what_is_not_clear_stays(told):
    assert one(told) == [told]


def test_who_she_is_depends_on_the_sentence_before():
    assert one("Mira bakes.", "She sings.", "Her brother is Bo.", "He sails.") == [
        "I bake.",
        "I sing.",
        "My brother is Bo.",
        "He sails.",
    ]
    assert one("The mill is old.", "It leans.", "She sings.")[-1] == "She sings."
    assert one("She sings.", "Mira bakes.", "She dances.", is_meant=False) == ["She sings.", "I bake.", "I dance."]


def test_without_a_name_pronouns_alone_are_turned():
    assert list(first_person(["Mira bakes.", "x"], [])) == ["Mira bakes.", "x"]
    assert list(first_person(["She bakes."], ["", " "])) == ["I bake."]


@given(st.lists(st.text(), max_size=4), st.lists(st.text(), max_size=2))
def test_any_sentence_is_taken(sentences, names):
    assert len(list(first_person(sentences, names))) == len(sentences)
