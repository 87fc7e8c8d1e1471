import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.chat.card_facts import facts_of

WPP = """[character("Mira Stone")
{
Nickname("Mi")
Age("30")
Personality("kind" + "brave, at times" + "shy")
Likes("rain" + "tea")
Favorite food("bread")
Description("Mira loves her cat" + "has red hair")
}]
She lives in a mill. Her cat is called Fig. It is grey."""


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("Mira bakes bread. She fears geese!", ["I bake bread.", "I fear geese!"]),
        (
            WPP,
            [
                "I am called Mi.",
                "My age is 30.",
                "I am kind, brave, at times and shy.",
                "I like rain and tea.",
                "My favorite food: bread.",
                "I love my cat.",
                "I have red hair.",
                "I live in a mill.",
                "My cat is called Fig.",
                "It is grey.",
            ],
        ),
        (
            "[Mira's personality: kind, shy; clothes: apron; hair: red]",
            ["I am kind and shy.", "I wear apron.", "My hair is red."],
        ),
        ("Personality(kind) + (shy)\nLikes(rain + tea)", ["I am kind and shy.", "I like rain and tea."]),
        ("Name = Mira\nSpecies = human", ["I am human."]),
        ("## Mira\n**Age:** 30\n---\n- Hates geese\n* Mira sings", ["My age is 30.", "I hate geese", "I sing"]),
        ("Backstory: Mira was born here. She left.", ["I was born here.", "I left."]),
        ("kind, shy, brave", ["I am kind, shy and brave."]),
        ("Mira: kind, shy", ["I am kind and shy."]),
        ("<mira>\nMira sings.\n</mira>", ["I sing."]),
        ("Mira sings. Mira sings.\nMira sings.", ["I sing."]),
        ("I bake bread.\nMy cat is called Fig.", ["I bake bread.", "My cat is called Fig."]),
        ("Мира печёт хлеб. Возраст: 30", ["Мира печёт хлеб.", "Возраст: 30"]),
        ("Возраст: 30\nЛюбит: дождь, чай", ["Возраст: 30.", "Любит: дождь, чай."]),
        ("米拉做面包。", ["米拉做面包。"]),
        ("I meet you at 5:30 in the old mill by the lake.", ["I meet you at 5:30 in the old mill by the lake."]),
        ("", []),
        ("...\n{}\n[]\n---\n\n  \n", []),
    ],
)
def test_facts_of_many_notations(text, facts):
    assert facts_of(text, ["Mira Stone", "Mira"]) == tuple(facts)


@given(st.text(), st.text(max_size=5))
def test_any_text_has_facts_that_say_something(text, name):
    facts = facts_of(text, [name])
    assert len(set(facts)) == len(facts)
    assert all(any(c.isalnum() or c == "_" for c in fact) for fact in facts)


@pytest.mark.parametrize(
    "text",
    [
        "a(" * 20_000,
        '("' * 20_000,
        "a" * 100_000,
        "a b " * 25_000,
        'x("a" + ' * 10_000,
        "[a:" * 20_000,
        "her " * 25_000,
    ],
)
def test_very_long_texts_are_read_at_once(text):
    start = time.monotonic()
    facts_of(text, ["Mira"])
    assert time.monotonic() - start < 5
