"""Place, persona and partner out of one text, as clients of other chat models send it."""

import re

from persona_tf.episode import Character, Fact, Setting, Thing, sentences

MAX_CHARACTERS = 20_000

_LABEL = re.compile(r"\s*([A-Za-z]+)\s*:\s*(.*)")
_NAMED = re.compile(r"\s*(?:My|Your) name is ([^.!?,;:]{1,80})[.!]?\s*", re.IGNORECASE)
_PLACES = ("place", "setting", "scenario", "location")
_PARTNERS = ("partner", "user")
_HAD = ("carrying", "wearing", "wielding")


def scene_of(text: str) -> tuple[Setting | None, Character, Character]:
    """A system message -> place, whom the bot plays, and whom it talks to.

    Lines may be labelled: ``Place: NAME: description``, ``Name: NAME``, ``Partner: NAME``, ``Carrying: a lamp, a
    rope`` (so ``Wearing``, ``Wielding``) and ``Persona: ...``. A sentence such as ``My name is NAME.`` names the bot.
    Each sentence of all other text is a fact.

    Raises:
      ValueError: it is longer than `MAX_CHARACTERS`.

    >>> place, mira, tam = scene_of("Place: Mill: It is old. It leans.\\nName: Mira\\nPartner: Tam\\nI bake. I sing.")
    >>> place.description, mira.name, [fact.text for fact in mira.facts], tam.name
    (('It is old.', 'It leans.'), 'Mira', ['I bake.', 'I sing.'], 'Tam')
    """
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"expected a system message of at most {MAX_CHARACTERS:,} characters, got {len(text):,}")
    name = partner = ""
    place: Setting | None = None
    facts: list[str] = []
    had: dict[str, tuple[Thing, ...]] = {}
    for line in text.splitlines():
        label, rest = _labelled(line)
        if label in _PLACES:
            place = _place(rest)
        elif label == "name":
            name = rest
        elif label in _PARTNERS:
            partner = rest
        elif label in _HAD:
            had[label] = tuple(Thing(thing.strip()) for thing in rest.split(",") if thing.strip())
        else:
            facts += sentences(rest if label == "persona" else line)
    own = [match[1].strip() for match in map(_NAMED.fullmatch, facts) if match]
    kept = tuple(Fact(fact) for fact in facts if not _NAMED.fullmatch(fact))
    return place, Character(name or (own[0] if own else ""), kept, **had), Character(partner)


def _labelled(line: str) -> tuple[str, str]:
    match = _LABEL.fullmatch(line)
    return (match[1].lower(), match[2].strip()) if match else ("", line)


def _place(text: str) -> Setting | None:
    name, _, description = (part.strip() for part in text.partition(":"))
    return Setting(name, description=sentences(description)) if name else None
