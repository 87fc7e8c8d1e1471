import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.chat.card_talk import examples_of, turn_of
from persona_tf.episode import EMOTES, Turn


@pytest.mark.parametrize(
    ("message", "speech", "action", "emote"),
    [
        ("Good day!", "Good day!", "", ""),
        ("*Mira looks up.* Good day!", "Good day!", "looks up", ""),
        ("*She smiles.* Good day! *hugs Tam*", "Good day!", "hugs Tam", "smile"),
        ("*smile* *nods* Hm", "Hm", "", "smile"),
        ("*cries*", "", "", "cry"),
        ("*smiles at Tam*", "", "smiles at Tam", ""),
        ('*Mira looks up.* "Good day!"', "Good day!", "looks up", ""),
        ('Mira looks up. "Good day," she says. "Come in!"', "Good day, Come in!", "looks up, says", ""),
        ("“Ja?” Sie lacht.", "Ja?", "Sie lacht", ""),
        ('I like "Dune" a lot.', 'I like "Dune" a lot.', "", ""),
        ("That is **not** it.", "That is not it.", "", ""),
        ("2 * 3 is six", "2 3 is six", "", ""),
        ("*She sits.\nShe waits.* Yes?\n\nNo?", "Yes? No?", "sits, waits", ""),
        ("", "", "", ""),
        ("***", "", "", ""),
    ],
)
def test_a_message_is_said_done_and_shown(message, speech, action, emote):
    assert turn_of(message, 1, ["Mira"]) == Turn(1, speech, action, emote)


@pytest.mark.parametrize("emote", EMOTES)
def test_every_emote_can_be_shown(emote):
    assert turn_of(f"*{emote}*", 1).emote == emote


def test_examples_stay_apart():
    text = """Before all.
<START>
{{user}}: Hi, {{char}}!
{{char}}: *nods* Hello.
How are you?
<start>
MIRA: Rain again.
Tam : Yes.
Bo: Not mine.
{{char}}:
<START>
nobody speaks"""
    assert examples_of(text, ["Mi", "Mira"], "Tam") == (
        (Turn(0, "Hi, Mi!"), Turn(1, "Hello. How are you?", "", "nod")),
        (Turn(1, "Rain again."), Turn(0, "Yes. Bo: Not mine.")),
    )
    assert examples_of("", ["Mira"], "Tam") == ()
    assert examples_of("{{char}}: a\n{{user}}: b", ["Mira"], "") == ((Turn(1, "a"), Turn(0, "b")),)


@given(st.text(st.sampled_from('*"“” .ab\n')), st.text("ab", max_size=2))
def test_any_message_is_taken(message, name):
    turn = turn_of(message, 0, [name])
    assert "*" not in turn.speech + turn.action
    assert "\n" not in turn.speech + turn.action


@pytest.mark.parametrize("text", ["*" * 100_000, '"' * 100_000, "* " * 50_000, "a:" * 50_000, "<START>" * 10_000])
def test_very_long_messages_are_read_at_once(text):
    turn_of(text, 1, ["Mira"])
    examples_of(text, ["Mira"], "Tam")
