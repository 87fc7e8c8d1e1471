import base64
import copy
import dataclasses
import io
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from persona_tf.chat import card as module
from persona_tf.chat.card import Card, read_card, write_card, write_card_png

V1 = {
    "name": "Mira",
    "description": "{{char}} bakes bread.",
    "personality": "kind, shy",
    "scenario": "The mill leans.",
    "first_mes": "*smiles* Good day, {{user}}!",
    "mes_example": "<START>\n{{user}}: Hi\n{{char}}: Hello",
}
BOOK = {
    "name": "Mill",
    "scan_depth": 2,
    "token_budget": 50,
    "recursive_scanning": True,
    "extensions": {"mill/x": [1, None]},
    "unknown": 1.5,
    "entries": [
        {
            "keys": ["tower"],
            "content": "The tower is old.",
            "extensions": {"depth": 4},
            "enabled": True,
            "insertion_order": 10,
            "case_sensitive": None,
            "unknown_of_entry": {"a": "б"},
        }
    ],
}
V2 = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        **V1,
        "creator_notes": "Be nice.",
        "system_prompt": "",
        "post_history_instructions": "",
        "alternate_greetings": ["Hm?", "Ha!"],
        "character_book": BOOK,
        "tags": ["baker"],
        "creator": "ñ",
        "character_version": "1.0",
        "extensions": {"depth_prompt": {"depth": 4, "prompt": "\ud83d"}, "big": 12345678901234567890, "f": 0.1},
        "unknown": [{"deep": [[[]]]}],
    },
    "fav": True,
}
V3 = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": {
        **V2["data"],
        "nickname": "Mi",
        "group_only_greetings": [],
        "assets": [{"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}],
        "creation_date": 1700000000,
        "source": ["https://example.org/1"],
    },
}


def encoded(value) -> bytes:
    return json.dumps(value).encode()


def png(*texts, size=(3, 2)) -> bytes:
    """A picture by Pillow with text chunks."""
    picture, info, file = Image.new("RGBA", size, (9, 80, 7, 50)), PngImagePlugin.PngInfo(), io.BytesIO()
    for keyword, text in texts:
        info.add_text(keyword, text)
    picture.save(file, "PNG", pnginfo=info)
    return file.getvalue()


def packed(value) -> str:
    return base64.b64encode(encoded(value)).decode()


def test_v1_is_six_texts():
    card = read_card(encoded({**V1, "avatar": "none"}))
    assert (card.name, card.description, card.personality, card.scenario) == tuple(list(V1.values())[:4])
    assert (card.first_message, card.example_dialogue, card.version) == (V1["first_mes"], V1["mes_example"], 1)
    assert (card.alternate_greetings, card.book, card.other) == ((), None, {"avatar": "none"})
    assert card.lorebook.entries == ()


def test_v2_has_more():
    card = read_card(encoded(V2))
    assert (card.version, card.alternate_greetings, card.book) == (2, ("Hm?", "Ha!"), BOOK)
    assert card.other["unknown"] == [{"deep": [[[]]]}]
    assert card.beside == {"fav": True}
    assert (card.lorebook.scan_depth, card.lorebook.token_budget, card.lorebook.recursive) == (2, 50, True)
    assert [entry.keys for entry in card.lorebook.entries] == [("tower",)]


def test_v3_is_read_and_written_as_v2_with_all_that_it_has():
    card = read_card(encoded(V3))
    assert (card.version, card.called, card.name) == (3, "Mi", "Mira")
    assert json.loads(write_card(card)) == {**V3, "spec": "chara_card_v2", "spec_version": "2.0"}
    assert read_card(encoded({**V3, "spec_version": "3.1"})) == card


@pytest.mark.parametrize("nickname", [{}, {"nickname": None}, {"nickname": ""}, {"nickname": "  "}])
def test_without_a_nickname_the_name_is_what_it_is_called(nickname):
    data = {**V1, **nickname}
    assert read_card(encoded({"spec": "chara_card_v3", "spec_version": "3.0", "data": data})).called == "Mira"


def test_v1_becomes_v2_with_all_fields_that_it_must_have():
    written = json.loads(write_card(read_card(encoded({**V1, "chat": "x", "data": 5}))))
    empty = dict.fromkeys(
        "creator_notes system_prompt post_history_instructions creator character_version".split(), ""
    ) | {"tags": [], "alternate_greetings": [], "extensions": {}}
    data = {**V1, **empty, "chat": "x", "data": 5}
    assert written == {"spec": "chara_card_v2", "spec_version": "2.0", "data": data}


