"""The words of the world: slots, their phrasings and their fillers, read from the TOML files beside this module.

A *slot* is something that can be asked and answered (``sister_name``); a *filler* is one value of a type
(``person``). Each phrasing and each filler belongs to training or, with ``_unseen``, to ``test_unseen`` alone.
"""

import dataclasses
import functools
import re
import string
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Any, NamedTuple

SOURCES = ("persona", "setting", "history")


class Phrases(NamedTuple):
    """Ways to say one thing: those of training, and those that only ``test_unseen`` has."""

    train: tuple[str, ...]
    unseen: tuple[str, ...] = ()


NO_PHRASES = Phrases(())


@dataclasses.dataclass(frozen=True)
class Slot:
    """Something that can be asked, and all ways to ask, tell and answer it.

    ``needs``: the slot whose value names ``{who}`` in the facts (two facts are needed to answer). ``where``:
    for the setting, ``description`` or ``object`` (of one of ``kinds``; ``roofed``: only where there is a roof).
    ``teller``: for the history, ``partner`` or ``self``, who is brought to it by one of ``prompt``. ``plain``: the fact
    in plain words, always the same.
    """

    name: str
    source: str
    type: str
    question: Phrases
    fact: Phrases
    answer: Phrases
    needs: str = ""
    where: str = ""
    teller: str = ""
    prompt: Phrases = NO_PHRASES
    kinds: tuple[str, ...] = ()
    roofed: bool = False
    plain: str = ""


@dataclasses.dataclass(frozen=True)
class Lexicon:
    """All slots by source and name, and the fillers by type."""

    slots: Mapping[str, Slot]
    fillers: Mapping[str, Phrases]

    def of(self, source: str, where: str = "") -> tuple[Slot, ...]:
        """The slots of a source, and of one place there (`Slot.where`), in the order of the files."""
        return self._groups.get((source, where), ())

    def every(self, kind: str) -> tuple[str, ...]:
        """All fillers of a type, of training and unseen: one shared tuple."""
        return self._every[kind]

    @functools.cached_property
    def _every(self) -> dict[str, tuple[str, ...]]:
        return {kind: pair.train + pair.unseen for kind, pair in self.fillers.items()}

    @functools.cached_property
    def _groups(self) -> dict[tuple[str, str], tuple[Slot, ...]]:
        keys = dict.fromkeys((s.source, s.where) for s in self.slots.values())
        return {key: tuple(s for s in self.slots.values() if (s.source, s.where) == key) for key in keys}


def read_toml(name: str) -> dict[str, Any]:
    """One file of the lexicon, by its name without ``.toml``.

    Raises:
      FileNotFoundError: the file is missing, as in an installation without package data.
      tomllib.TOMLDecodeError: it is no TOML; the message names the file.
    """
    path = resources.files(__package__) / "lexicon" / f"{name}.toml"
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise tomllib.TOMLDecodeError(f"lexicon/{name}.toml: {error}") from error


@functools.cache
def load(slots: tuple[str, ...] = (), phrasings: int = 0) -> Lexicon:
    """The lexicon, read once: of the slots named, or of all; of training's phrasings the first ones, or all.

    Raises:
      ValueError: there is no slot of a name, or one needs another that is not named.
    """
    whole = _load()
    unknown = sorted(set(slots) - set(whole.slots))
    if unknown:
        raise ValueError(f"WorldConfig.slots: the lexicon has no {unknown}; it has {', '.join(whole.slots)}")
    chosen = {name: slot for name, slot in whole.slots.items() if not slots or name in slots}
    alone = sorted(slot.name for slot in chosen.values() if slot.needs and slot.needs not in chosen)
    if alone:
        raise ValueError(f"WorldConfig.slots: {alone} need slots that are not named: add them, or leave these out")
    return Lexicon({name: _shortened(slot, phrasings) for name, slot in chosen.items()}, whole.fillers)


def _shortened(slot: Slot, phrasings: int) -> Slot:
    if not phrasings:
        return slot
    first = [
        Phrases(phrases.train[:phrasings], phrases.unseen)
        for phrases in (slot.question, slot.fact, slot.answer, slot.prompt)
    ]
    question, fact, answer, prompt = first
    return dataclasses.replace(slot, question=question, fact=fact, answer=answer, prompt=prompt)


@functools.cache
def _load() -> Lexicon:
    """The whole lexicon.

    Raises:
      ValueError: a file breaks the schema; the message names file, table and key.
    """
    fillers = read_fillers(read_toml("fillers"), "fillers.toml")
    files = sorted(f.name for f in (resources.files(__package__) / "lexicon").iterdir() if "_slots" in f.name)
    slots = read_slots({name: read_toml(name.removesuffix(".toml")) for name in files}, fillers)
    return Lexicon(slots, fillers)


def read_fillers(data: Mapping[str, Any], file: str) -> dict[str, Phrases]:
    """Fillers by type from ``[type] train = [..] unseen = [..]``.

    Raises:
      ValueError: a list is missing or too short, or a filler stands twice.
    """
    fillers = {}
    for kind, table in data.items():
        pair = Phrases(strings(table, "train", file, kind), strings(table, "unseen", file, kind))
        if len(pair.train) < 20 or len(pair.unseen) < 5:
            raise _error(file, kind, "train", "expected 20 fillers or more for training and 5 or more unseen ones")
        twice = sorted({v for v in pair.train + pair.unseen if (pair.train + pair.unseen).count(v) > 1})
        if twice:
            raise _error(file, kind, "train", f"expected each filler once, got twice: {twice}")
        fillers[kind] = pair
    return fillers


