import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data.toloka_html import Message, html_facts, html_messages


def messages(cell):
    bad = []
    return [(m.speaker, m.text) for m in html_messages(cell, bad.append)], bad


OFFICIAL = (
    "<span class=participant_1>Пользователь 1: Добрый день! Печёте?<br /></span>"
    "<span class=participant_2>Пользователь 2: Пеку &amp; пою 😁<br /></span>"
    "<span class=participant_2>Пользователь 2: А ты?<br /></span>"
)


def test_the_official_form():
    assert messages(OFFICIAL) == ([(0, "Добрый день! Печёте?"), (1, "Пеку & пою 😁"), (1, "А ты?")], [])


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("<span class='participant_2'>Да<br/>нет<BR>\n а&nbsp;может</span>", [(1, "Да нет а может")]),
        ('<SPAN CLASS="participant_1">&lt;3 &quot;кот&quot; &#128049;</SPAN>', [(0, '<3 "кот" 🐱')]),
        ("<span class=participant_1>я <span class=b>очень</span> рад</span>", [(0, "я очень рад")]),
        (
            "<span class=participant_1>раз<span class=participant_2>два</span>три</span>",
            [(0, "раз"), (1, "два"), (0, "три")],
        ),
        (
            "<span class=participant_1>раз<span class=participant_1>два</span>три</span>",
            [(0, "раз"), (0, "два"), (0, "три")],
        ),
        ("<span class=participant_1>раз<br /><span class=participant_2>два", [(0, "раз"), (1, "два")]),
        ("</span></span><span class=participant_1>раз</span></span>", [(0, "раз")]),
        ("<span class=participant_1>Пользователь 1:<br /></span><span class=participant_2> </span>", []),
        ("<span class=participant_1>Пользователь 1: раз<br />Пользователь 1: два</span>", [(0, "раз два")]),
        ("<span class=participant_1>Я Пользователь 1: да</span>", [(0, "Я Пользователь 1: да")]),
        ("<span class=participant_1>:< и 2<3, <привет> <b>жирно</b>", [(0, ":< и 2<3, <привет> жирно")]),
        ("", []),
    ],
)
def test_oddities(cell, said):
    assert messages(cell) == (said, [])


def test_what_stands_outside_is_told_and_left_out():
    cell = "Кто? <span class=participant_1>Я.</span> <br /><span class=participant_3>Никто.</span>"
    said, bad = messages(cell)
    assert said == [(0, "Я.")]
    assert bad == [f"{text!r} stands in no <span class=participant_1> or _2" for text in ("Кто?", "Никто.")]


@pytest.mark.parametrize(
    ("cell", "facts"),
    [
        ("<span class=participant_1>Я пеку.<br />  У меня  кот.<br /><br /></span>", ("Я пеку.", "У меня кот.")),
        ("Я пеку.<br>Пью чай &amp; кофе", ("Я пеку.", "Пью чай & кофе")),
        ("<span class=participant_2></span>", ()),
    ],
)
def test_facts(cell, facts):
    assert html_facts(cell) == facts


# One of U+001C to U+001F is a blank for str.split, and no HTML parser keeps a NUL or a carriage return.
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
CLEAN = TEXT.map(lambda text: " ".join(text.split())).filter(lambda text: text and "Пользователь" not in text)


@given(st.lists(st.tuples(st.integers(0, 1), CLEAN), max_size=6))
def test_what_is_written_is_read(dialogue):
    spans = (
        f"<span class=participant_{who + 1}>Пользователь {who + 1}: {html.escape(text)}<br /></span>"
        for who, text in dialogue
    )
    assert messages("".join(spans)) == (dialogue, [])


@given(st.lists(CLEAN, max_size=6))
def test_facts_that_are_written_are_read(facts):
    lines = "".join(f"{html.escape(fact)}<br />" for fact in facts)
    assert html_facts(f"<span class=participant_1>{lines}</span>") == tuple(facts)


PIECES = st.sampled_from(
    (
        "<span class=participant_1>",
        "<span class=participant_2>",
        "<span>",
        "</span>",
        "<br />",
        "да",
        "&am",
        "<",
        "<!--",
    )
)


@given(st.lists(PIECES | TEXT, max_size=20))
def test_any_text_gives_messages_of_words(pieces):
    said, _ = messages("".join(pieces))
    assert all(who in (0, 1) and text == " ".join(text.split()) != "" for who, text in said)


def test_a_message_knows_no_facts_unless_told():
    assert Message(0, "да").gold is None
