"""Character cards: who a character is, in a JSON or PNG file that chat programs exchange.

V1 is six texts. V2 has them under "data", with other first messages, a lorebook and more; V3 adds to V2. Read are all
three, written V1 and V2. Fields that are not known here stay as they are. What a card means as a character in a place
says `card_scene`.

V1, V2: https://github.com/malfoyslastname/character-card-spec-v2
V3: https://github.com/kwaroran/character-card-spec-v3
"""

import dataclasses
import json
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any

from persona_tf.chat import card_png
from persona_tf.chat.card_fields import at_most_deep, kind, optional, strings_of, text_of
from persona_tf.chat.lorebook import Lorebook

MAX_FILE_BYTES = 32 << 20
"""Largest file that is read; pictures of cards have one to five MB."""

MAX_JSON_BYTES = 8 << 20
"""Largest JSON that is read; cards have some hundred kB."""

_TEXTS = {
    "name": "name",
    "description": "description",
    "personality": "personality",
    "scenario": "scenario",
    "first_mes": "first_message",
    "mes_example": "example_dialogue",
}
"""The fields of V1, and what they are called here."""

_SPECS = {"chara_card_v2": 2, "chara_card_v3": 3}
_MORE_TEXTS = ("creator_notes", "system_prompt", "post_history_instructions", "creator", "character_version")
_OTHERS: Mapping[bytes, str] = {
    b"\xff\xd8\xff": "a JPEG",
    b"GIF8": "a GIF",
    b"RIFF": "a WebP",
    b"PK\x03\x04": "a ZIP or CHARX; its card.json can be taken out and read",
}
"""How other files begin that cards are sometimes saved as."""


@dataclasses.dataclass(frozen=True)
class Card:
    """A character card. Texts are as in the file: ``{{char}}`` and ``{{user}}`` are not filled in.

    ``book`` is the JSON of the lorebook, see `lorebook`. ``other``: all other fields of the card, also those that no
    version knows; ``beside``: fields beside V2's "data". ``version``: 1, 2 or 3, as it was read. ``picture``: the PNG
    that it was read from.
    """

    name: str
    description: str = ""
    personality: str = ""
    scenario: str = ""
    first_message: str = ""
    alternate_greetings: tuple[str, ...] = ()
    example_dialogue: str = ""
    book: Mapping[str, Any] | None = None
    other: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    beside: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    version: int = 2
    picture: bytes = dataclasses.field(default=b"", repr=False, compare=False)

    @property
    def called(self) -> str:
        """What stands for ``{{char}}``: the nickname, where there is one."""
        nickname = self.other.get("nickname")
        return nickname if isinstance(nickname, str) and nickname.strip() else self.name

    @property
    def lorebook(self) -> Lorebook:
        """The card's lorebook; an empty one where it has none. Raises what `Lorebook.from_json` raises."""
        return Lorebook() if self.book is None else Lorebook.from_json(self.book)


