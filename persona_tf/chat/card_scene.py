"""A card as a character in a place that a conversation can begin with, and the way back."""

import dataclasses
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from persona_tf.chat.card import Card
from persona_tf.chat.card_facts import facts_of
from persona_tf.chat.card_macros import fill
from persona_tf.chat.card_talk import examples_of, turn_of
from persona_tf.chat.first_person import first_person
from persona_tf.chat.lorebook import Lorebook
from persona_tf.chat.session import BOT, MAX_ITEMS
from persona_tf.episode import Character, Episode, Fact, Setting, Thing, Turn, sentences
from persona_tf.example import TOLD, Item

MAX_FACTS = MAX_ITEMS // 2
"""Most facts of a card that are taken."""

MAX_SENTENCES = MAX_ITEMS // 4
"""Most sentences about the place; what is left is for names, and for what the lorebook tells."""

MAX_TEXT = 50_000
"""Most characters that are read of a text of the card."""

_OURS = "persona_tf"
"""Our place in a card's extensions."""


@dataclasses.dataclass(frozen=True)
class CardScene:
    """What a card means; ``card`` is it.

    ``openings``: the bot's first turns to choose from, that of the card first; () where it has none. ``examples``:
    example dialogues, each apart; speaker 1 is the character. ``left_out``: how many facts and sentences of the place
    were too many.
    """

    card: Card
    character: Character
    setting: Setting | None
    openings: tuple[Turn, ...]
    examples: tuple[tuple[Turn, ...], ...]
    lorebook: Lorebook
    left_out: int = 0

    def recall(self, turns: Sequence[Turn]) -> tuple[Item, ...]:
        """What the lorebook tells after these turns, as knowledge items ``lore/0``, ``lore/1`` ...

        A sentence has the same key each time. What the character tells of itself has the kind of its facts, all else
        that of what is told about a place: there is no other that a bot knows.
        """
        found = self.lorebook.active([" ".join((t.speech, t.action, t.emote)).strip() for t in turns])
        return tuple(item for entry in found for item in self._told[entry.number])

    @functools.cached_property
    def _told(self) -> Mapping[int, tuple[Item, ...]]:
        """The items of each entry, by its number."""
        count, names = itertools.count(), _names(self.character.name)
        return {entry.number: tuple(_items(entry.content, names, count)) for entry in self.lorebook.entries}


def card_scene(card: Card, user: str = "", name: str = "") -> CardScene:
    """What a card means, with names filled in.

    A card that `scene_card` made, and whose texts nobody changed since, gives the very character and place again.

    Args:
      card: of any version.
      user: what the human is called; "" is "you".
      name: of the character, in the place of the card's.
    """
    char = (name or card.called).strip()
    names = list(dict.fromkeys([char, card.called.strip(), card.name.strip(), *_names(char)]))

    def filled(text: str) -> str:
        return fill(text[:MAX_TEXT], char, user or "you")

    character, setting, left_out = _who_and_where(card, name, names, filled)
    messages = [card.first_message, *card.alternate_greetings]
    turns = (turn_of(filled(message), BOT, names) for message in messages)
    return CardScene(
        card,
        character,
        setting,
        tuple(turn for turn in turns if turn.speech or turn.action or turn.emote),
        examples_of(card.example_dialogue[:MAX_TEXT], names, user or "you"),
        card.lorebook.map(filled),
        left_out,
    )


