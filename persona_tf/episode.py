"""The nouns of the house: what a situated dialogue is made of. Knows no TensorFlow, no files, no models.

Glossary
--------
fact            one sentence of a persona
persona         all facts of a character
setting         the place: its name, category, description, objects, and who is there
history         the turns before the one that is answered
reply           what a character says; *action* what it does (LIGHT's verbs); *emote* what it shows (one of 22)
candidate       one of several replies, actions or emotes to be ranked
knowledge item  one sentence that a reply may draw on: a fact, a name, a sentence of the description, an object ...
key             the address of a knowledge item or a turn inside its episode, such as ``persona/2`` or ``turn/5``
grounding       the keys that a turn draws on
probe           a question whose right answer is known, with the values that would be wrong
statement       a fact that a turn states, in plain words, and whose it is
"""

import dataclasses
import functools
import re
from collections.abc import Mapping
from typing import Any

EMOTES = tuple(
    (
        "applaud blush cry dance frown gasp grin groan growl laugh nod nudge "
        "ponder pout scream shrug sigh smile stare wave wink yawn"
    ).split()
)
"""LIGHT's 22 emotes, in alphabetical order."""

PHYSICAL_VERBS = tuple("get drop put give steal wield wear remove eat drink hug hit".split())
"""LIGHT's 12 physical verbs."""

KEY_KINDS = (
    "self_name",
    "partner_name",
    "persona",
    "partner_persona",
    "setting_name",
    "setting_description",
    "object",
    "present",
    "carrying",
    "wearing",
    "wielding",
)
"""Kinds of knowledge item. A key is ``kind/index``; keys are as the *speaker of the turn* sees them
(``persona/0`` is the first fact of whoever speaks). ``turn/i`` addresses ``episode.turns[i]``."""

SETTING_KINDS = ("setting_name", "setting_description", "object", "present")
"""Those of the place."""


@dataclasses.dataclass(frozen=True)
class Fact:
    """One first-person sentence of a persona.

    ``slot`` and ``value`` are known in the built-in world only: what the fact tells (``pet_name``) and the
    part of ``text`` that tells it, verbatim. Empty elsewhere.
    """

    text: str
    slot: str = ""
    value: str = ""


@dataclasses.dataclass(frozen=True)
class Thing:
    """An object: the name as shown ("a rusty trident") and its description ("" when there is none)."""

    name: str
    description: str = ""


@dataclasses.dataclass(frozen=True)
class Setting:
    """A place. ``description`` holds one sentence an entry; ``present`` the names of others who are there."""

    name: str
    category: str = ""
    description: tuple[str, ...] = ()
    objects: tuple[Thing, ...] = ()
    present: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Character:
    """Who speaks, with what it has when the dialogue begins."""

    name: str
    facts: tuple[Fact, ...] = ()
    carrying: tuple[Thing, ...] = ()
    wearing: tuple[Thing, ...] = ()
    wielding: tuple[Thing, ...] = ()


@dataclasses.dataclass(frozen=True)
class Swap:
    """A counterfactual: put ``text`` in the place of the item or speech at ``key``, and the answer is ``value``."""

    key: str
    text: str
    value: str


@dataclasses.dataclass(frozen=True)
class Probe:
    """What is known about a right answer.

    ``source`` is ``persona``, ``setting``, ``history`` or ``unanswerable``. A right reply holds ``value`` and
    none of ``decoys`` (other values of the same type). For ``unanswerable``, ``value`` is "" and a right reply
    asserts none of ``decoys``.
    """

    source: str
    slot: str
    value: str = ""
    decoys: tuple[str, ...] = ()
    swap: Swap | None = None

    SOURCES = ("persona", "setting", "history", "unanswerable")


WORLD = -1
"""The owner of what is true of neither character: of the place, of things."""


@dataclasses.dataclass(frozen=True)
class Statement:
    """A fact that a turn states. ``owner`` indexes ``Episode.characters``, or is `WORLD`.

    ``fact.text`` is a sentence of the owner, in the first person, whoever said it and in whatever words.
    """

    owner: int
    fact: Fact


