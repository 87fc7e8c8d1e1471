"""Somebody of the world to be talked to at will: who and where, and what can be asked that the persona answers.

For experiments that say what no dialogue of the world says. All is drawn as for a dialogue of a split: names, facts,
place, the wording of questions, their values and decoys. No dialogue depends on this module.
"""

import dataclasses
from collections.abc import Sequence

from persona_tf.data.world import chat
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.lexicon import Slot, load
from persona_tf.data.world.personas import Known
from persona_tf.data.world.plan import Exchange
from persona_tf.data.world.scene import Scene, cast
from persona_tf.data.world.voice import Voice
from persona_tf.data.world.writer import Writer
from persona_tf.episode import Episode, Probe

HUMAN, BOT = 0, 1
"""Who is who in `Meeting.episode`: indices into its characters."""

STRANGER_SLOTS = ("trade", "home", "sister_name", "favourite_colour", "favourite_food")
"""What is told of somebody who is not there, besides the name."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What the human may ask about the bot, the type of the answer (``person``, ``town`` ...), and its probe."""

    speech: str
    type: str
    probe: Probe


@dataclasses.dataclass(frozen=True)
class Stranger:
    """Somebody else, of whom nothing is true of anyone here.

    ``values`` by slot: ``own_name`` and `STRANGER_SLOTS`; ``facts`` tells the latter in the first person.
    """

    values: dict[str, str]
    types: dict[str, str]
    facts: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Meeting:
    """Two characters in a place before the first word.

    ``episode`` has no turns; the learner is the bot. ``greeting`` and ``small_talk`` are what the human may say without
    asking or telling anything; ``questions`` are about the bot's persona and name, each about another slot. All lists
    are in random order.
    """

    episode: Episode
    greeting: str
    questions: tuple[Question, ...]
    small_talk: tuple[str, ...]
    stranger: Stranger


def meeting(split: str, index: int, seed: int, config: WorldConfig) -> Meeting:
    """Meeting number ``index`` of a split; the same on any machine, and as fast for any index.

    Raises:
      ValueError: there is no such split.
    """
    plain = dataclasses.replace(config, eventful=0.0, own_telling=0.0)
    name = f"meeting/{split}/{seed}/{index}"
    voice = Voice(name, split, plain, load(config.slots, config.phrasings))
    scene = cast(voice, bot=BOT)
    known = [k for k in scene.known["persona"] if k.slot.name != "partner_name"]
    voice.rng.shuffle(known)
    return Meeting(
        episode=Episode(f"world/{name}", "world", scene.setting, scene.characters, (), (BOT,)),
        greeting=_greeting(voice, scene),
        questions=tuple(_question(voice, scene, k) for k in known),
        small_talk=_small_talk(voice, scene),
        stranger=_stranger(voice),
    )


def _greeting(voice: Voice, scene: Scene) -> str:
    writer = Writer(voice.apart("greeting"), scene)
    writer.exchange(Exchange(0, "greeting"))
    return writer.turns[0].speech


def _question(voice: Voice, scene: Scene, known: Known) -> Question:
    """As a dialogue asks it, with nothing told on the side."""
    writer = Writer(voice.apart(f"question {known.slot.name}"), scene)
    writer.exchange(Exchange(0, "probe", asks=known, source="persona"))
    asked, answered = writer.turns
    assert answered.probe is not None
    return Question(asked.speech, known.slot.type, answered.probe)


def _small_talk(voice: Voice, scene: Scene) -> tuple[str, ...]:
    names = {"partner": scene.state.names[HUMAN], "self": scene.state.names[BOT]}
    lines = [
        line.format(**names)
        for topic in chat.topics().values()
        for line in ((voice.unseen and topic.line.unseen) or topic.line.train)
    ]
    voice.rng.shuffle(lines)
    return tuple(lines)


def _stranger(voice: Voice) -> Stranger:
    """Draws values that differ from all of their type that stand in the scene."""
    slots: Sequence[Slot] = [load().slots[name] for name in STRANGER_SLOTS]
    own = chat.slots()["own_name"]
    values = {slot.name: voice.value(slot.type) for slot in (own, *slots)}
    facts = tuple(voice.telling(s.fact, values[s.name]).format(value=values[s.name]) for s in slots)
    return Stranger(values, {slot.name: slot.type for slot in (own, *slots)}, facts)
