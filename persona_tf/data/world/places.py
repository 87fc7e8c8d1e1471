"""Places: kinds of place, the objects that lie about in them, and one composed place."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from persona_tf.data.world.lexicon import Phrases, Slot, placeholders, read_toml, strings
from persona_tf.data.world.personas import EVERYWHERE, WITH_RIVALS, Known
from persona_tf.data.world.state import bare
from persona_tf.data.world.voice import Voice
from persona_tf.episode import Setting, Thing

_AFFORDS = {
    "gettable": "get",
    "container": "hold",
    "surface": "",
    "wearable": "wear",
    "wieldable": "wield",
    "edible": "eat",
    "drinkable": "drink",
}
_CONDITIONED = frozenset(
    ["old", "bent", "thick", "long", "high-backed", "bunch", "heap", "pair", "jar", "set", "wheel", "string"]
)
"""First words of nouns that another adjective would not suit."""
_UNSEEN_EVERY = 8
"""Every so many-th object of the catalogue occurs in ``test_unseen`` alone."""


@dataclasses.dataclass(frozen=True)
class PlaceKind:
    """One kind of place: templates of its name, sentences of its description, what lies about."""

    kind: str
    category: str
    roofed: bool
    name: tuple[str, ...]
    description: tuple[str, ...]
    objects: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Ware:
    """One object of the catalogue. ``kind`` is hard, soft or food; ``affords`` as in `state.AFFORDANCES`."""

    name: str
    kind: str
    affords: frozenset[str]
    description: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """All places and objects, and the adjectives and people that make each of them another one."""

    places: tuple[PlaceKind, ...]
    wares: Mapping[str, Ware]
    unseen: frozenset[str]
    adjectives: Phrases
    conditions: Mapping[str, Phrases]
    bystanders: Phrases


@dataclasses.dataclass(frozen=True)
class Ground:
    """A composed place: its setting, what it lets one answer, what each character has, what each thing affords.

    ``hands`` holds (carrying, wearing, wielding) for the bot and for the human; ``kinds`` and ``affords`` are by
    name with article.
    """

    setting: Setting
    known: tuple[Known, ...]
    hands: tuple[tuple[tuple[Thing, ...], ...], tuple[tuple[Thing, ...], ...]]
    affords: Mapping[str, frozenset[str]]
    kinds: Mapping[str, str]
    names: tuple[tuple[str, str], ...]


@functools.cache
def catalogue() -> Catalogue:
    """All of ``places.toml`` and ``things.toml``.

    Raises:
      ValueError: a file breaks the schema; the message names table and key.
    """
    data, more = read_toml("places"), read_toml("things")
    wares = {table["name"]: _ware(table) for table in data["catalogue"]["object"]}
    places = tuple(_place_kind(table, wares) for table in data["place"])
    names = tuple(wares)
    return Catalogue(
        places,
        wares,
        frozenset(names[_UNSEEN_EVERY - 1 :: _UNSEEN_EVERY]),
        _pair(data["adjectives"], "places.toml", "adjectives"),
        {kind: _pair(more[kind], "things.toml", kind) for kind in ("hard", "soft", "food")},
        _pair(more["bystanders"], "things.toml", "bystanders"),
    )


def affordances(name: str) -> frozenset[str]:
    """What a thing of that name affords, as far as the catalogue knows its noun; else that it can be taken.

    >>> sorted(affordances("a dented ladle"))
    ['get', 'wield']
    """
    words = bare(name).split()
    for start in range(len(words)):
        ware = catalogue().wares.get(" ".join(words[start:]))
        if ware is not None:
            return ware.affords
    return frozenset({"get"})


def build(voice: Voice, values: Mapping[str, Sequence[str]]) -> Ground:
    """Composes a place. `values` are those in sight so far by type: the place prefers to hold rivals to them."""
    kind = voice.one(catalogue().places)
    name, names = _place_name(voice, kind)
    wares = _wares(voice, kind)
    room = wares[: voice.rng.randint(*voice.config.objects)]
    things = {ware.name: named(voice, ware) for ware in wares}
    wanted = {t: len(v) for t, v in values.items()}
    sentences, known = _described(voice, kind, wanted)
    objects = []
    for i, ware in enumerate(room):
        thing, fact = object_of(voice, ware, things[ware.name], wanted, f"object/{i}")
        objects.append(thing)
        known += fact
    bystanders = voice.some(_choice(voice, catalogue().bystanders), voice.rng.randint(0, 2))
    setting = Setting(name, kind.category, tuple(sentences), tuple(objects), tuple(bystanders))
    rest = [w for w in wares if w not in room and "get" in w.affords]
    cut = len(rest) // 2
    hands = (_hands(voice, rest[:cut], things), _hands(voice, rest[cut:], things))
    held = {thing.name for hand in hands for part in hand for thing in part} | {t.name for t in objects}
    affords = {things[w.name]: w.affords for w in wares if things[w.name] in held}
    kinds = {things[w.name]: w.kind for w in room}
    return Ground(setting, tuple(known), hands, affords, kinds, names)


def _choice(voice: Voice, pair: Phrases) -> tuple[str, ...]:
    return pair.unseen if voice.unseen else pair.train


def _place_name(voice: Voice, kind: PlaceKind) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The name of the place, and the (type, value) pairs in it."""
    template = voice.one(kind.name)
    words = {t: voice.value(t) for t in ("person", "town") if f"{{{t}}}" in template}
    adjective = voice.one(_choice(voice, catalogue().adjectives))
    name = template.format(adj=adjective, **words)
    return name[0].upper() + name[1:], tuple(words.items())


