import dataclasses
import json
import re

import pytest

from persona_tf.evaluation.override.conversation_file import (
    AskedTwice,
    Conversation,
    read_conversations,
    write_conversations,
)

ASKED = AskedTwice("home", "Where?", "Ashmoor", ("Yarford", "Glenwell"), ("Glenwell",), "In Ashmoor.", "In Glenwell.")
TURNS = ({"who": "partner", "speech": "Сто́й!\nNow.", "action": "", "emote": "wave"},)
ONE = Conversation("c1", "flood", "flood/3", "Mira", "Tam", TURNS, (ASKED, dataclasses.replace(ASKED, claimed=())))


@pytest.mark.parametrize(
    ("after", "right", "leaked"),
    [
        ("In Ashmoor.", True, False),
        ("In Glenwell.", False, True),
        ("In Ashmoor, not in Glenwell.", False, True),
        ("In Yarford.", False, False),
        ("", False, False),
    ],
)
def test_what_is_right_and_what_leaks(after, right, leaked):
    asked = dataclasses.replace(ASKED, reply_after=after)
    assert (asked.right_before, asked.right_after, asked.leaked) == (True, right, leaked)


def test_what_was_written_is_read_again(tmp_path):
    other = dataclasses.replace(ONE, id="c2", questions=())
    write_conversations(tmp_path / "override.jsonl", [ONE, other])
    assert read_conversations(tmp_path / "override.jsonl") == (ONE, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda line: line[:-5], r"override\.jsonl:2: "),
        (lambda line: "3", "2: expected a JSON object, got 3"),
        (lambda line: line.replace('"kind"', '"kin"'), "2: field 'kind' is missing"),
        (lambda line: line.replace('"kind"', '"more": 1, "kind"'), "2: unknown field 'more'; known are id, kind"),
        (
            lambda line: re.sub(r'"questions": .*', '"questions": [3]}', line),
            r"2: questions\[0\]: expected a JSON object, got 3",
        ),
        (lambda line: line.replace('"c1"', "1"), "2: field 'id': expected str, got 1"),
        (
            lambda line: line.replace('"value": "Ashmoor"', '"value": 3'),
            r"2: field 'questions\[0\].value': expected str, got 3",
        ),
    ],
)
def test_an_error_names_line_and_field(change, message, tmp_path):
    line = json.dumps(dataclasses.asdict(ONE))
    (tmp_path / "override.jsonl").write_text(f"{line}\n{change(line)}\n")
    with pytest.raises(ValueError, match=message):
        read_conversations(tmp_path / "override.jsonl")
