"""The scene: a place, two characters and their things, cast so that whatever is asked has rivals."""

import dataclasses

from persona_tf.data.world import chat, realm
from persona_tf.data.world.lexicon import Lexicon, Slot
from persona_tf.data.world.manners import TEMPERAMENTS
from persona_tf.data.world.personas import (
    ALWAYS,
    TEMPERAMENT_SLOT,
    Known,
    bot_facts,
    choose_slots,
    human_facts,
)
from persona_tf.data.world.places import Ground, build
from persona_tf.data.world.state import Place, State, bare
from persona_tf.data.world.voice import Voice
from persona_tf.episode import Character, Fact, Setting


@dataclasses.dataclass
class Scene:
    """All that stands before the first word.

    ``bot`` indexes the characters. ``known`` is what can be asked, by source; ``values`` are all values in sight
    by type (it grows while the two talk); ``full_names`` gives a thing its article; ``context`` is the text of
    all knowledge items.
    """

    setting: Setting
    characters: tuple[Character, Character]
    bot: int
    temperament: str
    temperament_key: str
    state: State
    known: dict[str, list[Known]]
    values: dict[str, list[str]]
    full_names: dict[str, str]
    context: str

    @property
    def human_facts(self) -> tuple[Fact, ...]:
        """What the human may tell about itself."""
        return self.characters[1 - self.bot].facts

    def unknown(self, voice: Voice, asked: set[str]) -> tuple[Slot, str] | None:
        """A slot that nobody filled, and the thing that the question is about ("" for most); None: there is none."""
        # Who is given may have told of these in words that nobody here reads.
        told = {*asked, *ALWAYS} if voice.realm else asked
        free = {name: things for name, things in self._unfilled(voice.lexicon).items() if name not in told}
        while free:
            # Of all and not of the free ones: what is asked then changes little where what is free does.
            slot = voice.one(tuple(voice.lexicon.slots.values()))
            if slot.name in free:
                return slot, voice.one(free[slot.name]) if slot.where == "object" else ""
        return None

    def _unfilled(self, lexicon: Lexicon) -> dict[str, list[str]]:
        """Slots that can be asked for in vain; of those of objects, the things that could have had them."""
        filled = {k.slot.name for source in self.known.values() for k in source} | {f.slot for f in self.human_facts}
        things = [(k.thing, set(k.slot.kinds)) for k in self.known["setting"] if k.thing]
        fitting = {
            name: [thing for thing, kinds in things if kinds == set(slot.kinds)]
            for name, slot in lexicon.slots.items()
            if name not in filled
        }
        return {name: found for name, found in fitting.items() if found or lexicon.slots[name].where != "object"}


def cast(voice: Voice, bot: int) -> Scene:
    """Casts a scene in which character `bot` is the bot."""
    config = voice.config
    visit = realm.visit(voice, voice.realm) if voice.realm else None
    names = _named(visit, bot) if visit else (voice.value("person"), voice.value("person"))
    temperament = voice.one(TEMPERAMENTS)
    slots = choose_slots(voice, voice.rng.randint(*config.facts))
    facts, known = bot_facts(voice, temperament, slots)
    others = human_facts(voice, slots)
    if visit:
        facts, others = facts + visit.facts(voice, 0), others + visit.facts(voice, 1)
    values: dict[str, list[str]] = {"person": list(names)}
    for kind, value in [(voice.lexicon.slots[f.slot].type, f.value) for f in (*facts, *others) if f.value]:
        values.setdefault(kind, []).append(value)
    ground = realm.ground(voice, visit, values) if visit else build(voice, values)
    for kind, value in ground.names:
        values.setdefault(kind, []).append(value)
    for known_there in ground.known:
        values.setdefault(known_there.slot.type, []).append(known_there.value)
    bot_things, human_things = ground.hands
    values["thing"] = [bare(name) for name in ground.affords]
    own = Known(chat.slots()["own_name"], names[bot], ("self_name/0",), names[bot])
    other = Known(chat.slots()["partner_name"], names[1 - bot], ("partner_name/0",), names[1 - bot])
    me = Character(names[bot], facts, *bot_things)
    you = Character(names[1 - bot], others, *human_things)
    characters = (you, me) if bot else (me, you)
    at = next(i for i, fact in enumerate(facts) if fact.slot == TEMPERAMENT_SLOT)
    return Scene(
        setting=ground.setting,
        characters=characters,
        bot=bot,
        temperament=temperament,
        temperament_key=f"persona/{at}",
        state=_state(ground, characters),
        known={"persona": [*known, own, other], "setting": list(ground.known)},
        values=values,
        full_names={bare(name): name for name in ground.affords},
        context=_context(ground.setting, characters),
    )


def _named(visit: realm.Visit, bot: int) -> tuple[str, str]:
    mine, yours = (folk.name for folk in visit.people)
    return (yours, mine) if bot else (mine, yours)


def _state(ground: Ground, characters: tuple[Character, Character]) -> State:
    places = {bare(thing.name): Place("room") for thing in ground.setting.objects}
    for owner, character in enumerate(characters):
        for how, things in (
            ("carried", character.carrying),
            ("worn", character.wearing),
            ("wielded", character.wielding),
        ):
            places |= {bare(thing.name): Place(how, owner) for thing in things}
    names = (characters[0].name, characters[1].name)
    affords = {bare(name): affordances for name, affordances in ground.affords.items()}
    return State(names, [bare(p) for p in ground.setting.present], places, affords)


def _context(setting: Setting, characters: tuple[Character, Character]) -> str:
    texts = [setting.name, setting.category, *setting.description, *setting.present]
    for things in (setting.objects, *((c.carrying + c.wearing + c.wielding) for c in characters)):
        texts += [f"{thing.name} {thing.description}" for thing in things]
    for character in characters:
        texts += [character.name, *(fact.text for fact in character.facts)]
    return "\n".join(texts)
