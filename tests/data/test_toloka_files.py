import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data.skips import Skips
from persona_tf.data.toloka_files import Dialogue, parse_toloka, turns_of
from persona_tf.data.toloka_html import Message

HEADER = "persona_1_profile\tpersona_2_profile\tdialogue\n"
BAKER, SINGER = ("Я пеку хлеб.", "У меня есть кот."), ("Я боюсь гусей.", "Я пою.")


def profile(number, facts):
    return f"<span class=participant_{number}>{''.join(f'{fact}<br />' for fact in facts)}</span>"


def line(*said, facts=(BAKER, SINGER)):
    turns = (f"<span class=participant_{who + 1}>Пользователь {who + 1}: {text}<br /></span>" for who, text in said)
    return "\t".join([profile(1, facts[0]), profile(2, facts[1]), "".join(turns)])


ONE = line((0, "Привет!"), (0, "Как дела?"), (1, "Пою."))
TWO = line((1, "Кто вы?"), (0, "Пекарь."))


def parse(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    skips = Skips()
    return list(parse_toloka(path, skips)), skips


def said(dialogues):
    return [[(turn.speaker, turn.text) for turn in dialogue.turns] for dialogue in dialogues]


SAID = [[(0, "Привет! Как дела?"), (1, "Пою.")], [(1, "Кто вы?"), (0, "Пекарь.")]]


def test_the_table(tmp_path):
    dialogues, skips = parse(tmp_path, "dialogues.tsv", f"{HEADER}{ONE}\n{TWO}\n")
    assert dialogues[0] == Dialogue(
        f"{tmp_path / 'dialogues.tsv'}:2", (BAKER, SINGER), (Message(0, "Привет! Как дела?"), Message(1, "Пою."))
    )
    assert said(dialogues) == SAID
    assert skips.count == 0
    assert [dialogue.id for dialogue in dialogues] == ["toloka/627a7241b31c", "toloka/5f123d5b8478"]


@pytest.mark.parametrize(
    "content",
    [
        f"{ONE}\n{TWO}",
        f"\ufeff{HEADER}{ONE}\t\r\n\r\n{TWO}\t\r\n",
        HEADER + "\n".join("\t".join(f'"{cell}"' for cell in row.split("\t")) for row in (ONE, TWO)),
        HEADER
        + ONE.replace("<span class=participant_1>П", '"<span class="participant_1">П', 1)
        .replace('"participant_1"', '""participant_1""')
        .replace("Привет!<br />", "Привет!<br />\n")
        + f'"\n{TWO}',
    ],
)
def test_headers_line_ends_and_quotes_make_no_difference(tmp_path, content):
    dialogues, skips = parse(tmp_path, "dialogues.tsv", content)
    assert said(dialogues) == SAID
    assert skips.count == 0


def test_bad_lines_of_the_table_are_counted_and_cost_themselves_only(tmp_path):
    open_quote = line((0, "раз"), (1, "два")).replace("\t<span", '\t"<span', 1)
    rows = [ONE, "<span>Я.</span>\tдва", open_quote, ONE, line(), "\t".join([ONE, "x"]), TWO, "Кто?" + TWO[:-60]]
    content = (HEADER + "\n".join(rows)).encode() + b"\xe9\n"
    dialogues, skips = parse(tmp_path, "dialogues.tsv", content)
    assert said(dialogues) == [SAID[0], [(0, "раз"), (1, "два")], SAID[1]]
    assert skips.count == 5
    report = skips.report()
    for part in (
        ":3: expected 3 cells, the first profile, the second profile, the dialogue, with tabs between; found 2",
        f":5: the same dialogue as at {tmp_path / 'dialogues.tsv'}:2",
        ":6: a dialogue in which nothing is said",
        ":7: expected 3 cells",
        ":9: no UTF-8",
    ):
        assert part in report


def test_text_in_no_span_is_counted(tmp_path):
    dialogues, skips = parse(tmp_path, "dialogues.tsv", f"{HEADER}{ONE}эй\n")
    assert said(dialogues) == SAID[:1]
    assert skips.report().endswith("dialogues.tsv:2: 'эй' stands in no <span class=participant_1> or _2")


def json_line(*messages, facts=(BAKER, SINGER), **more):
    dialog = [{"person": who, "text": text, **({} if gold is None else {"gk": gold})} for who, text, gold in messages]
    persons = [{"description": list(own), "gender": "unknown"} for own in facts]
    return json.dumps({"persons": persons, "dialog": dialog, **more}, ensure_ascii=False)


def test_json_lines(tmp_path):
    first = json_line((0, "Привет!", []), (0, " Как\r\nдела? ", [1]), (1, "Пою.", [1]))
    plain = json.dumps(
        {"persons": [BAKER, SINGER], "dialog": [{"person": 1, "text": "Кто вы?"}, {"person": 0, "text": "Пекарь."}]}
    )
    dialogues, skips = parse(tmp_path, "a.jsonl", f"{first}\n{plain}\n")
    assert [dialogue.turns for dialogue in dialogues] == [
        (Message(0, "Привет! Как дела?", (1,)), Message(1, "Пою.", (1,))),
        (Message(1, "Кто вы?"), Message(0, "Пекарь.")),
    ]
    assert dialogues[0].facts == (BAKER, SINGER)
    assert skips.count == 0
    # What is said in both files has one id.
    assert [d.id for d in dialogues] == [d.id for d in parse(tmp_path, "d.tsv", f"{ONE}\n{TWO}")[0]]


def test_empty_facts_leave_the_others_their_labels(tmp_path):
    (dialogue,), _ = parse(tmp_path, "a.jsonl", json_line((0, "Мяу.", [2, 0]), facts=(("А.", " ", "Б."), ())))
    assert dialogue.facts == (("А.", "Б."), ())
    assert dialogue.turns == (Message(0, "Мяу.", (0, 1)),)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{", "Expecting property name"),
        ("[1]", "expected an object with the key persons, got '[1]'"),
        ('{"persons": [[], []]}', "expected an object with the key dialog"),
        ('{"persons": [[]], "dialog": []}', "key persons: expected 2, got 1"),
        ('{"persons": [[], [1]], "dialog": []}', "key description: expected a list of strings"),
        ('{"persons": [[], {}], "dialog": []}', "expected an object with the key description, got '{}'"),
        ('{"persons": [[], []], "dialog": [{"person": 2, "text": "a"}]}', "key person: expected 0 or 1, got 2"),
        ('{"persons": [[], []], "dialog": [{"person": true, "text": "a"}]}', "key person: expected int, got True"),
        ('{"persons": [[], []], "dialog": [{"person": 0, "text": 3}]}', "key text: expected str, got 3"),
        ('{"persons": [[], []], "dialog": [{"person": 0, "text": "a", "gk": 3}]}', "key gk: expected list, got 3"),
        ('{"persons": [[], []], "dialog": []}', "a dialogue in which nothing is said"),
        ("[" * 100_000, "maximum recursion"),
    ],
)
def test_a_bad_json_line_is_told_and_left_out(tmp_path, bad, reason):
    dialogues, skips = parse(tmp_path, "a.jsonl", f"{bad}\n{json_line((0, 'Да.', []))}\n")
    assert said(dialogues) == [[(0, "Да.")]]
    assert skips.count == 1
    assert f"a.jsonl:1: {reason}" in skips.report()


