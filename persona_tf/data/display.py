"""`persona_tf data display SOURCE`: episodes as a play's script."""

import itertools
from collections.abc import Iterable, Iterator
from typing import TextIO

from persona_tf.episode import Character, Episode, Probe, Setting, Thing, Turn


def display(episodes: Iterable[Episode], n: int, out: TextIO) -> int:
    """Writes the first ``n`` episodes to ``out``; returns how many there were."""
    count = 0
    for episode in itertools.islice(episodes, n):
        out.write(script(episode) + "\n\n")
        count += 1
    return count


def script(episode: Episode) -> str:
    """An episode as text: the place, the two characters, the turns with ``*action*`` and ``(emote)``.

    Turns of learners are marked with ``>``; below a turn stand the keys it draws on and its probe.
    """
    lines = [f"=== {episode.id}"]
    if episode.setting is not None:
        lines += _place(episode.setting)
    for index, character in enumerate(episode.characters):
        lines += _character(character, _name(episode, index))
    lines.append("")
    for number, turn in enumerate(episode.turns):
        mark = ">" if turn.speaker in episode.learners else " "
        lines.append(f"{mark} {number:2} {_name(episode, turn.speaker)}: {_line(turn)}")
        lines += [f"       {note}" for note in _notes(turn)]
    for aside in episode.asides:
        lines.append(f"  {aside.at:2} aside: {_line(aside.question)}")
        lines.append(f">    {_name(episode, aside.answer.speaker)}: {_line(aside.answer)}")
        lines += [f"       {note}" for note in _notes(aside.answer)]
    return "\n".join(lines)


def _place(setting: Setting) -> Iterator[str]:
    if name := ", ".join(filter(None, (setting.name, setting.category))):
        yield name
    yield from (f"  {sentence}" for sentence in setting.description)
    if setting.objects:
        yield "  There is:"
        yield from (f"    {_thing(thing)}" for thing in setting.objects)
    if setting.present:
        yield f"  Also here: {', '.join(setting.present)}"


def _character(character: Character, name: str) -> Iterator[str]:
    yield f"{name}:"
    yield from (f"  {fact.text}" for fact in character.facts)
    for kind in ("carrying", "wearing", "wielding"):
        things: tuple[Thing, ...] = getattr(character, kind)
        if things:
            yield f"  {kind}: {', '.join(thing.name for thing in things)}"


def _name(episode: Episode, speaker: int) -> str:
    return episode.characters[speaker].name or ("partner", "self")[speaker]


def _line(turn: Turn) -> str:
    parts = [turn.speech, f"*{turn.action}*" if turn.action else "", f"({turn.emote})" if turn.emote else ""]
    return " ".join(part for part in parts if part) or "..."


def _notes(turn: Turn) -> Iterator[str]:
    if turn.available_actions:
        yield f"could: {' | '.join(turn.available_actions)}"
    if turn.grounding:
        yield f"draws on: {', '.join(turn.grounding)}"
    if turn.probe is not None:
        yield _probe(turn.probe)


def _probe(probe: Probe) -> str:
    answer = repr(probe.value) if probe.value else "no answer is known"
    text = f"probe: {probe.source}/{probe.slot} = {answer}"
    if probe.decoys:
        text += f", not {', '.join(map(repr, probe.decoys))}"
    if probe.swap is not None:
        text += f"; with {probe.swap.text!r} at {probe.swap.key}: {probe.swap.value!r}"
    return text


def _thing(thing: Thing) -> str:
    return f"{thing.name}: {thing.description}" if thing.description else thing.name