def test_v1_is_written_as_it_was_read():
    assert json.loads(write_card(read_card(encoded({**V1, "chat": "x"})), version=1)) == {**V1, "chat": "x"}


def test_v2_in_v1_keeps_what_v1_does_not_know():
    written = json.loads(write_card(read_card(encoded(V2)), version=1))
    assert written == {"fav": True, **V2["data"]}
    assert read_card(encoded(written)).book == BOOK


def test_a_field_that_would_make_v1_another_version_is_an_error():
    with pytest.raises(ValueError, match='a field "spec"'):
        write_card(Card("Mira", other={"spec": "x"}), version=1)
    with pytest.raises(ValueError, match="version: expected 1 or 2, got 3"):
        write_card(Card("Mira"), version=3)


def test_copies_of_v1_beside_the_data_follow_the_card():
    card = read_card(encoded({**V1, **V2}))
    assert json.loads(write_card(card)) == {**V1, **V2}
    changed = json.loads(write_card(Card("Ada", beside=card.beside)))
    assert (changed["name"], changed["description"], changed["fav"]) == ("Ada", "", True)


texts = st.text(st.characters(), max_size=20)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(texts, inside, max_size=3),
    max_leaves=8,
)
entries = st.fixed_dictionaries(
    {"keys": st.lists(texts, max_size=3), "content": texts, "enabled": st.booleans(), "insertion_order": st.integers()},
    optional={
        "extensions": st.dictionaries(texts.map("x_{}".format), anything, max_size=2),
        "secondary_keys": st.lists(texts, max_size=2),
        "x": anything,
    },
)
datas = st.fixed_dictionaries(
    {
        **dict.fromkeys(V1, texts),
        "name": texts.filter(str.strip),
        "alternate_greetings": st.lists(texts, max_size=3),
        "extensions": st.dictionaries(texts, anything, max_size=3),
        "tags": st.lists(texts, max_size=2),
        **dict.fromkeys(
            "creator_notes system_prompt post_history_instructions creator character_version".split(), texts
        ),
    },
    optional={"character_book": st.fixed_dictionaries({"entries": st.lists(entries, max_size=2), "x": anything})},
)
unknown = st.dictionaries(texts.map("x_{}".format), anything, max_size=3)


@given(datas, unknown, unknown, st.booleans())
def test_what_is_read_is_written_again(data, more, beside, in_a_picture):
    value = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {**data, **more}, **beside}
    card = read_card(encoded(value))
    written = write_card_png(card) if in_a_picture else write_card(card)
    again = read_card(written)
    assert again == card
    # As text, since True is 1 and 1.0 is 1 otherwise.
    assert json.loads(write_card(again)) == value
    assert json.dumps(json.loads(write_card(again)), sort_keys=True) == json.dumps(value, sort_keys=True)


# --------------------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("keyword", ["chara", "Chara", "ccv3"])
def test_a_card_in_a_picture_of_pillow_is_read(keyword):
    assert read_card(png(("Comment", "x"), (keyword, packed(V2)))) == read_card(encoded(V2))


def test_v3_comes_before_v2_in_a_picture():
    assert read_card(png(("chara", packed(V2)), ("ccv3", packed(V3)))).called == "Mi"


def test_base64_may_have_line_breaks_and_lack_its_end():
    text = packed({**V1, "personality": "kin"}).rstrip("=")
    assert read_card(png(("chara", "\n".join([text[:60], text[60:]])))).personality == "kin"


def test_pillow_reads_what_we_write_and_the_picture_is_the_same():
    before = png(("Comment", "by hand"), ("chara", packed(V1)), ("ccv3", packed(V3)), size=(70, 50))
    after = write_card_png(read_card(encoded(V2)), before)
    with Image.open(io.BytesIO(before)) as old, Image.open(io.BytesIO(after)) as new:
        text = dict(new.text)
        assert new.tobytes() == old.tobytes()
        assert new.mode == old.mode
    assert set(text) == {"Comment", "chara"}, "the card of V3 would come before the new one"
    assert json.loads(base64.b64decode(text["chara"])) == V2
    assert read_card(after) == read_card(encoded(V2))


