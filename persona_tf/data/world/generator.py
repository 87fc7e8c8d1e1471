"""The world's dialogues: one by its number, those of a split, and a character in a place to talk to."""

import dataclasses
from collections.abc import Iterator

from persona_tf.data.world.config import WorldConfig, check_split
from persona_tf.data.world.lexicon import load
from persona_tf.data.world.others import acquaintances
from persona_tf.data.world.plan import plan
from persona_tf.data.world.realm import Realm
from persona_tf.data.world.scene import Scene, cast
from persona_tf.data.world.voice import Voice
from persona_tf.data.world.writer import Writer
from persona_tf.episode import Aside, Character, Episode

_DEFAULT = WorldConfig()


def generate(
    split: str, index: int, seed: int = 0, config: WorldConfig = _DEFAULT, realm: Realm | None = None
) -> Episode:
    """Episode number `index` of a split; the same on any machine, and as fast for any index.

    Exactly one character is a learner, the bot, whose turns are targets. It stands at 0 if it opens the talk. The
    `realm` is that which ``config.people`` names.

    Raises:
      ValueError: there is no such split, `index` is negative, or the realm is another one.
    """
    if index < 0:
        raise ValueError(f"index: expected 0 or more, got {index}")
    voice = Voice(f"{seed}/{check_split(split)}/{index}", split, config, load(config.slots, config.phrasings), realm)
    bot_opens = voice.chance(0.35)
    scene = cast(voice, bot=0 if bot_opens else 1)
    low, high = ((n - bot_opens) // 2 for n in config.turns)
    writer = Writer(voice, scene)
    if bot_opens:
        writer.open()
    exchanges = plan(voice, bot_opens, voice.rng.randint(low, high), scene.values)
    asides: list[Aside] = []
    apart = voice.apart("asides").rng
    places = [apart.randrange(len(exchanges)) for _ in range(config.asides if split == "train" else 0)]
    for number, exchange in enumerate(exchanges):
        asides += [writer.aside(len(asides) + i) for i in range(places.count(number))]
        writer.exchange(exchange)
    return Episode(
        id=f"{_place(realm)}/{split}/{seed}/{index}",
        source="world",
        setting=scene.setting,
        characters=_with_acquaintances(voice, scene),
        turns=tuple(writer.turns),
        learners=(scene.bot,),
        asides=tuple(asides),
    )


def episodes(
    split: str,
    size: int | None = None,
    seed: int | None = None,
    config: WorldConfig = _DEFAULT,
    realm: Realm | None = None,
) -> Iterator[Episode]:
    """The first `size` episodes of a split, by default as many as `config` says, with its seed.

    Raises:
      ValueError: there is no such split.
    """
    size = config.size(split) if size is None else size
    for index in range(size):
        yield generate(split, index, config.seed if seed is None else seed, config, realm)


def character_and_place(seed: int, config: WorldConfig = _DEFAULT, realm: Realm | None = None) -> Episode:
    """A bot and a place to talk to: an episode without turns. The learner is the bot, the other one is you."""
    readable = dataclasses.replace(config, made_up=0.0)
    voice = Voice(f"chat/{seed}", "train", readable, load(config.slots, config.phrasings), realm)
    scene = cast(voice, bot=1)
    return Episode(f"{_place(realm)}/chat/{seed}", "world", scene.setting, scene.characters, (), (scene.bot,))


def _with_acquaintances(voice: Voice, scene: Scene) -> tuple[Character, Character]:
    if not voice.config.acquaintances:
        return scene.characters
    bot, names = scene.characters[scene.bot], [character.name for character in scene.characters]
    knows = dataclasses.replace(bot, facts=bot.facts + acquaintances(voice, bot.facts, names))
    first, second = scene.characters
    return (first, knows) if scene.bot else (knows, second)


def _place(realm: Realm | None) -> str:
    return f"world/{realm.name}" if realm else "world"
