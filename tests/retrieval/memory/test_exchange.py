"""Lines of the training schema: those who read it find the facts, and nothing is lost on the way back."""

import json

import pytest

from persona_tf.data.skips import Skips
from persona_tf.data.toloka_files import parse_toloka
from persona_tf.retrieval.memory.exchange import Message, exported, imported
from persona_tf.retrieval.memory.facts import KnownFact, NewFact

FACTS = [
    KnownFact("I bake bread.", "self", "given", 0, True, number=2),
    KnownFact("My cat is Fig.", "partner", "said", 3, slot="pet_name", value="Fig", number=4),
    KnownFact("Ёлкино is far.", "world", "said", 5, number=5),
    KnownFact("I own a boat.", "self", "invented", 6, number=9),
]
SPOKEN = [Message(0, "My cat is Fig.", (4, 2)), Message(1, "I bake, and sail.", (9, 2, 77)), Message(0, "Oh.")]


def test_the_line():
    assert json.loads(exported(FACTS[:2], SPOKEN[:1])) == {
        "persons": [["My cat is Fig."], ["I bake bread."]],
        "dialog": [{"person": 0, "text": "My cat is Fig.", "gk": [0]}],
        "memory": [
            {"text": "I bake bread.", "owner": "self", "source": "given", "turn": 0, "pinned": True}
            | {"slot": "", "value": ""},
            {"text": "My cat is Fig.", "owner": "partner", "source": "said", "turn": 3, "pinned": False}
            | {"slot": "pet_name", "value": "Fig"},
        ],
    }


def test_the_training_reader_finds_the_facts(tmp_path):
    path = tmp_path / "rated.jsonl"
    path.write_text(exported(FACTS, SPOKEN) + "\n", encoding="utf-8")
    skips = Skips()
    [dialogue] = parse_toloka(path, skips)
    assert not skips.report()
    assert dialogue.facts == (("My cat is Fig.",), ("I bake bread.", "I own a boat."))
    assert [(turn.speaker, turn.gold) for turn in dialogue.turns] == [(0, (0,)), (1, (0, 1)), (0, ())]


def test_there_and_back(make_memory):
    told = imported(exported(FACTS))
    assert told == [NewFact(f.text, f.owner, f.source, f.turn, f.pinned, f.slot, f.value) for f in FACTS]
    memory = make_memory()
    assert {outcome.kind for outcome in memory.add(told)} == {"kept"}
    assert imported(exported(memory.facts())) == told
    assert imported(exported([])) == []


def test_lines_of_the_data():
    line = '{"persons": [{"description": ["Я врач", ""]}, ["I sing."]], "dialog": []}'
    assert imported(line) == [
        NewFact("Я врач", "partner", "given"),
        NewFact("", "partner", "given"),
        NewFact("I sing.", "self", "given"),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "a line of JSON"),
        ("[1]", r"an object with the keys persons and dialog, got '\[1\]'"),
        ("{}", "key persons: expected a list, got None"),
        ('{"persons": [[]]}', "key persons: expected 2, got 1"),
        ('{"persons": [[], 3]}', "key description: expected a list, got 3"),
        ('{"persons": [[], [3]]}', "key persons: text: expected a string, got 3"),
        ('{"memory": 3}', "key memory: expected a list, got 3"),
        ('{"memory": [{"owner": "self"}]}', r"key memory\[0\]: expected an object with a text"),
        ('{"memory": [{"text": "x", "owner": "me"}]}', r"key memory\[0\]: owner: expected one of self"),
        ('{"memory": [{"text": "x", "pinned": "no"}]}', r"key memory\[0\]: expected an object"),
        ("[" * 100_000, "a line of JSON"),
    ],
)
def test_lines_that_are_none(line, message):
    with pytest.raises(ValueError, match=message):
        imported(line)