def _wares(voice: Voice, kind: PlaceKind) -> list[Ware]:
    """The room's objects first, two to take among them, then things for the hands, no noun twice."""
    known = catalogue()
    allowed = [n for n in kind.objects if voice.unseen or n not in known.unseen]
    room = [known.wares[n] for n in voice.some(allowed, 5)]
    room.sort(key=lambda w: "get" not in w.affords and "hold" not in w.affords)
    return [*room, *(ware for ware in voice.some(handy_wares(voice), 6) if ware.name not in kind.objects)]


def handy_wares(voice: Voice) -> list[Ware]:
    """Things for the hands: what can be taken, those that are good for something twice."""
    known = catalogue()
    return [known.wares[name] for name in _handy() if voice.unseen or name not in known.unseen]


@functools.cache
def _handy() -> tuple[str, ...]:
    wares = catalogue().wares.values()
    return tuple(w.name for w in wares for _ in range(1 + (len(w.affords) > 1)) if "get" in w.affords)


def named(voice: Voice, ware: Ware) -> str:
    """A thing's full name: article, sometimes its condition, its noun."""
    name = ware.name
    if name.split()[0] not in _CONDITIONED and voice.chance(0.5):
        name = f"{voice.one(_choice(voice, catalogue().conditions[ware.kind]))} {name}"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


Sentence = tuple[str, Slot | None, str]
"""A sentence of a description; the slot whose value it holds, or None; the value, or ""."""


def _described(voice: Voice, kind: PlaceKind, wanted: dict[str, int]) -> tuple[list[str], list[Known]]:
    """Sentences of the description, some of which hold the value of a slot."""
    own: list[Sentence] = [(s, None, "") for s in voice.some(kind.description, voice.rng.randint(1, 3))]
    sentences = own + told_sentences(voice, kind.roofed, wanted)
    voice.rng.shuffle(sentences)
    return [text for text, _, _ in sentences], known_sentences(sentences)


def told_sentences(voice: Voice, roofed: bool, wanted: dict[str, int]) -> list[Sentence]:
    """Two or three sentences that hold a value each; counts their types in ``wanted``."""
    slots = [s for s in voice.lexicon.of("setting", where="description") if roofed or not s.roofed]
    sentences: list[Sentence] = []
    for slot in _preferred(voice, slots, wanted, voice.rng.randint(2, 3)):
        value = voice.value(slot.type)
        sentences.append((voice.telling(slot.fact, value).format(value=value), slot, value))
    return sentences


