import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.chat import lorebook as module
from persona_tf.chat.lorebook import Lorebook


def book(*entries, **fields):
    """Entries: keys, or (keys, content), or (keys, content, more fields)."""
    made = []
    for number, given_ in enumerate(entries):
        keys, content, more = (*((given_,) if isinstance(given_, str) else given_), None, None)[:3]
        made.append({"keys": keys.split("|"), "content": content or f"c{number}", "enabled": True, **(more or {})})
    return Lorebook.from_json({"entries": made, "extensions": {}, **fields})


def found(lorebook, *history, **more):
    return [entry.content for entry in lorebook.active(history, **more)]


def test_an_entry_is_found_by_one_of_its_keys():
    lore = book("tower|keep", "mill")
    assert found(lore, "The Tower is high.") == ["c0"]
    assert found(lore, "keep the mill") == ["c0", "c1"]
    assert found(lore, "Nothing.") == []
    assert found(lore) == []


def test_no_key_finds_nothing():
    lore = Lorebook.from_json({"entries": [{"keys": ["", "  "], "content": "a"}, {"content": "b"}]})
    assert found(lore, "a b  ") == []


def test_keys_occur_anywhere_but_where_whole_words_are_asked_for():
    whole = {"extensions": {"match_whole_words": True}}
    lore = book("cat", ("cat", "whole", whole), ("塔", "tower"))
    assert found(lore, "education") == ["c0"]
    assert found(lore, "A cat!") == ["c0", "whole"]
    assert found(lore, "concat cat") == ["c0", "whole"]
    assert found(lore, "那座塔很高") == ["tower"]


def test_letters_are_the_same_but_where_the_case_counts():
    lore = book(
        "straSSE", ("Mill", "m", {"case_sensitive": True}), ("Ada", "a", {"extensions": {"case_sensitive": True}})
    )
    assert found(lore, "Die STRASSE, die Straße") == ["c0"]
    assert found(lore, "the mill of ada") == []
    assert found(lore, "the Mill of Ada") == ["m", "a"]


def test_only_the_last_turns_are_looked_through():
    turns = ["one", "two", "three", "four", "five"]
    for depth, expected in ((0, []), (1, ["five"]), (2, ["four", "five"]), (99, turns)):
        lore = book(*((turn, turn) for turn in turns), scan_depth=depth)
        assert found(lore, *turns) == expected
    assert found(book(*((turn, turn) for turn in turns)), *turns) == turns[-module.SCAN_DEPTH :]
    own = book(("one", "own", {"extensions": {"scan_depth": 5}}), "one", scan_depth=1)
    assert found(own, *turns) == ["own"]


@pytest.mark.parametrize(
    ("logic", "expected"),
    [(0, ["red", "both"]), (1, ["none", "red"]), (2, ["none"]), (3, ["both"]), (None, ["red", "both"])],
)
def test_secondary_keys_of_selective_entries(logic, expected):
    more = {"selective": True, "secondary_keys": ["red", "old", ""], "extensions": {"selectiveLogic": logic}}
    lore = book(("tower", "x", more))
    said = {"none": "tower", "red": "red tower", "both": "old red tower", "no": "old red"}
    assert [name for name, text in said.items() if found(lore, text)] == expected


def test_secondary_keys_count_for_selective_entries_alone():
    assert found(book(("tower", "x", {"secondary_keys": ["red"]})), "tower") == ["x"]
    assert found(book(("tower", "x", {"selective": True, "secondary_keys": []})), "tower") == ["x"]
    commas = book(("tower", "x", {"selective": True, "secondary_keys": "red,blue"}))
    assert (found(commas, "tower"), found(commas, "blue tower")) == ([], ["x"])


def test_what_is_constant_is_always_there_and_what_is_off_never():
    lore = book(("a", "always", {"constant": True}), ("b", "off", {"enabled": False, "constant": True}), scan_depth=0)
    assert found(lore) == ["always"]
    assert found(lore, "b") == ["always"]


def test_an_empty_entry_tells_nothing():
    lore = Lorebook.from_json(
        {"entries": [{"keys": ["a"], "content": " @@x"}, {"keys": ["a"], "content": "@@depth 4\n"}]}
    )
    assert [entry.decorators for entry in lore.entries] == [("@@x",), ("@@depth 4",)]
    assert found(lore, "a") == []


def test_order_decides_who_comes_first():
    lore = book(("a", "3", {"insertion_order": 3}), ("a", "1", {"insertion_order": -1.5}), ("a", "2"), ("a", "2b"))
    assert found(lore, "a") == ["1", "2", "2b", "3"]


def test_what_exceeds_the_budget_is_left_out_by_priority():
    parts = (
        ("a", "x" * 4, {"priority": 5, "insertion_order": 3}),
        ("a", "y" * 4, {"priority": 1, "insertion_order": 1}),
        ("a", "z" * 4, {"priority": 9, "insertion_order": 2}),
    )
    for budget, expected in ((12, "yzx"), (11, "zx"), (8, "zx"), (7, "z"), (3, ""), (0, "")):
        assert "".join(t[0] for t in found(book(*parts, token_budget=budget), "a", count=len)) == expected
    by_order = book(("a", "xx", {"insertion_order": 9}), ("a", "yy", {"insertion_order": 1}), token_budget=3)
    assert found(by_order, "a", count=len) == ["xx"]