def scene_card(character: Character, setting: Setting | None, base: Card | None = None, user: str = "") -> Card:
    """The card of a character in a place, for programs that know cards; ours get back all of it.

    Args:
      character: who; what it has with it is told in the description.
      setting: where; told in the scenario.
      base: the card that it came from: what the card has beyond the two stays, and all of it where they are the same.
      user: the human's name, as it was for `card_scene`.

    Raises:
      ValueError: the character has no name, which a card must have.
    """
    if not character.name.strip():
        raise ValueError("a card needs a name: expected a character that has one")
    if base is not None:
        was = card_scene(base, user, character.name)
        same_name = character.name in (base.called.strip(), base.name.strip())
        if same_name and (was.character, was.setting) == (character, setting):
            return base
    card = base or Card(character.name)
    name, description, scenario = _texts(character, setting)
    extensions = {**(card.other.get("extensions") or {}), _OURS: _episode(character, setting).to_json()}
    nickname = {"nickname": name} if card.other.get("nickname") else {}
    return dataclasses.replace(
        card,
        name=name,
        description=description,
        personality="",
        scenario=scenario,
        other={**card.other, **nickname, "extensions": extensions},
    )


def _who_and_where(
    card: Card, name: str, names: Sequence[str], filled: Callable[[str], str]
) -> tuple[Character, Setting | None, int]:
    if kept := _kept(card):
        character, setting = kept
        return dataclasses.replace(character, name=name or character.name), setting, 0
    facts = facts_of(f"{filled(card.description)}\n{filled(card.personality)}", names)
    told = sentences(" ".join(filled(card.scenario).split()))
    setting = Setting("", description=told[:MAX_SENTENCES]) if told else None
    left_out = max(len(facts) - MAX_FACTS, 0) + max(len(told) - MAX_SENTENCES, 0)
    return Character(names[0], tuple(map(Fact, facts[:MAX_FACTS]))), setting, left_out


def _kept(card: Card) -> tuple[Character, Setting | None] | None:
    """What `scene_card` kept in a card, unless somebody changed the card's texts since."""
    kept = (card.other.get("extensions") or {}).get(_OURS)
    if not isinstance(kept, dict) or not _only_texts([kept.get("setting", {}), kept.get("characters")]):
        return None
    try:
        episode = Episode.from_json(kept)
        character, setting = episode.characters[0], episode.setting
        texts = _texts(character, setting)
    except (KeyError, TypeError, ValueError, AttributeError):  # it was written by somebody else
        return None
    is_ours = texts == (card.name, card.description, card.scenario) and not card.personality
    return (character, setting) if is_ours else None


def _only_texts(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(_only_texts, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str)


def _texts(character: Character, setting: Setting | None) -> tuple[str, str, str]:
    """Name, description and scenario of a card."""
    had = ("carrying", "wearing", "wielding")
    lines = [fact.text for fact in character.facts]
    lines += [_sentence(TOLD[kind].format(_thing(thing))) for kind in had for thing in getattr(character, kind)]
    return character.name, "\n".join(lines), "" if setting is None else "\n".join(_of_place(setting))


def _of_place(setting: Setting) -> Iterator[str]:
    name = f"{setting.name}, {setting.category}" if setting.category else setting.name
    yield from [TOLD["setting_name"].format(name)] if name else []
    yield from setting.description
    yield from (_sentence(TOLD["object"].format(_thing(thing))) for thing in setting.objects)
    yield from (_sentence(TOLD["present"].format(who)) for who in setting.present)


def _thing(thing: Thing) -> str:
    return f"{thing.name}: {thing.description}" if thing.description else thing.name


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."


def _episode(character: Character, setting: Setting | None) -> Episode:
    """Who and where, as an episode can be kept."""
    return Episode(f"card/{character.name}", "card", setting, (character, Character("")), ())


def _names(name: str) -> list[str]:
    """The whole name, and the first word of it where that is one."""
    first = name.split(" ")[0]
    return [name, first] if len(first) > 2 and first.lower() not in ("the", "lady", "lord", "sir") else [name]


def _items(content: str, names: Sequence[str], count: Iterator[int]) -> Iterator[Item]:
    told = sentences(re.sub(r"\s+", " ", content))
    # An entry may tell of anybody: "she" is the character only after its name.
    for before, sentence in zip(told, first_person(told, names, is_meant=False), strict=True):
        own = sentence != before or sentence.startswith(("I ", "My "))
        yield Item(f"lore/{next(count)}", "persona" if own else "setting_description", sentence)