@dataclasses.dataclass(frozen=True)
class Turn:
    """One turn. ``speaker`` indexes ``Episode.characters``; "" means that nothing was said, done or shown.

    ``emote`` is a label of the source's own set, see `data.sources.Source.emotes`. ``knows``: where what one knows
    changes while the two talk, the keys of what the speaker has to hand at this turn: of each kind that is named there
    no other item is shown. () is all.
    ``states``: what it tells, where that is known of the source (see the option ``states``). ``could_state``: where it
    admits not to know something of itself, a fact that it could have made up.
    """

    speaker: int
    speech: str = ""
    action: str = ""
    emote: str = ""
    available_actions: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    grounding: tuple[str, ...] = ()
    probe: Probe | None = None
    states: tuple[Statement, ...] = ()
    could_state: Fact | None = None
    knows: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Aside:
    """What was not said, and not answered, but could have been at ``turns[at]`` and after it.

    Nobody heard it: it is not part of the history of anything but itself.
    """

    at: int
    question: Turn
    answer: Turn


@dataclasses.dataclass(frozen=True)
class Episode:
    """A dialogue of two characters in one place.

    ``learners`` are the speakers whose turns are targets; ``asides`` are more to learn from.
    """

    id: str
    source: str
    setting: Setting | None
    characters: tuple[Character, Character]
    turns: tuple[Turn, ...]
    learners: tuple[int, ...] = (0, 1)
    asides: tuple[Aside, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The episode as JSON-able dicts and lists; empty fields that have a default are left out."""
        return _to_json(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Episode":
        """The inverse of `to_json`.

        Raises:
          KeyError, TypeError: a field is missing, unknown or of another shape.
        """
        setting = data.get("setting")
        first, second = (_character(c) for c in data["characters"])
        return cls(
            id=data["id"],
            source=data["source"],
            setting=None if setting is None else _setting(setting),
            characters=(first, second),
            turns=tuple(_turn(t) for t in data["turns"]),
            learners=tuple(data.get("learners", ())),
            asides=tuple(Aside(a["at"], _turn(a["question"]), _turn(a["answer"])) for a in data.get("asides", ())),
        )


def sentences(text: str) -> tuple[str, ...]:
    """Splits prose into sentences, losing nothing but white space between them.

    >>> sentences("The tower is old. Who knows how old?  It leans.")
    ('The tower is old.', 'Who knows how old?', 'It leans.')
    """
    return tuple(s.strip() for s in re.split(r"(?<=[.!?])\s+", text.strip()) if s.strip())


def _to_json(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, tuple):
        return [_to_json(v) for v in value]
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    pairs = ((name, needed, getattr(value, name)) for name, needed in _fields(type(value)))
    return {name: _to_json(v) for name, needed, v in pairs if v is not None and (needed or (v != "" and v != ()))}


@functools.cache
def _fields(cls: type) -> tuple[tuple[str, bool], ...]:
    """Names of the fields, and whether they have no default."""
    return tuple((f.name, f.default is dataclasses.MISSING) for f in dataclasses.fields(cls))


def _things(data: Mapping[str, Any], field: str) -> tuple[Thing, ...]:
    return tuple(Thing(**t) for t in data.get(field, ()))


def _setting(data: Mapping[str, Any]) -> Setting:
    lists = {name: tuple(data.get(name, ())) for name in ("description", "present")}
    return Setting(**{**data, **lists, "objects": _things(data, "objects")})


def _character(data: Mapping[str, Any]) -> Character:
    had = {name: _things(data, name) for name in ("carrying", "wearing", "wielding")}
    return Character(**{**data, **had, "facts": tuple(Fact(**f) for f in data.get("facts", ()))})


def _turn(data: Mapping[str, Any]) -> Turn:
    lists = {name: tuple(data.get(name, ())) for name in ("available_actions", "candidates", "grounding", "knows")}
    probe, invented = data.get("probe"), data.get("could_state")
    known = {
        "probe": None if probe is None else _probe(probe),
        "states": tuple(Statement(s["owner"], Fact(**s["fact"])) for s in data.get("states", ())),
        "could_state": None if invented is None else Fact(**invented),
    }
    return Turn(**{**data, **lists, **known})


def _probe(data: Mapping[str, Any]) -> Probe:
    swap = data.get("swap")
    fields = {"value": "", **data, "decoys": tuple(data.get("decoys", ()))}
    return Probe(**{**fields, "swap": None if swap is None else Swap(**swap)})
