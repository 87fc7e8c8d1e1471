import dataclasses
import json

import pytest

from persona_tf.evaluation.candidates import Ranked
from persona_tf.evaluation.prediction_file import ScoredTarget, Swapped, write_predictions
from persona_tf.evaluation.references import with_references

GOLD = [
    ScoredTarget(
        f"d/{i}",
        "d",
        source="persona",
        value="Rex",
        gold_reply=f"gold {i}",
        reply="another bot's",
        gold_action="hug",
        action="hug",
        action_per_token="hug",
        said_by="self",
        swapped=Swapped("Fido", "Rex", "another bot's"),
        reply_nats=9.0,
        reply_tokens=4,
        reply_words=2,
        reply_bytes=6,
    )
    for i in range(6)
]


@pytest.fixture
def files(tmp_path):
    """Lines of answers -> the two files."""

    def write(lines):
        theirs, references = tmp_path / "theirs.jsonl", tmp_path / "test.jsonl"
        theirs.write_text("".join(json.dumps(line) + "\n" for line in lines))
        write_predictions(references, GOLD)
        return theirs, references

    return write


def answers(*numbers):
    return [{"id": f"d/{i}", "reply": f"mine {i}"} for i in numbers]


def test_an_id_and_a_reply_are_enough_in_any_order(files):
    found = with_references(*files(answers(5, 3, 1, 0, 2, 4)))
    assert [target.id for target in found] == [target.id for target in GOLD]
    for i, target in enumerate(found):
        none = dict.fromkeys(("action", "action_per_token", "said_by"), "")
        nothing = {"swapped": None, "reply_nats": 0.0, "reply_tokens": 0, "ranked": None, **none}
        assert target == dataclasses.replace(GOLD[i], reply=f"mine {i}", **nothing), (
            "nothing of the other bot's answer is left"
        )


def test_what_is_answered_beside_the_reply_is_taken(files):
    lines = answers(*range(6))
    lines[2] |= {"action": "hit", "reply_nats": 2.5, "reply_tokens": 3, "gold_reply": "gold 2", "episode": "d"}
    found = with_references(*files(lines))[2]
    assert (found.action, found.reply_nats, found.reply_tokens) == ("hit", 2.5, 3)


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        (range(5), r"5 answers for 6 references; 1 without an answer: 'd/5'"),
        (range(7), r"7 answers for 6 references; 1 unknown: 'd/6'"),
        ((0, 1, 2, 3, 4, 6), r"1 without an answer: 'd/5'; 1 unknown: 'd/6'"),
        ((0,), r"5 without an answer: 'd/1', 'd/2', 'd/3', \.\.\.$"),
        ((), r"theirs\.jsonl holds no predictions"),
        ((0, 0), r"theirs\.jsonl:2: the id 'd/0' was on an earlier line"),
    ],
)
def test_ids_must_be_the_same(files, numbers, message):
    with pytest.raises(ValueError, match=message):
        with_references(*files(answers(*numbers)))


def test_answers_to_other_questions_are_found_out(files):
    lines = answers(*range(6))
    lines[1]["gold_reply"] = "gold of another split"
    with pytest.raises(ValueError, match=r"'d/1': gold_reply is 'gold of another split', the reference has 'gold 1'"):
        with_references(*files(lines))


def test_references_must_be_some(files):
    theirs, references = files(answers(*range(6)))
    references.write_text("")
    with pytest.raises(ValueError, match=r"test\.jsonl holds no predictions"):
        with_references(theirs, references)


def test_what_it_ranked_itself_is_taken_and_holds_the_gold_reply(files):
    lines = answers(*range(6))
    lines[4]["ranked"] = {"candidates": ["Gold 4!", "gold 5"], "nats": [3.0, 4.0], "tokens": [2, 2]}
    assert with_references(*files(lines))[4].ranked == Ranked(("Gold 4!", "gold 5"), (3.0, 4.0), (2, 2))
    lines[4]["ranked"]["candidates"][0] = "gold 3"
    with pytest.raises(ValueError, match=r"theirs\.jsonl: target 'd/4': field 'ranked.candidates': .* 'gold 4' among"):
        with_references(*files(lines))
