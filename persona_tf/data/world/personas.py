"""Casting: who the two characters are, so that every answer has rivals of its own type nearby."""

import dataclasses
from collections.abc import Sequence

from persona_tf.data.world.lexicon import Slot
from persona_tf.data.world.manners import temperaments
from persona_tf.data.world.voice import Voice
from persona_tf.episode import Fact

TEMPERAMENT_SLOT = "temperament"
ALWAYS = ("trade", "home")
"""Slots that every character has whom nobody else made: who is given says itself what it lives on, and where."""
EVERYWHERE = frozenset({"person", "town", "trade"})
"""Value types that stand in every dialogue."""
WITH_RIVALS = 2.0
"""How much rather a slot is taken whose type is in sight already, where that is not `EVERYWHERE`."""


@dataclasses.dataclass(frozen=True)
class Known:
    """Something that was told and so can be asked: its slot and value, and where it stands.

    ``keys`` address the items that an answer needs, the one that holds the value last. ``text`` is that item's
    text, "" where it is not to be swapped. ``who`` and ``thing`` fill the placeholders of that name.
    """

    slot: Slot
    value: str
    keys: tuple[str, ...]
    text: str = ""
    who: str = ""
    thing: str = ""


def choose_slots(voice: Voice, count: int) -> list[Slot]:
    """`count` persona slots besides `ALWAYS`, two or three of a type, each after the one it needs."""
    by_type: dict[str, list[Slot]] = {}
    for slot in voice.lexicon.of("persona"):
        if slot.name not in ALWAYS:
            by_type.setdefault(slot.type, []).append(slot)
    chosen: list[Slot] = []
    # Types of many slots come more often, so that each slot does as often as the others.
    for kind in voice.in_turn(tuple(by_type), [len(slots) for slots in by_type.values()]):
        quota = 2 + voice.chance(0.4)
        for slot in voice.some(by_type[kind], quota):
            new = [s for s in _with_needed(voice, slot) if s not in chosen]
            if len(chosen) + len(new) <= count:
                chosen += new
        if len(chosen) == count:
            break
    return chosen


def bot_facts(voice: Voice, temperament: str, slots: Sequence[Slot]) -> tuple[tuple[Fact, ...], list[Known]]:
    """The bot's facts in random order, `ALWAYS` and temperament among them, and what they let it answer."""
    slots = [*_always(voice), *slots]
    facts = [Fact(voice.phrase(temperaments()[temperament].fact), TEMPERAMENT_SLOT)]
    facts += _facts(voice, slots)
    voice.rng.shuffle(facts)
    at = {fact.slot: i for i, fact in enumerate(facts)}
    known = []
    for slot in slots:
        fact = facts[at[slot.name]]
        keys = tuple(f"persona/{at[name]}" for name in (slot.needs, slot.name) if name)
        who = facts[at[slot.needs]].value if slot.needs else ""
        known.append(Known(slot, fact.value, keys, fact.text, who))
    return tuple(facts), known


def human_facts(voice: Voice, bot_slots: Sequence[Slot]) -> tuple[Fact, ...]:
    """The few facts of the human: `ALWAYS`, and one or two of the bot's own slots with other values."""
    free = [s for s in bot_slots if not s.needs]
    slots = [*_always(voice), *voice.some(free, 1 + voice.chance(0.5))]
    return tuple(_facts(voice, slots))


def _always(voice: Voice) -> list[Slot]:
    return [] if voice.realm else [voice.lexicon.slots[name] for name in ALWAYS]


def _with_needed(voice: Voice, slot: Slot) -> list[Slot]:
    return [*([voice.lexicon.slots[slot.needs]] if slot.needs else []), slot]


def _facts(voice: Voice, slots: Sequence[Slot]) -> list[Fact]:
    values = {slot.name: voice.value(slot.type) for slot in slots}
    facts = []
    for slot in slots:
        value = values[slot.name]
        text = voice.telling(slot.fact, value).format(value=value, who=values.get(slot.needs, ""))
        facts.append(Fact(text, slot.name, value))
    return facts