def test_a_card_without_a_picture_gets_a_plain_one():
    picture = write_card_png(Card("Mira"))
    with Image.open(io.BytesIO(picture)) as image:
        image.load()
        assert image.size == (256, 384)
        assert len(image.getcolors()) == 1
    assert picture != write_card_png(Card("Tam"))
    assert read_card(picture) == read_card(write_card(Card("Mira")))


def test_a_card_keeps_the_picture_that_it_came_in():
    before = png(("chara", packed(V1)), size=(5, 5))
    with Image.open(io.BytesIO(write_card_png(read_card(before)))) as image:
        assert image.size == (5, 5)


# ----------------------------------------------------------------------------------------------------- errors


def v2(**fields):
    return {"spec": "chara_card_v2", "spec_version": "2.0", "data": {**V1, **fields}}


def entry(**fields):
    return v2(character_book={"entries": [{"keys": ["a"], "content": "b", **fields}]})


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], "expected the object of a card, got a list"),
        ("Mira", "got a text"),
        ({}, "JSON that is no card: it has no fields. Expected a card of V1, V2 or V3"),
        ({"name": "x", "version": "1", "private": True}, "no card: it has 'name', 'version', 'private'"),
        ({"char_name": "Mira", "char_persona": ""}, "an older format"),
        ({"entries": {}}, "a lorebook alone"),
        (
            {"spec": "lorebook_v3", "data": {}},
            "spec: expected chara_card_v2 or chara_card_v3, got 'lorebook_v3'. This is",
        ),
        ({"spec": "chara_card_v9", "data": V1}, "got 'chara_card_v9'. Expected a card of V1, V2 or V3"),
        ({"spec": ["chara_card_v2"], "data": V1}, "spec: expected"),
        ({"spec": {"a": "x" * 1000}, "data": V1}, "spec: expected"),
        ({"spec": "chara_card_v2"}, "data: expected an object with the fields of the card, got nothing"),
        ({"spec": "chara_card_v2", "data": "x"}, "data: expected an object .* got a text"),
        ({n: t for n, t in V1.items() if n != "scenario"}, "a V1 card lacks 'scenario': add it, as \"\""),
        (
            {"name": "x", "description": "", "first_mes": ""},
            "lacks 'personality' and 'scenario' and 'mes_example': add them",
        ),
        ({**V1, "name": " "}, "name: expected the character's name, got nothing"),
        (v2(name=None), r"data\.name: expected the character's name"),
        ({**V1, "description": 5}, "description: expected a text, got a number"),
        (v2(first_mes=["a"]), r"data\.first_mes: expected a text, got a list"),
        (v2(first_mes=True), r"data\.first_mes: expected a text, got true or false"),
        (v2(alternate_greetings="a"), r"data\.alternate_greetings: expected a list, got a text"),
        (v2(alternate_greetings=["a", None]), r"data\.alternate_greetings\[1\]: expected a text, got nothing"),
        (v2(tags=[{}]), r"data\.tags\[0\]: expected a text, got an object"),
        (v2(extensions=[]), r"data\.extensions: expected an object, got a list"),
        (v2(creator_notes={}), r"data\.creator_notes: expected a text"),
        (v2(nickname=3), r"data\.nickname: expected a text"),
        (v2(character_book=[]), r"data\.character_book: expected an object, got a list"),
        (v2(character_book={"entries": {}}), r"character_book\.entries: expected a list, got an object"),
        (v2(character_book={"entries": ["a"]}), r"character_book\.entries\[0\]: expected an object, got a text"),
        (v2(character_book={"scan_depth": "2"}), r"character_book\.scan_depth: expected a number, got a text"),
        (v2(character_book={"entries": [{}] * 2001}), r"entries: expected at most 2,000, got 2,001: leave some out"),
        (entry(keys="a"), r"entries\[0\]\.keys: expected a list, got a text"),
        (entry(keys=[1]), r"entries\[0\]\.keys\[0\]: expected a text, got a number"),
        (entry(content=None, enabled=1), r"entries\[0\]\.enabled: expected true or false, got a number"),
        (
            entry(insertion_order=10**400),
            r"entries\[0\]\.insertion_order: expected a number, got one that is too large",
        ),
        (entry(insertion_order=True), r"entries\[0\]\.insertion_order: expected a number, got true or false"),
        (entry(extensions={"scan_depth": {}}), r"entries\[0\]\.extensions\.scan_depth: expected a number"),
    ],
)
def test_what_is_no_card_is_said_with_the_field_and_what_to_do(value, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_card(encoded(value))
    assert len(str(caught.value)) < 400
    with pytest.raises(ValueError, match=message):
        read_card(png(("chara", packed(value))))


def damaged(at: int) -> bytes:
    whole = png(("chara", packed(V1)))
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (b"", "neither a PNG nor JSON .*Expecting value.*export it once more"),
        (b"\xff\xfe\x00", "neither a PNG nor JSON"),
        (b"\xff\xd8\xff\xe0abc", "this is a JPEG. Expected a card as .json or .png: save it as one of these"),
        (b"RIFF1234WEBP", "this is a WebP"),
        (b"PK\x03\x04", "CHARX; its card.json can be taken out"),
        (b'{"name": NaN}', "NaN is no JSON"),
        (b'{"name": 1e999}', "the number 1e999 is too large"),
        (b"1" * 5000, "neither a PNG nor JSON"),
        (b"[" * 100_000, "within one another"),
        (b"[" * 500 + b"]" * 500, "more than 100 deep"),
        (b'{"a":' * 100_000, "within one another"),
        (encoded(V1).replace(b'"Mira"', b'"' + b"x" * (8 << 20) + b'"'), "a card of more than 8 MB of JSON"),
        (png(), "a PNG without a card: .* found no text"),
        (png(("Comment", "x"), ("Software", "y")), "found 'comment', 'software'. .*take the original file"),
        (png(("chara", "no base64!")), "text chunk chara: expected base64 .*take the original"),
        (png(("chara", "AAAAA")), "text chunk chara: expected base64"),
        (png(("ccv3", "")), "the card in the PNG is no JSON"),
        (png(("chara", base64.b64encode(b"\xff").decode())), "the card in the PNG is no JSON"),
        (png(("chara", packed(V1)))[:60], "a PNG that breaks off"),
        (png(("chara", packed(V1)))[:8], "a PNG that breaks off"),
        (damaged(16), "checksum of chunk IHDR at byte 8 is wrong"),
        (damaged(12), "checksum of chunk|a chunk should begin"),
        (damaged(60), "checksum of chunk tEXt at byte 33 is wrong"),
        (damaged(33), "breaks off"),
    ],
)
def test_broken_files_are_said_to_be_broken(source, message):
    with pytest.raises(ValueError, match=message):
        read_card(source)