def test_labels_of_no_fact_are_told_and_the_turn_stays(tmp_path):
    (dialogue,), skips = parse(tmp_path, "a.jsonl", json_line((0, "Да.", [0, 7, -1, True])))
    assert dialogue.turns == (Message(0, "Да.", (0,)),)
    assert "key gk: [0, 7, -1, True] are not all facts of person 0; those that are stay" in skips.report()


def test_what_a_turn_uses_is_known_when_it_is_of_all_its_messages():
    known, unknown = Message(0, "а", (1, 0)), Message(0, "б")
    assert turns_of([known, Message(0, "в", (2,))]) == (Message(0, "а в", (0, 1, 2)),)
    assert turns_of([known, unknown]) == turns_of([Message(0, "а"), unknown]) == (Message(0, "а б"),)
    assert turns_of([Message(1, ""), known, Message(1, "")]) == (known,)


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=20)
CLEAN = TEXT.map(lambda text: " ".join(text.split())).filter(bool)
MESSAGES = st.lists(
    st.tuples(st.integers(0, 1), CLEAN, st.none() | st.lists(st.integers(0, 1), max_size=2)), min_size=1
)


@given(MESSAGES)
def test_json_that_is_written_is_read(tmp_path_factory, messages):
    (dialogue,), skips = parse(tmp_path_factory.mktemp("j"), "a.jsonl", json_line(*messages))
    assert skips.count == 0
    assert " ".join(turn.text for turn in dialogue.turns) == " ".join(text for _, text, _ in messages)
    assert all(one.speaker != other.speaker for one, other in zip(dialogue.turns, dialogue.turns[1:], strict=False))
    used = {(who, index) for who, _, gold in messages for index in gold or ()}
    assert {(turn.speaker, index) for turn in dialogue.turns for index in turn.gold or ()} <= used


@given(
    st.binary(max_size=200) | st.text('"\t\n<>spanбr 12', max_size=80).map(str.encode),
    st.sampled_from(["tsv", "jsonl"]),
)
def test_any_bytes_become_dialogues_or_skips(tmp_path_factory, content, ending):
    dialogues, skips = parse(tmp_path_factory.mktemp("b"), f"a.{ending}", content)
    assert all(dialogue.turns for dialogue in dialogues)
    assert dialogues or skips.count or not content.decode("utf-8-sig", errors="replace").strip()


def test_a_quote_that_is_never_closed_in_a_long_file(tmp_path):
    rows = [f'"<span>{"слово " * 30}'] + ["строка без табуляции"] * 1_200 + [ONE]
    dialogues, skips = parse(tmp_path, "dialogues.tsv", HEADER + "\n".join(rows))
    assert said(dialogues) == SAID[:1]
    assert skips.count == 3
