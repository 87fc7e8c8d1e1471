"""What LIGHT's files say of a thing, a person or a place -> the nouns of a `Realm`. What cannot play is refused."""

import re
from collections.abc import Collection, Iterable

from persona_tf.data.errors import DataError
from persona_tf.data.world.places import Ware
from persona_tf.data.world.realm import Folk, Held, Site
from persona_tf.data.world.state import bare
from persona_tf.episode import sentences

MOST_WORDS = 6
"""Longer names are sentences: nobody can be called, and nothing asked for, by them."""

_ROOFED = re.compile(r"(inside|tavern|dungeon)\b", re.IGNORECASE)
_PARTED = re.compile(r" (in|from) ")


def light_ware(name: str, descriptions: Iterable[str], affords: Collection[str]) -> Ware:
    """A thing: food is what can be eaten or drunk, soft what can be worn, hard whatever else can be moved or opened.

    Raises:
      DataError: the name is not one, or holds a word that parts an action ("put rope in chest").

    >>> light_ware("a rope", ["it is frayed"], {"get"})
    Ware(name='a rope', kind='hard', affords=frozenset({'get'}), description=('it is frayed.',))
    """
    name = _name(name)
    if _PARTED.search(bare(name)):
        raise DataError(f"key name: {name!r} holds a word that parts an action")
    eaten = not {"eat", "drink"}.isdisjoint(affords)
    kind = "food" if eaten else "soft" if "wear" in affords else "hard" if affords else "none"
    told = dict.fromkeys(_ended(text) for text in map(_plain, descriptions) if text)
    return Ware(name, kind, frozenset(affords), tuple(told) or (f"{name[0].upper()}{name[1:]}.",))


def light_folk(name: str, personas: Iterable[str], held: Held) -> Folk:
    """Somebody, with what it says of itself.

    Raises:
      DataError: the name is not one, or it says nothing.
    """
    told = tuple(sentences(_ended(text)) for text in dict.fromkeys(map(_plain, personas)) if text)
    if not told:
        raise DataError("key personas: expected something that it says of itself")
    return Folk(_name(name), told, held)


def light_site(name: str, category: str, told: Iterable[str], wares: Iterable[Ware], folk: Iterable[int]) -> Site:
    """A place.

    Raises:
      DataError: it has no name, or nothing is told of it.
    """
    name, category = _plain(name), _plain(category)
    description = dict.fromkeys(sentence for text in map(_plain, told) if text for sentence in sentences(_ended(text)))
    if not name or not description:
        raise DataError("expected a place with a name and a description")
    things = {bare(ware.name).lower(): ware for ware in wares}
    roofed = _ROOFED.match(category) is not None
    return Site(name, category, roofed, tuple(description), tuple(things.values()), tuple(dict.fromkeys(folk)))


def _name(text: str) -> str:
    name = _plain(text).rstrip(".")
    if not bare(name).strip() or len(name.split()) > MOST_WORDS:
        raise DataError(f"key name: expected 1 to {MOST_WORDS} words, got {text[:60]!r}")
    return name


def _plain(text: str) -> str:
    """Single blanks, and no braces, which are placeholders here."""
    return " ".join(re.sub(r"[{}]", " ", text).split())


def _ended(text: str) -> str:
    return text if text[-1] in ".!?\"'…" else f"{text}."