def known_sentences(sentences: Sequence[Sentence]) -> list[Known]:
    """What the sentences of a description, in their order, let one answer."""
    return [
        Known(slot, value, (f"setting_description/{i}",), text)
        for i, (text, slot, value) in enumerate(sentences)
        if slot
    ]


def object_of(voice: Voice, ware: Ware, name: str, wanted: dict[str, int], key: str) -> tuple[Thing, list[Known]]:
    """One object of the room; most have a description that holds the value of a slot."""
    own = voice.one(ware.description) if voice.chance(0.6) else ""
    slots = [s for s in voice.lexicon.of("setting", where="object") if ware.kind in s.kinds]
    if not slots or voice.chance(0.25):
        return Thing(name, own or ware.description[0]), []
    [slot] = _preferred(voice, slots, wanted, 1)
    value = voice.value(slot.type)
    told = voice.telling(slot.fact, value).format(value=value, thing=bare(name))
    text = " ".join(t for t in ((own, told) if voice.chance(0.5) else (told, own)) if t)
    return Thing(name, text), [Known(slot, value, (key,), f"{name} : {text}", thing=bare(name))]


def _preferred(voice: Voice, slots: Sequence[Slot], wanted: dict[str, int], count: int) -> list[Slot]:
    """Some of the slots, rather those whose type is in sight already, but not too often; counts them in."""
    rivalled = [s.type not in EVERYWHERE and 0 < wanted.get(s.type, 0) < 4 for s in slots]
    chosen = voice.in_turn(slots, [WITH_RIVALS if r else 1.0 for r in rivalled])[:count]
    for slot in chosen:
        wanted[slot.type] = wanted.get(slot.type, 0) + 1
    return chosen


def _hands(voice: Voice, wares: Sequence[Ware], things: Mapping[str, str]) -> tuple[tuple[Thing, ...], ...]:
    """What a character carries, wears and wields: at most one worn, one wielded."""
    carried: list[Thing] = []
    worn: list[Thing] = []
    wielded: list[Thing] = []
    for ware in wares:
        thing = Thing(things[ware.name])
        if "wear" in ware.affords and not worn and voice.chance(0.5):
            worn.append(thing)
        elif "wield" in ware.affords and not wielded and voice.chance(0.4):
            wielded.append(thing)
        else:
            carried.append(thing)
    return tuple(carried), tuple(worn), tuple(wielded)


def _pair(table: Mapping[str, Any], file: str, name: str) -> Phrases:
    return Phrases(strings(table, "train", file, name), strings(table, "unseen", file, name))


def _ware(table: Mapping[str, Any]) -> Ware:
    unknown = [a for a in table["affordances"] if a not in _AFFORDS]
    if unknown or table["kind"] not in ("hard", "soft", "food"):
        raise ValueError(
            f"lexicon/places.toml [[catalogue.object]] {table['name']}: expected affordances of "
            f"{sorted(_AFFORDS)} and the kind hard, soft or food, got {unknown or table['kind']}"
        )
    affords = frozenset(_AFFORDS[a] for a in table["affordances"] if _AFFORDS[a])
    return Ware(table["name"], table["kind"], affords, strings(table, "description", "places.toml", table["name"]))


def _place_kind(table: Mapping[str, Any], wares: Mapping[str, Ware]) -> PlaceKind:
    file, kind = "places.toml", table["kind"]
    names = strings(table, "name", file, kind)
    placeholders(names, {"adj", "person", "town"}, file, kind, "name")
    objects = strings(table, "objects", file, kind, 6)
    missing = [n for n in objects if n not in wares]
    if missing:
        raise ValueError(f"lexicon/{file} [{kind}] objects: expected names of the catalogue, got {missing}")
    return PlaceKind(
        kind, table["category"], table["roofed"], names, strings(table, "description", file, kind, 3), objects
    )
