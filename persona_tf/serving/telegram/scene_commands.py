"""`/persona` and `/place`: what was typed -> what is said of it, and the character or place that it makes. Pure."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from persona_tf.episode import Character, Fact, Setting, Thing
from persona_tf.serving.scene import setting_of
from persona_tf.serving.telegram.texts import NOTHING, VERBS, Texts

MAX_FACT = 500
"""Characters; of a sentence about a place, too."""
MAX_FACTS = 100
MAX_NAME = 100
MAX_SENTENCES = 20

DRAW = "random"
"""The verb of `/persona` that the caller is to see to: it needs somebody to draw from."""

_HAD = ("carrying", "wearing", "wielding")


class RefusedError(Exception):
    """What was typed cannot be done; the message is for who typed it."""


@dataclasses.dataclass(frozen=True)
class Persona:
    """What is said, and the character if it is another one."""

    text: str
    character: Character | None = None


def verb_of(rest: str) -> tuple[str, str]:
    """The verb after `/persona`, in English, and what comes after it; "" alone where there is nothing.

    Lines without a verb are ``set``; what is no verb is ``?``.

    >>> verb_of(" добавить Я пеку."), verb_of("\\nI bake.\\nI sing."), verb_of(" sing")
    (('add', 'Я пеку.'), ('set', 'I bake.\\nI sing.'), ('?', ''))
    """
    if not rest.strip():
        return "", ""
    if rest.lstrip(" \t").startswith("\n"):
        return "set", rest.strip()
    word, *more = rest.strip().split(maxsplit=1)
    verb = VERBS.get(word.lower().strip(":"), "?")
    return (verb, more[0] if more else "") if verb != "?" else ("?", "")


def persona(me: Character, rest: str, texts: Texts) -> Persona:
    """`/persona` with what came after it.

    Raises:
      RefusedError: it cannot be done.
    """
    verb, words = verb_of(rest)
    if verb in ("", "list"):
        return Persona(persona_text(me, texts))
    if verb not in _VERBS:
        raise RefusedError(texts.persona_usage)
    said, changed = _VERBS[verb](me, words, texts)
    return Persona(f"{said}\n\n{persona_text(changed, texts)}", changed)


def persona_text(me: Character, texts: Texts) -> str:
    """Who somebody is, the facts numbered from 1."""
    had = [
        getattr(texts, kind).format(things=", ".join(thing.name for thing in things))
        for kind, things in _things(me).items()
    ]
    facts = [f"{number}. {fact.text}" for number, fact in enumerate(me.facts, 1)]
    return "\n".join([texts.persona.format(name=me.name or texts.no_name), *(facts or [texts.no_facts]), *had])


def place_text(setting: Setting | None, texts: Texts, form: str = "") -> str:
    """Where the two are."""
    if setting is None:
        return texts.nowhere
    name = f"{setting.name}, {setting.category}" if setting.category else setting.name
    told = [*setting.description, *(_thing(thing) for thing in setting.objects), *setting.present]
    return (form or texts.place).format(place="\n".join([*filter(None, [name]), *(f"– {one}" for one in told)]))


def place(rest: str, texts: Texts) -> Setting | None:
    """The place that stands after `/place`; None: no place.

    Raises:
      RefusedError: it is no place, or too long.
    """
    if rest.strip().lower().rstrip(".") in NOTHING:
        return None
    try:
        made = setting_of(" ".join(rest.split()))
    except ValueError as error:
        raise RefusedError(texts.place_usage) from error
    is_long = len(made.name) > MAX_NAME or any(len(sentence) > MAX_FACT for sentence in made.description)
    if is_long or len(made.description) > MAX_SENTENCES:
        raise RefusedError(texts.place_too_long.format(name=MAX_NAME, count=MAX_SENTENCES, most=MAX_FACT))
    return made


_Made = tuple[str, Character]


def _set(me: Character, words: str, texts: Texts) -> _Made:
    return texts.changed, _with(dataclasses.replace(me, facts=()), _facts(words, texts), texts)


def _add(me: Character, words: str, texts: Texts) -> _Made:
    facts = _facts(words, texts)
    known = {fact.text.casefold() for fact in me.facts}
    if same := [fact for fact in facts if fact.casefold() in known]:
        raise RefusedError(texts.same_fact.format(fact=same[0]))
    return texts.added, _with(me, facts, texts)


def _edit(me: Character, words: str, texts: Texts) -> _Made:
    number, *more = words.split(maxsplit=1) or [""]
    place = _place_of(number, me, texts)
    [fact] = _facts(" ".join((more[0] if more else "").split()), texts)
    facts = [*me.facts[:place], Fact(fact), *me.facts[place + 1 :]]
    return texts.changed, dataclasses.replace(me, facts=tuple(facts))


def _remove(me: Character, words: str, texts: Texts) -> _Made:
    numbers = words.replace(",", " ").split() or [""]
    places = {_place_of(number, me, texts) for number in numbers}
    facts = tuple(fact for number, fact in enumerate(me.facts) if number not in places)
    return texts.removed, dataclasses.replace(me, facts=facts)


def _clear(me: Character, _: str, texts: Texts) -> _Made:
    return texts.cleared, Character(me.name)


def _name(me: Character, words: str, texts: Texts) -> _Made:
    name = " ".join(words.split())
    if not name:
        raise RefusedError(texts.persona_usage)
    if len(name) > MAX_NAME:
        raise RefusedError(texts.name_too_long.format(most=MAX_NAME, count=len(name)))
    return texts.named.format(name=name), dataclasses.replace(me, name=name)


_VERBS = {"set": _set, "add": _add, "edit": _edit, "remove": _remove, "clear": _clear, "name": _name}


def _facts(words: str, texts: Texts) -> list[str]:
    """One a line, each once."""
    facts = list(dict.fromkeys(line.strip() for line in words.splitlines() if line.strip()))
    if not facts:
        raise RefusedError(texts.fact_empty)
    for fact in facts:
        if len(fact) > MAX_FACT:
            raise RefusedError(texts.fact_too_long.format(most=MAX_FACT, count=len(fact)))
    return facts


def _with(me: Character, facts: Iterable[str], texts: Texts) -> Character:
    made = (*me.facts, *map(Fact, facts))
    if len(made) > MAX_FACTS:
        raise RefusedError(texts.too_many_facts.format(most=MAX_FACTS))
    return dataclasses.replace(me, facts=made)


def _place_of(number: str, me: Character, texts: Texts) -> int:
    digits = re.fullmatch(r"(\d{1,4})[.:)]?", number, re.ASCII)
    if not digits or not 1 <= int(digits[1]) <= len(me.facts):
        raise RefusedError(texts.no_fact.format(number=number[:20] or "…"))
    return int(digits[1]) - 1


def _things(me: Character) -> Mapping[str, Sequence[Thing]]:
    return {kind: getattr(me, kind) for kind in _HAD if getattr(me, kind)}


def _thing(thing: Thing) -> str:
    return f"{thing.name}: {thing.description}" if thing.description else thing.name
