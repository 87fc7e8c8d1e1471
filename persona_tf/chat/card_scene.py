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
        count, names = itertools.count(), [*_names(self.character.name), self.card.called, self.card.name]
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
      base: the card that it came from: what the card has beyond the two stays, and so do the texts of the one that is
        the same.
      user: the human's name, as it was for `card_scene`.

    Raises:
      ValueError: the character has no name, which a card must have.
    """
    if not character.name.strip():
        raise ValueError("a card needs a name: expected a character that has one")
    card, changed = base or Card(character.name), dict[str, Any]()
    was = None if base is None else card_scene(base, user, character.name)
    if not was or was.character != character or character.name not in (card.called.strip(), card.name.strip()):
        nickname = {"nickname": character.name} if card.other.get("nickname") else {}
        changed |= {"name": character.name, "description": _of_character(character), "personality": ""}
        card = dataclasses.replace(card, other={**card.other, **nickname})
    if not was or was.setting != setting:
        changed["scenario"] = _of_place(setting)
    if not changed:
        return card
    extensions = {**(card.other.get("extensions") or {}), _OURS: _episode(character, setting).to_json()}
    return dataclasses.replace(card, **changed, other={**card.other, "extensions": extensions})


def _who_and_where(
    card: Card, name: str, names: Sequence[str], filled: Callable[[str], str]
) -> tuple[Character, Setting | None, int]:
    """Character and place, each as `scene_card` kept it, or else from the card's texts; and how much was too much."""
    facts = facts_of(f"{filled(card.description)}\n{filled(card.personality)}", names)
    told = sentences(" ".join(filled(card.scenario).split()))
    character = Character(names[0], tuple(map(Fact, facts[:MAX_FACTS])))
    setting = Setting("", description=told[:MAX_SENTENCES]) if told else None
    too_many = [len(facts) - MAX_FACTS, len(told) - MAX_SENTENCES]
    if kept := _kept(card):
        if (card.name, card.description, card.personality) == (kept[0].name, _of_character(kept[0]), ""):
            character, too_many[0] = dataclasses.replace(kept[0], name=name or kept[0].name), 0
        if card.scenario == _of_place(kept[1]):
            setting, too_many[1] = kept[1], 0
    return character, setting, sum(max(count, 0) for count in too_many)


def _kept(card: Card) -> tuple[Character, Setting | None] | None:
    """What `scene_card` kept in a card."""
    kept = (card.other.get("extensions") or {}).get(_OURS)
    if not isinstance(kept, dict) or not _only_texts([kept.get("setting", {}), kept.get("characters")]):
        return None
    try:
        episode = Episode.from_json(kept)
    except (KeyError, TypeError, ValueError, AttributeError):  # it was written by somebody else
        return None
    character, setting = episode.characters[0], episode.setting
    return character, setting


def _only_texts(value: Any) -> bool:
    if isinstance(value, dict | list):
        return all(map(_only_texts, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str)


def _of_character(character: Character) -> str:
    """The description of a card."""
    had = ("carrying", "wearing", "wielding")
    lines = [fact.text for fact in character.facts]
    lines += [_sentence(TOLD[kind].format(_thing(thing))) for kind in had for thing in getattr(character, kind)]
    return "\n".join(lines)


def _of_place(setting: Setting | None) -> str:
    """The scenario of a card."""
    if setting is None:
        return ""
    name = f"{setting.name}, {setting.category}" if setting.category else setting.name
    lines = [TOLD["setting_name"].format(name)] if name else []
    lines += setting.description
    lines += [_sentence(TOLD["object"].format(_thing(thing))) for thing in setting.objects]
    lines += [_sentence(TOLD["present"].format(who)) for who in setting.present]
    return "\n".join(lines)


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
