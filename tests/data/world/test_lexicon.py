import pytest

from persona_tf.data.world.lexicon import Phrases, articled, load, read_fillers, read_slots

FILLERS = {"person": Phrases(("Ada",), ("Bram",))}
TEN = [f"{{value}} {n}" for n in range(10)]
SLOT = {
    "source": "persona",
    "type": "person",
    "question": [f"Who {n}?" for n in range(10)],
    "question_unseen": [f"Whom {n}?" for n in range(5)],
    "fact": TEN,
    "fact_unseen": TEN[:5],
    "answer": TEN,
    "answer_unseen": TEN[:5],
}


def _read(**changes):
    return read_slots({"x.toml": {"friend": {**SLOT, **changes}}}, FILLERS)


def test_a_slot_is_read():
    slot = _read()["friend"]
    assert (slot.name, slot.source, slot.type, len(slot.question.unseen)) == ("friend", "persona", "person", 5)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("source", "memory"),
        ("type", "dragon"),
        ("question", ["Only one?"]),
        ("question", ["What of {who}?"] * 10),
        ("fact", ["No value here."] * 10),
        ("answer", ["{value"] * 10),
        ("needs", "nobody"),
        ("colour", "red"),
    ],
)
def test_errors_name_file_table_and_key(key, value):
    with pytest.raises(ValueError, match=rf"toml \[friend\] .*{key}"):
        _read(**{key: value})


def test_facts_of_a_slot_with_needs_name_the_other():
    with pytest.raises(ValueError, match="who"):
        _read(needs="friend")


def test_a_filler_stands_once():
    listed = [f"v{n}" for n in range(20)]
    with pytest.raises(ValueError, match="v3"):
        read_fillers({"person": {"train": listed, "unseen": ["v3", "a", "b", "c", "d"]}}, "fillers.toml")


def test_articles_belong_to_the_thing():
    assert articled("A {thing}! What a {thing}, the {thing}.") == "{A_thing}! What {a_thing}, the {thing}."


def test_the_lexicon_is_as_rich_as_promised():
    slots = load().slots.values()
    assert len(slots) >= 30
    for slot in slots:
        for pair in (slot.question, slot.fact, slot.answer):
            assert len(set(pair.train + pair.unseen)) >= 15, slot.name
            assert len(pair.unseen) >= 5, slot.name
            assert not set(pair.train) & set(pair.unseen), slot.name


def test_answers_never_just_repeat_a_fact():
    for slot in load().slots.values():
        assert not set(slot.fact.train + slot.fact.unseen) & set(slot.answer.train + slot.answer.unseen), slot.name
