import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.chat.card_macros import fill


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{char}} and {{user}}", "Mira and Tam"),
        ("{{CHAR}}, <Bot>, <char>, <USER>, {{ user }}", "Mira, Mira, Mira, Tam, Tam"),
        ("{{char}}'s", "Mira's"),
        ("a{{// not\nfor you}}b{{comment: x}}{{hidden_key:x}}c", "abc"),
        ("{{reverse:abc}}", "cba"),
        ("{{random:a}}{{pick::b}}", "ab"),
        ("{{random:{{char}}}}", "Mira"),
        ("{{random:a\\,b}}", "a,b"),
        ("{{roll:1}} {{roll:d1}}", "1 1"),
        ("{{roll:x}} {{time}} {char} {{}} <b>", "{{roll:x}} {{time}} {char} {{}} <b>"),
        ("", ""),
    ],
)
def test_what_is_filled_in(text, filled):
    assert fill(text, "Mira", "Tam") == filled


def test_what_is_drawn_depends_on_the_text_alone():
    texts = [f"{i} {{{{random:a,b,c{i}}}}} {{{{roll:d6}}}} {{{{pick:{i},x}}}}" for i in range(40)]
    drawn = [fill(text, "", "") for text in texts]
    assert drawn == [fill(text, "Mira", "Tam") for text in texts]
    assert {text.split()[1][0] for text in drawn} == {"a", "b", "c"}
    assert {text.split()[2] for text in drawn} <= set("123456")


def test_names_are_no_macros():
    assert fill("{{user}}!", "Mira", "{{random:a,b}}") == "{random:a,b}}!"


@given(st.text(st.sampled_from("{}charuse:,/ rollpick<>\n")), st.text(max_size=3))
def test_any_text_is_taken(text, name):
    assert isinstance(fill(text, name, name), str)
