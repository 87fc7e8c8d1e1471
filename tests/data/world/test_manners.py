import pytest

from persona_tf.data.world import chat
from persona_tf.data.world.manners import TEMPERAMENTS, events, read_event, temperaments
from persona_tf.episode import EMOTES


def test_temperaments_are_told_in_many_ways():
    for temperament in temperaments().values():
        assert len(temperament.fact.train) >= 15
        assert len(temperament.fact.unseen) >= 5
    facts = [f for t in temperaments().values() for f in t.fact.train + t.fact.unseen]
    assert len(set(facts)) == len(facts)


def test_the_friendly_hug_and_the_hostile_hit():
    assert events()["praise"].reactions["friendly"].action == "hug {partner}"
    assert events()["insult"].reactions["hostile"].action == "hit {partner}"
    assert events()["request_part"].reactions["proud"].action == ""


def test_each_event_tells_temperaments_apart():
    for event in events().values():
        kinds = {(r.emote, r.action) for r in event.reactions.values()}
        assert len(kinds) >= 5, event.name


def test_every_emote_is_shown_by_somebody():
    shown = {r.emote for e in events().values() for r in e.reactions.values()}
    shown |= {emote for t in temperaments().values() for emote in t.asked.values()}
    assert shown - {""} == set(EMOTES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"emote": "giggle"}, "giggle"),
        ({"action": "kiss {partner}"}, "kiss"),
        ({"reply": ["One."]}, "reply"),
        ({"reply": ["{nobody}"] * 3}, "nobody"),
    ],
)
def test_errors_name_the_place(change, message):
    reaction = {"emote": "nod", "action": "", "reply": ["A.", "B.", "C."]}
    table = {
        "line": ["Hm."],
        "line_unseen": ["Hmm."],
        **dict.fromkeys(TEMPERAMENTS, reaction),
        "sly": {**reaction, **change},
    }
    with pytest.raises(ValueError, match=rf"x.toml \[hum.*{message}"):
        read_event("hum", table, "x.toml")


def test_a_missing_temperament_is_an_error():
    with pytest.raises(ValueError, match="pious"):
        read_event("hum", {t: {} for t in TEMPERAMENTS if t != "pious"}, "x.toml")


def test_chat_is_complete():
    assert len(chat.topics()) >= 8
    assert set(chat.meeting()) == {"greeting", "farewell"}
    assert all(len(pair.train) >= 8 for pair in chat.admits().values())
    assert set(chat.slots()) == {"own_name", "partner_name", "gift_given"}
