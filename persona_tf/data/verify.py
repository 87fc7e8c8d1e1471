"""`persona_tf data verify SOURCE`: what is wrong with a source's files, or with the episodes in them."""

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from persona_tf.data import convai2, wow
from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.skips import Skips
from persona_tf.data.sources import Source, read_split, source_named
from persona_tf.episode import EMOTES, Episode, Probe, Turn
from persona_tf.example import ExampleConfig
from persona_tf.learner import knowledge_items


def verify(
    source_name: str,
    data_dir: Path | str,
    options: Mapping[str, Any] | None = None,
    splits: Iterable[str] | None = None,
) -> list[str]:
    """Reads everything and returns the problems, one a line; an empty list means that all is well.

    Checked are hashes, numbers of dialogues (where they are published and ``options`` is empty), lines that
    cannot be read, and each episode as `episode_problems` says.
    """
    source = source_named(source_name)
    problems = list(_file_problems(source, Path(data_dir), options or {}))
    for split in splits or source.splits:
        problems += _split_problems(source, split, Path(data_dir), options or {})
    # A wrong hash stops every split with the same words.
    return list(dict.fromkeys(problems))


_ARCHIVES = (convai2.ARCHIVE, wow.ARCHIVE)


def episode_problems(episode: Episode, emotes: Sequence[str] = EMOTES) -> Iterator[tuple[str, str]]:
    """What is wrong inside an episode: pairs of a kind of problem and the place of this one.

    ``emotes``: the labels of its source.
    """
    if not any(turn.speaker in episode.learners for turn in episode.turns):
        yield "no turn of a learner", episode.id
    known = [{item.key for item in knowledge_items(episode, speaker, ExampleConfig())} for speaker in range(2)]
    said = [(number, f"{episode.id} turn {number}", turn) for number, turn in enumerate(episode.turns)]
    for count, aside in enumerate(episode.asides):
        where = f"{episode.id} aside {count}"
        if not 0 <= aside.at < len(episode.turns):
            yield "an aside at a place that there is not", where
        if {aside.question.speaker, aside.answer.speaker} != {0, 1}:
            yield "an aside that is no talk of the two", where
        said += [(aside.at, f"{where} question", aside.question), (aside.at + 1, f"{where} answer", aside.answer)]
    for number, where, turn in said:
        for kind in _turn_problems(turn, emotes):
            yield kind, where
        if turn.speaker in (0, 1):
            keys = known[turn.speaker] | {f"turn/{i}" for i in range(number)}
            swapped = (turn.probe.swap.key,) if turn.probe is not None and turn.probe.swap is not None else ()
            for key in (*turn.grounding, *swapped, *turn.knows):
                if key not in keys:
                    yield "a key that leads nowhere", f"{where}: {key}"
            kinds = {key.partition("/")[0] for key in turn.knows}
            for key in turn.grounding:
                if key.partition("/")[0] in kinds and key not in turn.knows:
                    yield "a turn that draws on what its speaker does not know", f"{where}: {key}"


def _turn_problems(turn: Turn, emotes: Sequence[str]) -> Iterator[str]:
    if turn.speaker not in (0, 1):
        yield "a speaker that is neither 0 nor 1"
    if not (turn.speech or turn.action or turn.emote):
        yield "a turn in which nothing is said, done or shown"
    if turn.action and turn.available_actions and turn.action not in turn.available_actions:
        yield "an action that is not among the available ones"
    if turn.emote and turn.emote not in emotes:
        yield f"an emote that is none of the {len(emotes)}"
    if turn.candidates and turn.speech and turn.speech not in turn.candidates:
        yield "a reply that is not among its candidates"
    if turn.probe is not None:
        yield from _probe_problems(turn.probe, turn.speech)


def _probe_problems(probe: Probe, speech: str) -> Iterator[str]:
    if probe.source not in Probe.SOURCES:
        yield f"a probe of unknown source {probe.source!r}"
    if bool(probe.value) == (probe.source == "unanswerable"):
        yield "a probe whose value and source do not go together"
    if probe.value and probe.value not in speech:
        yield "a reply without the value of its probe"
    if probe.value in probe.decoys:
        yield "a probe whose value is among its decoys"


def _file_problems(source: Source, data_dir: Path, options: Mapping[str, Any]) -> Iterator[str]:
    check_hash = options.get("check_hash", True)
    for file in source.files:
        if file in _ARCHIVES and not file.path(data_dir).exists():
            continue  # What is in it counts; the splits tell when they are missing.
        try:
            file.require(data_dir, check_hash)
        except DataError as error:
            yield str(error)


def _split_problems(source: Source, split: str, data_dir: Path, options: Mapping[str, Any]) -> list[str]:
    found: dict[str, list[str]] = collections.defaultdict(list)
    ids = collections.Counter[str]()
    skips = Skips()
    try:
        for episode in read_split(source.name, split, data_dir, options, skips):
            ids[episode.id] += 1
            for kind, where in episode_problems(episode, source.emotes):
                found[kind].append(where)
    except MissingFileError as error:
        # A missing file of `source.files` has been told once already.
        return [] if any(str(file.path(data_dir)) in str(error) for file in source.files) else [str(error)]
    except DataError as error:
        return [str(error)]
    name = f"{source.name} {split}"
    problems = [f"{name}: {kind}: {len(places):,} (first: {places[0]})" for kind, places in found.items()]
    problems += [f"{name}: the id {id} occurs {n} times" for id, n in ids.items() if n > 1]
    if skips.count:
        problems.append(f"{name}: {skips.report()}")
    expected = None if options else source.sizes.get(split)
    if expected is not None and ids.total() != expected:
        problems.append(f"{name}: {ids.total():,} dialogues where {expected:,} are published")
    return problems
