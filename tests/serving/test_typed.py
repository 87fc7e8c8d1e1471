import pytest

from persona_tf.serving.typed import typed


@pytest.mark.parametrize(
    ("line", "turn"),
    [
        ("Good day! *hug Mira* (smile)", ("Good day!", "hug Mira", "smile")),
        ("  *hug Mira*  ", ("", "hug Mira", "")),
        ("(smile)", ("", "", "smile")),
        ("So (you) say (maybe)", ("So (you) say (maybe)", "", "")),
        ("*get hat* (maybe)", ("*get hat* (maybe)", "", "")),
        ("5 * 3 is 15", ("5 * 3 is 15", "", "")),
        ("well*", ("well*", "", "")),
        ("**", ("**", "", "")),
        ("*", ("*", "", "")),
        ("()", ("()", "", "")),
        ("a *b* c *d*", ("a *b* c", "d", "")),
    ],
)
def test_a_line_may_end_in_an_action_and_an_emote(line, turn):
    assert typed(line) == turn


@pytest.mark.parametrize("line", ["* " * 50_000, "(" * 100_000, "a" + " " * 100_000 + "b", ")*" * 50_000])
def test_a_very_long_line_is_read_at_once(line):
    assert typed(line)[0]
