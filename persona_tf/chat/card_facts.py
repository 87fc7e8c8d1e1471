"""What a card tells of its character, as the facts of a persona: one sentence each, in the first person where it can.

Read are prose, lists ("Age: 30", "- likes rain"), and the notations that people write cards in: W++
(``Likes("rain" + "tea")``), its kin without quotes, and lists in brackets (``[Mira: kind, shy; clothes: apron]``).
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from persona_tf.chat.first_person import first_person
from persona_tf.episode import sentences

_TOLD = {
    "I am called {}.": "nickname nicknames alias aliases",
    "I am {}.": "species race gender sex personality mind traits nature nationality personality_traits personalities",
    "I work as {}.": "job occupation profession work role trade",
    "My age is {}.": "age",
    "I like {}.": "likes like loves love enjoys favorites favourites",
    "I do not like {}.": "dislikes dislike hates hate",
    "I fear {}.": "fears fear phobias",
    "I wear {}.": "clothes clothing outfit attire wears wearing",
    "I have {}.": "features",
    "My hair is {}.": "hair",
    "My eyes are {}.": "eyes",
    "I can {}.": "abilities skills powers",
    "My goal is {}.": "goal goals",
    "I live in {}.": "home residence lives",
}
"""How a list is told, by what it is called. Others: ``My hobbies: ...``."""

_TEMPLATES = {name.replace("_", " "): told for told, names in _TOLD.items() for name in names.split()}
_THEIR_NAME = ("name", "character", "char", "full name")
_NAME = r"[^\W\d_][\w '’/&-]{0,40}?"
_WPP_VALUE = r'"[^"\n]*"|“[^”\n]*”'
_WPP = re.compile(rf"({_NAME})\s*\(\s*((?:{_WPP_VALUE})(?:\s*[+,]\s*(?:{_WPP_VALUE}))*)\s*\)")
_BARE = re.compile(rf"({_NAME})\s*(\([^()\n]+\)(?:\s*\+\s*\([^()\n]+\))*|\([^()\n]*\+[^()\n]*\))\s*[,;]?")
_LISTED = re.compile(rf"({_NAME})\s*[:=]\s*(.+)", re.DOTALL)
_BULLET = re.compile(r"^\s*(?:[-*•·+>]|\d{1,2}[.)])\s+")
_MARKS = re.compile(r"\*\*|__|^#{1,6}\s+|`")
_FRAME = re.compile(r"^[\[\]{}<>|=_~*#\s-]+$|^</?[\w -]+>$")


def facts_of(text: str, names: Sequence[str]) -> tuple[str, ...]:
    """The facts in a text about a character, in their order, none twice.

    Args:
      text: a description, with names filled in.
      names: what the character is called.

    >>> facts_of('[Character("Mira"){Likes("rain" + "tea")}]', ["Mira"])
    ('I like rain and tea.',)
    >>> facts_of("Age: 30\\n- Mira fears geese.\\nkind, shy", ["Mira"])
    ('My age is 30.', 'I fear geese.', 'I am kind and shy.')
    """
    return tuple(dict.fromkeys(fact for fact in _facts(text, names) if re.search(r"\w", fact)))


def _facts(text: str, names: Sequence[str]) -> Iterator[str]:
    for found in _WPP.finditer(text):
        yield from _listed(found[1], re.findall(_WPP_VALUE, found[2]), names)
    for line in _lines(_WPP.sub("\n", text)):
        yield from _of_line(line, names)


def _lines(text: str) -> Iterator[str]:
    """Lines without what only frames them; what is a list in brackets is one line a part."""
    for line in text.splitlines():
        line = _MARKS.sub("", _BULLET.sub("", line)).strip()
        if _FRAME.match(line):
            continue
        if line.startswith("[") or line.endswith("]"):
            yield from (part.strip() for part in line.strip("[] ").split(";"))
        else:
            yield line.strip("{}").strip()


def _of_line(line: str, names: Sequence[str]) -> Iterable[str]:
    if found := _BARE.fullmatch(line):
        return _listed(found[1], re.split(r"\)?\s*\+\s*\(?", found[2].strip("()")), names)
    if (found := _LISTED.fullmatch(line)) and len(found[1].split()) <= 4:
        name, value = found.groups()
        if _is_prose(value):
            return first_person(sentences(value), names)
        return _listed(name, re.split(r"\s*[,+]\s*", value.strip('"')), names)
    if line.casefold() in {name.casefold() for name in names}:
        return ()
    if line and not _is_prose(line) and "," in line:
        return _listed("personality", line.split(","), names)
    return first_person(sentences(line), names)


def _is_prose(text: str) -> bool:
    """Sentences, and not words with commas between them."""
    words, ends = len(text.split()), re.search(r"[.!?][\"'”’)]*(\s|$)", text)
    return bool(ends and words > 2) or words > 6 * (1 + text.count(","))


def _listed(name: str, values: Iterable[str], names: Sequence[str]) -> Iterator[str]:
    """The sentence that tells what stands under a name."""
    known = "|".join(re.escape(one) for one in names if one.strip())
    name = re.sub(rf"^(?:{known})['’]s?\s+", "", name.strip(), flags=re.IGNORECASE) if known else name.strip()
    small = "personality" if name.casefold() in {one.casefold() for one in names} else name.lower()
    said = [told for value in values if (told := value.strip(" \t\"“”'.;,"))]
    if not said or small in _THEIR_NAME:
        return
    if small == "description":
        yield from first_person([f"{value}." for value in said], names)
    elif not name.isascii():
        yield f"{name}: {', '.join(said)}."
    else:
        told = f"{', '.join(said[:-1])} and {said[-1]}" if len(said) > 1 else said[0]
        yield _TEMPLATES.get(small, f"My {small}: {{}}.").replace("{}", told)
