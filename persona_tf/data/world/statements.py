"""What a turn states, in plain words: the labels of the fact writer. Draws nothing from a dialogue's random source."""

import random

from persona_tf.data.world.lexicon import Slot
from persona_tf.data.world.personas import Known
from persona_tf.data.world.scene import Scene
from persona_tf.data.world.voice import Voice
from persona_tf.episode import WORLD, Fact

_OF_PARTNER = ("partner_name", "gift_given")
"""Slots of names and gifts that are about the bot's partner."""


def plain(known: Known) -> Fact:
    """What is known as a fact of its owner.

    >>> from persona_tf.data.world import chat
    >>> plain(Known(chat.slots()["partner_name"], "Ada", ("partner_name/0",)))
    Fact(text='My name is Ada.', slot='partner_name', value='Ada')
    """
    text = known.slot.plain.format(value=known.value, who=known.who, thing=known.thing)
    return Fact(text, known.slot.name, known.value)


def owner_of(slot: Slot, bot: int) -> int:
    """Whose a fact of this slot is, when the bot states it or is told it: an index of the characters, or WORLD."""
    if slot.source == "setting":
        return WORLD
    return 1 - bot if slot.name in _OF_PARTNER or slot.teller == "partner" else bot


def made_up(voice: Voice, scene: Scene, slot: Slot, turn: int) -> Fact | None:
    """A fact that would answer a question about the bot's persona which nothing answers; None for other questions.

    Its value is one of the lexicon that is not in sight. Where it is about somebody whom nobody has named, that name is
    made up, too.
    """
    if slot.source != "persona":
        return None
    rng = random.Random(f"{voice.key}/made up/{turn}/{slot.name}")
    named = {k.slot.name: k.value for k in scene.known["persona"]}
    who = named.get(slot.needs) or (_filler(voice, scene, voice.lexicon.slots[slot.needs], rng) if slot.needs else "")
    return plain(Known(slot, _filler(voice, scene, slot, rng), (), who=who))


def _filler(voice: Voice, scene: Scene, slot: Slot, rng: random.Random) -> str:
    fillers = voice.lexicon.fillers[slot.type]
    in_sight = set(scene.values.get(slot.type, ()))
    return rng.choice([value for value in (fillers.unseen if voice.unseen else fillers.train) if value not in in_sight])