def test_too_many_chunks_are_no_picture():
    chunk = b"\0\0\0\0teSt" + zlib.crc32(b"teSt").to_bytes(4, "big")
    with pytest.raises(ValueError, match="more than 100,000 chunks"):
        read_card(module.card_png.SIGNATURE + chunk * 100_001)


def test_a_file_is_named_and_a_huge_one_is_not_read(tmp_path):
    path = tmp_path / "mira.png"
    path.write_bytes(png(("chara", packed(V1))))
    assert read_card(path) == read_card(str(path)) == read_card(encoded(V1))
    with open(path, "wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(ValueError, match=r"mira\.png: more than 32 MB: make the picture smaller"):
        read_card(path)
    with pytest.raises(ValueError, match="this is no file"):
        read_card(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"there is no file .*none\.json; expected a card"):
        read_card(tmp_path / "none.json")


def test_a_file_may_begin_with_a_byte_order_mark():
    assert read_card(b"\xef\xbb\xbf" + encoded(V1)).name == "Mira"


def test_reading_changes_nothing_that_was_read():
    before = copy.deepcopy(V2)
    card = read_card(encoded(V2))
    write_card(card)
    write_card(card, version=1)
    assert read_card(encoded(V2)) == card
    assert before == V2


@given(st.binary(max_size=200) | st.binary(max_size=100).map(lambda b: module.card_png.SIGNATURE + b))
def test_any_bytes_are_a_card_or_a_clear_error(source):
    with pytest.raises(ValueError, match=r"\w"):
        read_card(source)


@given(anything, st.sampled_from([*V1, "character_book", "extensions", "tags", "alternate_greetings", "nickname"]))
def test_any_value_in_a_field_is_taken_or_a_clear_error(value, field):
    said = ""
    try:
        card = read_card(encoded(v2(**{field: value})))
    except ValueError as error:
        said = str(error)
    if said:
        assert field in said
    else:
        # Written, it has all fields of V2, empty ones too; what is written again is the same.
        written = read_card(write_card(card))
        assert written == dataclasses.replace(card, other={**written.other, **card.other})
        assert read_card(write_card(written)) == written