def read_card(source: bytes | str | os.PathLike[str]) -> Card:
    """Reads a card of any version.

    Args:
      source: the bytes of a JSON or PNG file, or its path.

    Raises:
      ValueError: it is no card, or a broken one; the message says what is wrong, in which field, and what to do.
      OSError: the file cannot be read.
    """
    if isinstance(source, bytes):
        return _read(source)
    path = pathlib.Path(source)
    try:
        return _read(_bytes_of(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def write_card(card: Card, version: int = 2) -> bytes:
    """The card as JSON in UTF-8, V1 or V2. What the card has beyond the version stays in it as further fields.

    In V1, which has no "data", what stood beside it goes where the card itself has no field of that name.

    Raises:
      ValueError: another version is asked for, or V1 of a card with a field "spec".
    """
    if version not in (1, 2):
        raise ValueError(f"version: expected 1 or 2, got {version!r}")
    texts = {theirs: getattr(card, ours) for theirs, ours in _TEXTS.items()}
    more: dict[str, Any] = {}
    if version == 2:
        more = dict.fromkeys(_MORE_TEXTS, "") | {"tags": [], "extensions": {}}
    if version == 2 or card.alternate_greetings:
        more["alternate_greetings"] = list(card.alternate_greetings)
    book = {} if card.book is None else {"character_book": card.book}
    data = {**texts, **more, **card.other, **book}
    if version == 1:
        flat = {**card.beside, **data}
        if "spec" in flat:
            raise ValueError('the card has a field "spec", by which V1 would be taken for V2: write V2')
        return _json(flat)
    # Some programs keep a copy of V1's fields beside "data".
    copies = {name: text for name, text in texts.items() if name in card.beside}
    return _json({"spec": "chara_card_v2", "spec_version": "2.0", "data": data, **card.beside, **copies})


def write_card_png(card: Card, picture: bytes = b"", version: int = 2) -> bytes:
    """The card in a PNG: in ``picture``, else in the one that it came from, else in a plain one.

    Raises:
      ValueError: the picture is no PNG or a broken one, or see `write_card`.
    """
    picture = picture or card.picture or card_png.plain_picture(card.name)
    return card_png.with_card(picture, write_card(card, version))


def _bytes_of(path: pathlib.Path) -> bytes:
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}; expected a card, .json or .png")
    if not path.is_file():
        raise ValueError("expected the file of a card, .json or .png, this is no file")
    with open(path, "rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def _read(source: bytes) -> Card:
    if len(source) > MAX_FILE_BYTES:
        raise ValueError(f"more than {MAX_FILE_BYTES >> 20} MB: make the picture smaller, or take the card as .json")
    if not source.startswith(card_png.SIGNATURE):
        return _card(_parsed(source, "neither a PNG nor JSON"))
    card = _card(_parsed(card_png.card_in(source), "the card in the PNG is no JSON"))
    return dataclasses.replace(card, picture=source)


def _parsed(source: bytes, otherwise: str) -> Mapping[str, Any]:
    if len(source) > MAX_JSON_BYTES:
        raise ValueError(f"a card of more than {MAX_JSON_BYTES >> 20} MB of JSON: leave pictures and sounds out of it")
    for beginning, what in _OTHERS.items():
        if source.startswith(beginning):
            raise ValueError(f"this is {what}. Expected a card as .json or .png: save it as one of these")
    try:
        value = json.loads(source.decode("utf-8-sig"), parse_constant=_no_number, parse_float=_number)
        at_most_deep(value)
    except RecursionError as error:
        raise ValueError(
            "lists and objects a thousand deep within one another: no program writes such cards"
        ) from error
    except ValueError as error:  # also of bytes that are no UTF-8
        raise ValueError(f"{otherwise} ({error}). Expected a card as .json or .png: export it once more") from error
    if not isinstance(value, dict):
        raise ValueError(f"expected the object of a card, got {kind(value)}. Export the card once more")
    return value


def _card(value: Mapping[str, Any]) -> Card:
    if "spec" in value:
        if value["spec"] not in list(_SPECS):
            raise ValueError(f"spec: expected {' or '.join(_SPECS)}, got {_short(value['spec'])}. {_of_another(value)}")
        data = value.get("data")
        if not isinstance(data, dict):
            raise ValueError(f"data: expected an object with the fields of the card, got {kind(data)}")
        beside = {name: v for name, v in value.items() if name not in ("spec", "spec_version", "data")}
        return _filled(data, beside, _SPECS[value["spec"]], "data.")
    missing = [name for name in _TEXTS if name not in value]
    if len(missing) > 3:
        raise ValueError(f"JSON that is no card: it has {_names(value)}. {_of_another(value)}")
    if missing:
        raise ValueError(
            f'a V1 card lacks {" and ".join(map(repr, missing))}: add {"it" if len(missing) == 1 else "them"}, as "" '
            "where there is nothing to say"
        )
    return _filled(value, {}, 1, "")


def _filled(data: Mapping[str, Any], beside: Mapping[str, Any], version: int, where: str) -> Card:
    """A card of these fields; what is missing, or null, is empty."""
    texts: dict[str, Any] = {ours: text_of(data, theirs, where) for theirs, ours in _TEXTS.items()}
    if not texts["name"].strip():
        raise ValueError(f"{where}name: expected the character's name, got nothing: write it there")
    for name in (*_MORE_TEXTS, "nickname"):
        text_of(data, name, where)
    strings_of(data, "tags", where)
    optional(data, "extensions", dict, where)
    known = {*_TEXTS, "alternate_greetings", "character_book"}
    normal = {*_MORE_TEXTS, "nickname", "tags", "extensions"}
    card = Card(
        **texts,
        alternate_greetings=strings_of(data, "alternate_greetings", where),
        book=optional(data, "character_book", dict, where),
        other={n: v for n, v in data.items() if n not in known and not (n in normal and v is None)},
        beside=beside,
        version=version,
    )
    _ = card.lorebook  # what is wrong in it is said now
    return card


def _of_another(value: Mapping[str, Any]) -> str:
    if "entries" in value or "lorebook" in str(value.get("spec")):
        return "This is a lorebook alone: put it into a card, as its character_book"
    if "char_name" in value:
        return "This is a character in an older format: import it in a program that writes cards, and export it there"
    return "Expected a card of V1, V2 or V3: export it from a program that writes these"


def _json(value: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, indent=2).encode()
    except UnicodeEncodeError:  # half of a pair of surrogates, which only an escape can hold
        return json.dumps(value, indent=2).encode()


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _number(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"the number {digits[:30]} is too large")
    return value


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:40]} …"


def _names(value: Mapping[str, Any]) -> str:
    return ", ".join(repr(name[:40]) for name in list(value)[:6]) or "no fields"
