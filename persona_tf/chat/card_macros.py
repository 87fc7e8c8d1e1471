"""What stands in curly braces in a card's texts: ``{{char}}``, ``{{user}}`` and V3's few others."""

import random
import re
import zlib

_NAME = re.compile(r"\{\{\s*(char|bot|user)\s*\}\}|<(char|bot|user)>", re.IGNORECASE)
_OTHER = re.compile(
    r"\{\{\s*(?:(?P<note>//)|(?P<word>comment|hidden_key|random|pick|roll|reverse)\s*::?)(?P<value>[^{}]*)\}\}",
    re.IGNORECASE,
)


def fill(text: str, char: str, user: str) -> str:
    """A text of a card as it is read: names for their places, one of several where one is to be drawn, no notes.

    Small and large letters are the same. What is drawn depends on the text alone. Macros that are not V3's stay.

    Args:
      text: as in the card.
      char: what the character is called.
      user: what the human is called.

    >>> fill("{{char}} greets <USER>. {{// shy}}{{reverse:olleH}}!", "Mira", "Tam")
    'Mira greets Tam. Hello!'
    """
    # Braces in a name are no macro.
    names = {name: value.replace("{{", "{") for name, value in (("char", char), ("bot", char), ("user", user))}
    named = _NAME.sub(lambda found: names[(found[1] or found[2]).lower()], text)
    return _OTHER.sub(_value, named)


def _value(found: re.Match[str]) -> str:
    word, value = (found["word"] or "").lower(), found["value"]
    drawn = random.Random(zlib.crc32(found[0].encode("utf-8", "replace")))
    if word in ("random", "pick"):
        return drawn.choice(_choices(value))
    if word == "roll":
        sides = re.fullmatch(r"\s*d?0*([1-9]\d{0,8})\s*", value, re.IGNORECASE)
        return str(drawn.randint(1, int(sides[1]))) if sides else found[0]
    return value[::-1] if word == "reverse" else ""


def _choices(value: str) -> list[str]:
    """Parts between commas; a comma after a backslash is one."""
    return [part.replace("\\,", ",") for part in re.split(r"(?<!\\),", value)]
