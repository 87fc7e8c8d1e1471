"""Facts about people who are not there: ``Ada's cloak is red.``"""

import random
from collections.abc import Iterator, Sequence

from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world.lexicon import Lexicon, Slot, load
from persona_tf.data.world.names import made_up
from persona_tf.data.world.voice import Voice
from persona_tf.episode import Fact


def facts_of_others(seed: int, config: WorldConfig, but: Sequence[str] = ()) -> Iterator[Fact]:
    """Facts without end, no two of the same person and slot.

    Args:
      but: names that nobody of them has.
    """
    rng, lexicon = random.Random(f"others/{seed}"), load(config.slots, config.phrasings)
    slots = _slots(lexicon)
    names = {name.lower() for name in but}
    while True:
        name = _name(lexicon, rng)
        if name.lower() in names:
            continue
        names.add(name.lower())
        yield from (_fact(name, slot, lexicon, rng) for slot in slots)


def acquaintances(voice: Voice, own: Sequence[Fact], names: Sequence[str]) -> tuple[Fact, ...]:
    """What somebody knows of other people, as many facts as the config says; draws nothing from the dialogue's source.

    Half of them tell of another what it knows of itself, too: who looks for its own cloak must not take theirs.

    Args:
      own: its own facts.
      names: of who is there.
    """
    rng, lexicon = voice.apart("acquaintances").rng, voice.lexicon
    slots, known = _slots(lexicon), {fact.slot for fact in own}
    alike = [slot for slot in slots if slot.name in known] or slots
    found: list[Fact] = []
    while len(found) < voice.config.acquaintances:
        name = _name(lexicon, rng)
        if name not in names:
            found.append(_fact(name, rng.choice(alike if rng.random() < 0.5 else slots), lexicon, rng))
    return tuple(found)


def _slots(lexicon: Lexicon) -> list[Slot]:
    return [slot for slot in lexicon.of("persona") if not slot.needs and slot.plain.startswith("My ")]


def _name(lexicon: Lexicon, rng: random.Random) -> str:
    return rng.choice(lexicon.every("person")) if rng.random() < 0.5 else made_up(rng, False, "person")


def _fact(name: str, slot: Slot, lexicon: Lexicon, rng: random.Random) -> Fact:
    value = rng.choice(lexicon.fillers[slot.type].train)
    text = f"{name}'s {slot.plain.removeprefix('My ')}".format(value=value)
    return Fact(text, f"{slot.name} of {name}", value)