def test_tokens_are_estimated_from_characters():
    assert len(found(book(("a", "x" * 100), token_budget=40), "a")) == 1
    assert len(found(book(("a", "x" * 101), token_budget=40), "a")) == 0


def test_what_was_found_finds_more_where_the_book_is_recursive():
    chain = (("one", "two"), ("two", "three"), ("three", "four"), ("zero", "one"))
    assert found(book(*chain), "one") == ["two"]
    assert found(book(*chain, recursive_scanning=False), "one") == ["two"]
    assert found(book(*chain, recursive_scanning=True), "one") == ["two", "three", "four"]
    assert found(book(*chain, recursive_scanning=True, scan_depth=1), "one", "Hm.") == []
    mute = book(("one", "two", {"extensions": {"prevent_recursion": True}}), *chain[1:], recursive_scanning=True)
    assert found(mute, "one") == ["two"]
    deaf = book(chain[0], ("two", "three", {"extensions": {"exclude_recursion": True}}), recursive_scanning=True)
    assert found(deaf, "one") == ["two"]
    assert found(deaf, "one two") == ["two", "three"]


def test_recursion_ends():
    lore = book(*((str(i).zfill(4), str(i + 1).zfill(4)) for i in range(50)), recursive_scanning=True)
    assert len(found(lore, "0000")) == module.MAX_ROUNDS
    assert found(book(("a", "b"), ("b", "a"), recursive_scanning=True), "a") == ["b", "a"]


@pytest.mark.parametrize(
    ("key", "text", "is_there"),
    [
        ("/red (tower|keep)s?/i", "Two RED KEEPS.", True),
        ("/red (tower|keep)s?/", "Two RED KEEPS.", False),
        ("red (tower|keep)s?", "Two RED KEEPS.", True),
        ("/^b.*d$/s", "b\nd", True),
        ("/^b.*d$/", "b\nd", False),
        ("/^b$/mg", "a\nb\nc", True),
        ("/\\bзам[ок]к/iu", "В ЗАМОК", False),
        ("/зам[ок]к/iu", "В ЗАМОК", True),
        ("/(?<n>a)b/", "ab", True),
        ("/[/", "[", False),
        ("(?=a)", "a", False),
        ("\ud800", "\ud800", False),
        ("a{1000000000}", "a", False),
        ("", "a", False),
    ],
)
def test_keys_may_be_patterns(key, text, is_there):
    lore = Lorebook.from_json({"entries": [{"keys": [key], "content": "x", "use_regex": True}]})
    assert (found(lore, text) == ["x"]) == is_there


def test_a_pattern_of_a_case_sensitive_entry():
    lore = book(("mill", "x", {"use_regex": True, "case_sensitive": True}))
    assert (found(lore, "Mill"), found(lore, "mill")) == ([], ["x"])


def test_where_keys_are_patterns_secondary_keys_are_sillytaverns_alone():
    more = {"use_regex": True, "selective": True, "secondary_keys": ["red"]}
    assert found(book(("tower", "x", more)), "tower") == ["x"]
    silly = {**more, "extensions": {"selectiveLogic": 0}}
    assert found(book(("tower", "x", silly)), "tower") == []
    assert found(book(("tower", "x", silly)), "red tower") == ["x"]


def test_hostile_patterns_take_little_time():
    hostile = ["(a+)+$", "(a|aa)+$", "(((a{1,30}){1,30}){1,1})*x", "(.*)*(.*)*(.*)*x", "(" * 400 + ")" * 400] * 20
    entries = [{"keys": [key], "content": "x", "use_regex": True} for key in hostile]
    start = time.monotonic()
    Lorebook.from_json({"entries": entries}).active(["a" * 100_000 + "!"] * 4)
    assert time.monotonic() - start < 5


def test_long_turns_are_looked_through_at_their_end():
    assert found(book("tower"), "tower" + " " * 30_000) == []
    assert found(book("tower"), " " * 3_000_000 + "tower") == ["c0"]


def test_decorators_are_kept_and_not_told():
    content = "@@depth 5\n@@@instruct_depth 5\n\n@@role system\nIt is old.\n@@x is no decorator here"
    [entry] = book(("tower", content)).entries
    assert entry.decorators == ("@@depth 5", "@@@instruct_depth 5", "@@role system")
    assert entry.content == "It is old.\n@@x is no decorator here"


def test_names_are_filled_into_keys_and_contents_but_no_patterns():
    lore = book(("{{char}}", "{{char}} bakes."), ("{{char}}", "b", {"use_regex": True}))
    filled = lore.map(lambda text: text.replace("{{char}}", "Mira"))
    assert [(entry.keys, entry.content) for entry in filled.entries] == [
        (("Mira",), "Mira bakes."),
        (("{{char}}",), "b"),
    ]


words = st.text("ab ", max_size=6)


@given(
    st.lists(st.tuples(words.map(str.strip).filter(bool), words), max_size=5),
    st.lists(words, max_size=5),
    st.integers(0, 5),
)
def test_found_is_what_a_plain_search_finds(pairs, history, depth):
    lore = Lorebook.from_json({"scan_depth": depth, "entries": [{"keys": [k], "content": f"{c}."} for k, c in pairs]})
    last = history[max(len(history) - depth, 0) :]
    there = [number for number, (key, _) in enumerate(pairs) if any(re.search(key, text) for text in last)]
    assert [entry.number for entry in lore.active(history)] == there
