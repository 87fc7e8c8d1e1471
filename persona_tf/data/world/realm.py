"""Somebody else's world to be played in: given places and given people, in the place of those that are composed.

A realm is handed in; where it comes from, this room does not know. The people keep their names and what they say of
themselves, and get facts of the world besides, which can be asked for; the places keep name, description and objects,
and get sentences with values.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

from persona_tf.data.world.places import (
    Ground,
    Sentence,
    Ware,
    handy_wares,
    known_sentences,
    named,
    object_of,
    told_sentences,
)
from persona_tf.data.world.state import bare
from persona_tf.data.world.voice import Voice
from persona_tf.episode import Fact, Setting, Thing

MOST_SENTENCES, MOST_HELD, MOST_PRESENT = 8, 3, 3
"""Of a place's own description; of what one carries, wears or wields each; of others who are there."""

Held = tuple[tuple[Ware, ...], tuple[Ware, ...], tuple[Ware, ...]]
"""What somebody carries, wears, wields."""


@dataclasses.dataclass(frozen=True)
class Folk:
    """Somebody given: each of ``personas`` holds all sentences of one telling of who it is."""

    name: str
    personas: tuple[tuple[str, ...], ...]
    held: Held = ((), (), ())


@dataclasses.dataclass(frozen=True)
class Site:
    """A given place. ``folk`` indexes those of its `Part` who belong there."""

    name: str
    category: str
    roofed: bool
    description: tuple[str, ...]
    wares: tuple[Ware, ...]
    folk: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Part:
    """The people and places of some splits; two people and one place at least.

    Raises:
      ValueError: there are fewer.
    """

    folk: tuple[Folk, ...]
    sites: tuple[Site, ...]

    def __post_init__(self) -> None:
        if len(self.folk) < 2 or not self.sites:
            raise ValueError(f"expected 2 people and a place or more, got {len(self.folk)} and {len(self.sites)}")

    @functools.cached_property
    def wares(self) -> Mapping[str, tuple[Ware, ...]]:
        """What lies about in the places of each category."""
        categories = dict.fromkeys(site.category for site in self.sites)
        return {c: tuple(dict.fromkeys(w for s in self.sites if s.category == c for w in s.wares)) for c in categories}


@dataclasses.dataclass(frozen=True)
class Realm:
    """All that is given: ``seen`` for every split but ``test_unseen``, which has ``unseen``."""

    name: str
    seen: Part
    unseen: Part

    def part(self, voice: Voice) -> Part:
        """The part that a dialogue is drawn from."""
        return self.unseen if voice.unseen else self.seen


@dataclasses.dataclass(frozen=True)
class Visit:
    """A site of a part, two people in it, the bot first, and who else is there."""

    part: Part
    site: Site
    people: tuple[Folk, Folk]
    present: tuple[str, ...]

    def facts(self, voice: Voice, who: int) -> tuple[Fact, ...]:
        """What one of ``people`` says of itself, which nobody asks for."""
        return tuple(Fact(sentence) for sentence in dict.fromkeys(voice.one(self.people[who].personas)))


def visit(voice: Voice, realm: Realm) -> Visit:
    """Draws a place, and two people: of those who belong there, else of all.

    Raises:
      LookupError: no two people have names of which neither is part of the other.
    """
    part = realm.part(voice)
    site = voice.one(part.sites)
    here = voice.some([part.folk[i] for i in site.folk], len(site.folk))
    people: list[Folk] = []
    for folk in [*here, *voice.some(part.folk, 50)]:
        if len(people) < 2 and folk not in people and voice.claim("person", folk.name):
            people.append(folk)
    if len(people) < 2:
        raise LookupError(f"realm {realm.name}: no two people for {site.name!r} whose names are different enough")
    taken = [folk.name.lower() for folk in people]
    names = {bare(f.name).lower(): f.name for f in here if not any(_alike(f.name, name) for name in taken)}
    return Visit(part, site, (people[0], people[1]), tuple([*names.values()][:MOST_PRESENT]))


def ground(voice: Voice, visit: Visit, values: Mapping[str, Sequence[str]]) -> Ground:
    """What `places.build` is to a composed place: `values` are those in sight so far by type."""
    site, wanted = visit.site, {kind: len(found) for kind, found in values.items()}
    sentences: list[Sentence] = [(sentence, None, "") for sentence in site.description[:MOST_SENTENCES]]
    for told in told_sentences(voice, site.roofed, wanted):
        sentences.insert(voice.rng.randint(0, len(sentences)), told)
    known = known_sentences(sentences)
    things = _Things()
    objects: list[Thing] = []
    for ware in _lying_about(voice, site, visit.part):
        if len(objects) < voice.config.objects[1] and things.take(ware.name, ware.affords):
            thing, fact = object_of(voice, ware, ware.name, wanted, f"object/{len(objects)}")
            objects.append(thing)
            known += fact
    hands = (_hands(voice, visit.people[0], things), _hands(voice, visit.people[1], things))
    setting = Setting(site.name, site.category, tuple(s for s, _, _ in sentences), tuple(objects), visit.present)
    return Ground(setting, tuple(known), hands, things.affords, {}, ())


class _Things:
    """What is there by name, each bare name once, as actions name things by it."""

    def __init__(self) -> None:
        self.affords: dict[str, frozenset[str]] = {}
        self._taken: set[str] = set()

    def take(self, name: str, affords: frozenset[str]) -> bool:
        if bare(name).lower() in self._taken:
            return False
        self._taken.add(bare(name).lower())
        self.affords[name] = affords
        return True


def _lying_about(voice: Voice, site: Site, part: Part) -> list[Ware]:
    """The site's own things, then, where these are few, some that lie about in places like it."""
    own = voice.some(site.wares, len(site.wares))
    few = voice.config.objects[0] - len(own)
    return own + voice.some(part.wares[site.category], 2 * few) if few > 0 else own


def _hands(voice: Voice, folk: Folk, things: _Things) -> tuple[tuple[Thing, ...], ...]:
    """What somebody has; whoever carries nothing gets a thing or two of the world's, to give away."""
    held: list[list[Thing]] = [[], [], []]
    for place, wares in zip(held, folk.held, strict=True):
        for ware in voice.some(wares, MOST_HELD):
            if things.take(ware.name, ware.affords | {"get"}):
                place.append(Thing(ware.name))
    if not held[0]:
        for ware in voice.some(handy_wares(voice), voice.rng.randint(1, 2)):
            if things.take(name := named(voice, ware), ware.affords):
                held[0].append(Thing(name))
    carried, worn, wielded = held
    return tuple(carried), tuple(worn), tuple(wielded)


def _alike(one: str, other: str) -> bool:
    return one.lower() in other.lower() or other.lower() in one.lower()
