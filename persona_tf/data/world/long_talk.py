"""Long talks of the world, for what a memory is good for: something was said long ago, or was never known at all.

For experiments, as `meeting`: names, facts, place, wording and values are drawn as for a dialogue of a split, and no
dialogue depends on this module.
"""

import dataclasses
import re
from collections.abc import Sequence

from persona_tf.data.world import chat
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.lexicon import load
from persona_tf.data.world.personas import Known
from persona_tf.data.world.plan import Exchange
from persona_tf.data.world.scene import Scene, cast
from persona_tf.data.world.voice import Voice
from persona_tf.data.world.writer import Writer
from persona_tf.episode import Episode, Probe

HUMAN, BOT = 0, 1
"""Who is who in the episodes: indices into their characters."""


@dataclasses.dataclass(frozen=True)
class LaterQuestion:
    """A question of the human about what it told at turn ``told``; it would be turn ``at``. ``apart``: as asked for."""

    apart: int
    told: int
    at: int
    speech: str
    probe: Probe


@dataclasses.dataclass(frozen=True)
class LongTalk:
    """A talk in which the human tells some things at the beginning, and the two go on with small talk.

    ``episode`` has all turns, those of the bot too; ``questions`` are asked after some of them, in order of ``at``.
    """

    episode: Episode
    questions: tuple[LaterQuestion, ...]


@dataclasses.dataclass(frozen=True)
class Lack:
    """Somebody who is asked for something of itself that nothing tells.

    ``episode`` has no turns. ``questions`` ask for the same in different phrasings; ``small_talk`` is what the human
    says between. ``values`` are all known answers of that type; ``plain`` matches the fact in plain words, with the
    answer as its group.
    """

    episode: Episode
    slot: str
    questions: tuple[str, ...]
    small_talk: tuple[str, ...]
    values: tuple[str, ...]
    plain: re.Pattern[str]


def long_talk(split: str, index: int, seed: int, config: WorldConfig, apart: Sequence[int], told: int = 5) -> LongTalk:
    """Talk number ``index``: each of ``told`` things is asked for when at least so many turns lie between.

    Raises:
      ValueError: there is no such split, or the world lacks slots of what the partner tells.
    """
    name = f"long/{split}/{seed}/{index}"
    voice = Voice(name, split, _plain(config), load(config.slots, config.phrasings))
    scene = cast(voice, bot=BOT)
    slots = voice.some([slot for slot in voice.lexicon.of("history") if slot.teller == "partner"], told)
    if len(slots) < told:
        raise ValueError(f"long_talk: expected {told} slots of what the partner tells, the world has {len(slots)}")
    writer, known = Writer(voice, scene), list[tuple[int, Known]]()
    writer.exchange(Exchange(0, "greeting"))
    for slot in slots:
        at = len(writer.turns)
        known.append((at, Known(slot, voice.value(slot.type), (f"turn/{at}",))))
        writer.exchange(Exchange(at, "told", tells=known[-1][1]))
    while len(writer.turns) <= known[-1][0] + max(apart) + 2:
        writer.exchange(Exchange(len(writer.turns), "small_talk"))
    questions = [_later(voice, scene, one, least, at) for at, one in known for least in apart]
    episode = Episode(f"world/{name}", "world", scene.setting, scene.characters, tuple(writer.turns), (BOT,))
    return LongTalk(episode, tuple(sorted(questions, key=lambda question: question.at)))


def lack(split: str, index: int, seed: int, config: WorldConfig, phrasings: int = 11) -> Lack:
    """Somebody, number ``index``, and so many questions for one thing that its persona does not tell.

    Raises:
      ValueError: there is no such split, or no slot has so many phrasings.
    """
    name = f"lack/{split}/{seed}/{index}"
    voice = Voice(name, split, _plain(config), load(config.slots, config.phrasings))
    scene = cast(voice, bot=BOT)
    filled = {known.slot.name for known in scene.known["persona"]} | {fact.slot for fact in scene.human_facts}
    free = [
        (slot, asked)
        for slot in voice.lexicon.of("persona")
        if slot.name not in filled
        and not slot.needs
        and len(asked := (voice.unseen and slot.question.unseen) or slot.question.train) >= phrasings
    ]
    if not free:
        raise ValueError(f"lack: no slot of split {split} has {phrasings} phrasings of its question")
    slot, asked = voice.one(free)
    names = {"partner": scene.state.names[HUMAN], "self": scene.state.names[BOT]}
    lines = [line.format(**names) for topic in chat.topics().values() for line in topic.line.train]
    voice.rng.shuffle(lines)
    before, after = slot.plain.split("{value}")
    return Lack(
        Episode(f"world/{name}", "world", scene.setting, scene.characters, (), (BOT,)),
        slot.name,
        tuple(voice.some(asked, phrasings)),
        tuple(lines),
        voice.lexicon.every(slot.type),
        re.compile(re.escape(before) + "(.+)" + re.escape(after)),
    )


def _plain(config: WorldConfig) -> WorldConfig:
    """Without what comes between a question and its answer; each turn says what it states."""
    return dataclasses.replace(config, eventful=0.0, own_telling=0.0, states=True)


def _later(voice: Voice, scene: Scene, known: Known, apart: int, told: int) -> LaterQuestion:
    writer = Writer(voice.apart(f"question {known.slot.name} {apart}"), scene)
    writer.exchange(Exchange(0, "probe", asks=dataclasses.replace(known, keys=("turn/0",)), source="history"))
    asked, answered = writer.turns
    assert answered.probe is not None
    # The human speaks at every second turn.
    at = told + apart + 1 + (apart + 1) % 2
    return LaterQuestion(apart, told, at, asked.speech, answered.probe)
