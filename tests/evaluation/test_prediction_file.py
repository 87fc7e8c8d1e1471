import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.evaluation.candidates import Ranked
from persona_tf.evaluation.prediction_file import (
    ScoredTarget,
    Swapped,
    read_predictions,
    write_predictions,
)

FULL = ScoredTarget(
    id="d1/3",
    episode="d1",
    source="persona",
    slot="pet_name",
    question="What is your dog's name?",
    value="Rex",
    decoys=("Fido", "Ёжик"),
    gold_reply="It is Rex.",
    reply='Rex\u2028 "it" is\n',
    gold_action="hug dog",
    action="hug dog",
    action_generated="",
    available_actions=("hug dog", "hit dog"),
    gold_emote="smile",
    emote="grin",
    emote_generated="",
    swapped=Swapped("Fido", "Rex", "It is Rex."),
    missing="",
    reply_nats=3.5,
    reply_tokens=4,
    reply_words=3,
    reply_bytes=10,
    reply_right=4,
    changed_nats={"persona_shuffled": 4.0, "history_missing": 3},
    ranked=Ranked(("No.", "It is Rex!"), (2.0, 3.5), (2, 4)),
    knowledge_gold=("persona/2",),
    knowledge_texts=("My dog is Rex.",),
    knowledge_chosen="persona/0",
    leant_on={"persona/0": 0.75, "turn/2": 0.25},
    facts_gold=("turn/2 self: My dog is Rex.",),
    facts=("turn/2 partner: My dog is Rex.",),
    made_up_gold="I am old.",
    made_up="",
)
LEAST = ScoredTarget(id="d2/0", episode="d2")


def test_what_is_written_is_read(tmp_path):
    path = tmp_path / "new" / "valid.jsonl"
    write_predictions(path, [FULL, LEAST])
    assert read_predictions(path) == (FULL, LEAST)
    assert len(path.read_text(encoding="utf-8").split("\n")) == 3  # a line each and the end
    assert [p.name for p in path.parent.iterdir()] == ["valid.jsonl"]


@given(st.builds(ScoredTarget, id=st.text(), episode=st.text(), reply_nats=st.floats(0, 1e9), reply=st.text()))
def test_json_round_trip(target):
    assert ScoredTarget.from_json(json.loads(json.dumps(target.to_json()))) == target


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "valid.jsonl"
    write_predictions(path, [LEAST])

    def failing():
        yield FULL
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError, match="out of memory"):
        write_predictions(path, failing())
    assert read_predictions(path) == (LEAST,)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"reply_nats": float("nan")}, "reply_nats nan"),
        ({"leant_on": {"persona/0": float("inf")}}, "leant_on.persona/0 inf"),
        ({"changed_nats": {"setting_missing": float("nan")}}, "changed_nats.setting_missing nan"),
        ({"ranked": Ranked(("a", "b"), (1.0, float("nan")), (1, 1))}, r"ranked.nats\[1\] nan"),
    ],
)
def test_a_number_that_is_none_is_not_written(tmp_path, bad, named):
    with pytest.raises(ValueError, match=rf"'d2/0': expected finite numbers, got {named}; has the model diverged"):
        write_predictions(tmp_path / "valid.jsonl", [ScoredTarget("d2/0", "d2", **bad)])