def read_slots(files: Mapping[str, Mapping[str, Any]], fillers: Mapping[str, Phrases]) -> dict[str, Slot]:
    """Slots by name from parsed files; see `Slot` for the keys.

    Raises:
      ValueError: an unknown key, source, type, needed slot or placeholder, or a list that is missing.
    """
    slots: dict[str, Slot] = {}
    for file, tables in files.items():
        for name, table in tables.items():
            if name in slots:
                raise _error(file, name, "", "expected each slot once, got it twice")
            slots[name] = _slot(name, table, file, fillers)
    for slot in slots.values():
        if slot.needs and slot.needs not in slots:
            raise _error("*.toml", slot.name, "needs", f"expected the name of a slot, got {slot.needs!r}")
    return slots


def strings(table: Mapping[str, Any], key: str, file: str, name: str, least: int = 1) -> tuple[str, ...]:
    """The list of strings at ``table[key]``.

    Raises:
      ValueError: it is missing, shorter than `least`, or holds something else than strings that are not empty.
    """
    value = table.get(key)
    if not isinstance(value, list) or len(value) < least or not all(isinstance(v, str) and v for v in value):
        raise _error(file, name, key, f"expected a list of {least} or more strings, got {value!r:.80}")
    return tuple(value)


def placeholders(phrases: Iterable[str], allowed: set[str], file: str, name: str, key: str) -> None:
    """Checks that phrases use only the placeholders that are allowed.

    Raises:
      ValueError: another one, or a brace that is none.
    """
    for phrase in phrases:
        try:
            found = {field for _, field, _, _ in string.Formatter().parse(phrase) if field is not None}
        except ValueError as error:
            raise _error(file, name, key, f"expected balanced braces in {phrase!r}: {error}") from error
        if not found <= allowed:
            raise _error(file, name, key, f"expected only {sorted(allowed)} in braces, got {phrase!r}")


def plain_fact(table: Mapping[str, Any], needed: set[str], file: str, name: str) -> str:
    """The template at ``table["plain"]``, "" where there is none.

    Raises:
      ValueError: it is no string, or has other placeholders than those needed.
    """
    plain = table.get("plain", "")
    if not isinstance(plain, str):
        raise _error(file, name, "plain", f"expected a sentence, got {plain!r:.80}")
    placeholders([plain], needed, file, name, "plain")
    missing = sorted(field for field in needed if plain and f"{{{field}}}" not in plain)
    if missing:
        raise _error(file, name, "plain", f"expected {missing} in braces, got {plain!r}")
    return plain


def articled(phrase: str) -> str:
    """Puts the article of a thing under the thing's own control: ``A {thing}`` becomes ``{A_thing}``."""
    return re.sub(r"\b([Aa]) \{thing\}", r"{\1_thing}", phrase)


_KEYS = {f.name for f in dataclasses.fields(Slot)} - {"name"} | {
    f"{key}_unseen" for key in ("question", "fact", "answer", "prompt")
}


def _slot(name: str, table: Mapping[str, Any], file: str, fillers: Mapping[str, Phrases]) -> Slot:
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise _error(file, name, unknown[0], f"unknown key; choose from {sorted(_KEYS)}")
    if table.get("source") not in SOURCES:
        raise _error(file, name, "source", f"expected one of {SOURCES}, got {table.get('source')!r}")
    if table.get("type") not in fillers:
        raise _error(file, name, "type", f"expected a type of fillers.toml, got {table.get('type')!r}")
    pairs = {
        key: Phrases(strings(table, key, file, name, 10), strings(table, f"{key}_unseen", file, name, 5))
        for key in ("question", "fact", "answer")
    }
    thing = {"thing"} if table.get("where") == "object" else set()
    who = {"who"} if "needs" in table else set()
    told = {"value"} | who | thing
    for key, allowed in (("question", thing), ("fact", told), ("answer", told)):
        placeholders(pairs[key].train + pairs[key].unseen, allowed, file, name, key)
    plain = plain_fact(table, told, file, name)
    for phrase in pairs["fact"].train + pairs["fact"].unseen + pairs["answer"].train + pairs["answer"].unseen:
        if "{value}" not in phrase:
            raise _error(file, name, "fact or answer", f"expected {{value}} in {phrase!r}")
    for phrase in (pairs["fact"].train + pairs["fact"].unseen) * bool(who):
        if "{who}" not in phrase:
            raise _error(file, name, "fact", f"expected {{who}} in {phrase!r}, as the slot needs another")
    prompt = Phrases(strings(table, "prompt", file, name)) if table.get("teller") == "self" else NO_PHRASES
    return Slot(
        name=name,
        source=table["source"],
        type=table["type"],
        question=pairs["question"],
        fact=pairs["fact"],
        answer=pairs["answer"],
        needs=table.get("needs", ""),
        where=table.get("where", ""),
        teller=table.get("teller", ""),
        prompt=prompt,
        kinds=tuple(table.get("kinds", ())),
        roofed=table.get("roofed", False),
        plain=plain,
    )


def _error(file: str, name: str, key: str, text: str) -> ValueError:
    return ValueError(f"lexicon/{file} [{name}] {key}: {text}")