def with_ranked(candidates, gold_reply="A!", **other):
    ranked = {"candidates": candidates, "nats": [1.0] * len(candidates), "tokens": [2] * len(candidates), **other}
    return json.dumps({"id": "x", "episode": "e", "gold_reply": gold_reply, "ranked": ranked})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "expected one JSON object a line"),
        ("[]", "expected a JSON object"),
        ('{"id": "x"}', "'episode' is missing: answers of id and reply alone need --references"),
        ('{"id": "x", "episode": "e", "gold": 1}', "unknown field 'gold'"),
        ('{"id": "x", "episode": "e", "reply": null}', "'reply': expected str, got None"),
        ('{"id": "x", "episode": "e", "reply_tokens": 1.5}', "'reply_tokens': expected int"),
        ('{"id": "x", "episode": "e", "reply_nats": true}', "'reply_nats': expected int or float"),
        ('{"id": "x", "episode": "e", "decoys": "Rex"}', "'decoys': expected list"),
        ('{"id": "x", "episode": "e", "decoys": [1]}', "'decoys': expected strings"),
        ('{"id": "x", "episode": "e", "leant_on": {"a": "b"}}', "'leant_on': expected a number for 'a'"),
        ('{"id": "x", "episode": "e", "changed_nats": {"persona": 1}}', "unknown field 'changed_nats.persona'; known"),
        ('{"id": "x", "episode": "e", "changed_nats": {"setting_missing": true}}', "expected a number for 'setting_m"),
        ('{"id": "x", "episode": "e", "missing": 1}', "'missing': expected str or null"),
        ('{"id": "x", "episode": "e", "knowledge_texts": [1]}', "'knowledge_texts': expected strings"),
        ('{"id": "x", "episode": "e", "swapped": {"value": "Rex"}}', "'swapped.old_value' is missing"),
        ('{"id": "x", "episode": "e", "swapped": "Rex"}', "'swapped': expected dict or null"),
        ('{"id": "x", "episode": "e", "ranked": {"candidates": ["a"]}}', "'ranked.nats' is missing"),
        (with_ranked(["a", 3]), r"'ranked.candidates\[1\]': expected str, got 3"),
        (with_ranked(["a", "b"], nats=[1, "2"]), r"'ranked.nats\[1\]': expected int or float, got '2'"),
        (with_ranked(["a", "b"], tokens=[1, -1]), r"'ranked.tokens\[1\]': expected a finite number of 0 or more"),
        (with_ranked(["a"], gold_reply=""), r"'ranked': expected a gold_reply .* got none: the gold reply itself has"),
        (
            with_ranked(["c", "d"]),
            r"'ranked.candidates': expected the gold_reply 'A!' among them, got 2 others: 'c', ",
        ),
        ('{"id": "x", "episode": "e", "reply_tokens": 5}', "'reply_nats' is missing, but reply_tokens is there"),
        ('{"id": "x", "episode": "e", "reply_nats": 5}', "'reply_tokens' is missing, but reply_nats is there"),
        (
            '{"id": "x", "episode": "e", "changed_nats": {"persona_shuffled": 5}}',
            "'reply_nats' is missing, but changed_nats",
        ),
        (
            '{"id": "x", "episode": "e", "source": "Persona"}',
            "'source': expected \"\" or one of .* got 'Persona'",
        ),
        (
            '{"id": "x", "episode": "e", "source": "history"}',
            "'value': expected the right .* 'history', got none",
        ),
        ('{"id": "d2/0", "episode": "e"}', "'d2/0' was on an earlier line"),
    ],
)
def test_errors_name_file_and_line(tmp_path, line, message):
    path = tmp_path / "valid.jsonl"
    write_predictions(path, [LEAST])
    path.write_text(path.read_text() + "\n" + line + "\n")
    with pytest.raises(ValueError, match=rf"valid\.jsonl:3: .*{message}"):
        read_predictions(path)


BAD = ["NaN", "Infinity", "-Infinity", "1e999", "-0.5", "-1", "1" + "0" * 400]


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        *((field, bad) for field in ("reply_nats", "leant_on") for bad in BAD),
        *((field, bad) for field in ("reply_tokens", "reply_words", "reply_bytes") for bad in BAD[-2:]),
    ],
)
def test_a_number_that_cannot_be_is_refused_with_its_place(tmp_path, field, bad):
    value, name = (f'{{"a": 0.5, "b": {bad}}}', "leant_on.b") if field == "leant_on" else (bad, field)
    path = tmp_path / "theirs.jsonl"
    path.write_text(f'{{"id": "x", "episode": "e"}}\n{{"id": "y", "episode": "e", "{field}": {value}}}\n')
    expected = rf"theirs\.jsonl:2: field '{name}': expected a finite number of 0 or more, got "
    with pytest.raises(ValueError, match=expected) as caught:
        read_predictions(path)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("right", [-1, 5])
def test_no_more_tokens_are_right_than_there_are(tmp_path, right):
    path = tmp_path / "theirs.jsonl"
    line = {"id": "x", "episode": "e", "gold_reply": "ok", "reply_nats": 3.0, "reply_tokens": 4, "reply_right": right}
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(ValueError, match=rf"theirs\.jsonl:1: field 'reply_right': .* 4 reply_tokens, got {right}"):
        read_predictions(path)


def test_what_rounding_leaves_below_zero_is_read(tmp_path):
    target = ScoredTarget("d2/0", "d2", reply_nats=-1e-6, changed_nats={"persona_shuffled": -1e-6})
    write_predictions(tmp_path / "own.jsonl", [target])
    assert read_predictions(tmp_path / "own.jsonl") == (target,)


def test_words_and_bytes_are_counted_where_the_file_leaves_them_out(tmp_path):
    """Else they would be missing below the nats that are spread over them."""
    path = tmp_path / "theirs.jsonl"
    line = {"id": "x", "episode": "e", "gold_reply": "да  ok", "reply_nats": 3.0, "reply_tokens": 4}
    path.write_text(json.dumps(line) + "\n" + json.dumps({**line, "id": "y", "reply_words": 7}) + "\n")
    one, other = read_predictions(path)
    assert (one.reply_words, one.reply_bytes) == (2, 8)
    assert (other.reply_words, other.reply_bytes) == (7, 8)


def test_an_unanswerable_question_has_no_right_value():
    assert ScoredTarget("x", "e", source="persona", value="Rex").right_value == "Rex"
    assert ScoredTarget("x", "e", source="unanswerable", value="Rex").right_value == ""
