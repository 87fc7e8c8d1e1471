"""LIGHT's pickles -> Episode (Urbanek et al. 2019, arXiv 1903.03094; MIT licence).

Both characters are learners: the turns of both are targets. Agent 0 speaks on even turns, agent 1 on
odd ones. Knows the layout of the published files; nothing of their download (`download`) or of other forms
(`light_text`).
"""

import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from persona_tf.data.errors import DataError
from persona_tf.data.plain_pickle import load_plain_pickle
from persona_tf.data.skips import Skips
from persona_tf.data.source_file import SourceFile
from persona_tf.episode import EMOTES, Character, Episode, Fact, Setting, Thing, Turn, sentences

SPLITS = ("train", "valid", "test", "test_unseen")

_ADDRESS = "http://parl.ai/downloads/light/"
DIALOGUES = SourceFile(
    "light/light_data.pkl",
    _ADDRESS + "light-dialog-processed-small7.pkl",
    "7c83cf49818586db9999ea67a4a6ad087afbd91c26ed629a9f00e21d0b84058f",
)
UNSEEN = SourceFile(
    "light/light_unseen_data.pkl",
    _ADDRESS + "light-unseen-processed2.pkl",
    "489b98d08dd94eaf1ba95439d04200ccc54623ade056839f87a5c4207bc5699c",
)
ENVIRONMENT = SourceFile(
    "light/light_environment.pkl",
    _ADDRESS + "light-environment.pkl",
    "162389202f22063e1c32af7f9261aac13d20fc05598388d1e9748735996ec016",
)

_SHUFFLED = range(1368, 4733)
_TEST, _VALID = 1000, 500


def read_light(
    split: str,
    data_dir: Path,
    *,
    check_hash: bool = True,
    splits: str = "official",
    skips: Skips | None = None,
) -> Iterator[Episode]:
    """Reads one split of LIGHT.

    Args:
      split: ``train``, ``valid``, ``test`` (places seen in training) or ``test_unseen``.
      data_dir: holds ``light/light_data.pkl`` and ``light/light_unseen_data.pkl``.
      check_hash: whether the file has to be the published one.
      splits: the rule of `split_indices`.
      skips: receives dialogues and labels that were left out; without it they are logged.

    Raises:
      MissingFileError, DataError: the file is missing, another one, broken, holds code, or has no dialogue.
    """
    own_skips = Skips() if skips is None else skips
    file = UNSEEN if split == "test_unseen" else DIALOGUES
    path = file.require(data_dir, check_hash)
    data = load_plain_pickle(path)
    if not isinstance(data, list):
        raise DataError(f"{path}: expected a list of dialogues, found {type(data).__name__}. Download it again.")
    indices = range(len(data)) if split == "test_unseen" else _indices_of(path, len(data), split, splits)
    read = 0
    for index in indices:
        try:
            yield light_episode(data[index], f"light/{split}/{index}", own_skips)
            read += 1
        except DataError as error:
            own_skips.add(f"{path} dialogue {index}", str(error))
    if not read:
        raise DataError(f"{path}: no dialogue of split {split!r} could be read. {own_skips.report()}")
    if skips is None:
        own_skips.log()


def split_indices(count: int, split: str, splits: str = "official") -> list[int]:
    """Which of ``count`` dialogues belong to ``train``, ``valid`` or ``test``, in the order of the file.

    ``official`` is the exact split: ``range(1368, 4733)``, shuffled by ``random.Random(42)``; the first 1,000
    are test, the next 500 valid, all the rest of the file is train. ``proportional`` serves small files of
    the same format: all indices are shuffled likewise; the first tenth (at least one) is test, the next
    twentieth (at least one) valid.

    >>> split_indices(10, "test", "proportional"), split_indices(10, "valid", "proportional")
    ([7], [3])

    Raises:
      ValueError: an unknown rule or split, or too few dialogues for the rule.
    """
    if splits == "official":
        shuffled, test, valid, least = list(_SHUFFLED), _TEST, _VALID, _SHUFFLED.stop
    elif splits == "proportional":
        shuffled, test, valid, least = list(range(count)), max(1, count // 10), max(1, count // 20), 3
    else:
        raise ValueError(f"splits must be 'official' or 'proportional', got {splits!r}")
    if count < least:
        hint = "; for a small file of your own set the data option splits='proportional'" if least > 3 else ""
        raise ValueError(f"the {splits} splits need {least:,} dialogues, found {count:,}{hint}")
    random.Random(42).shuffle(shuffled)
    if split == "test":
        return sorted(shuffled[:test])
    if split == "valid":
        return sorted(shuffled[test : test + valid])
    if split == "train":
        held_out = set(shuffled[: test + valid])
        return [i for i in range(count) if i not in held_out]
    raise ValueError(f"split must be one of {SPLITS}, got {split!r}")


def light_episode(dialogue: Any, episode_id: str, skips: Skips) -> Episode:
    """One dialogue of the pickle as an Episode; turns in which nothing is said, done or shown are left out.

    An emote that is none of the 22 is left out and counted in ``skips``.

    Raises:
      DataError: a key is of another shape; the message names it.
    """
    if not isinstance(dialogue, dict):
        raise DataError(f"expected a dict, found {type(dialogue).__name__}")
    count = len(_typed(dialogue, "speech", list, required=True))
    if not count:
        raise DataError("key 'speech': no turn")
    agents = _typed(dialogue, "agents", list, required=True)
    if len(agents) != 2 or not all(isinstance(agent, dict) for agent in agents):
        raise DataError(f"key 'agents': expected two dicts, found {len(agents)} entries")
    shown = _descriptions(dialogue)
    names = (_text(agents[0], "name"), _text(agents[1], "name"))
    turns = tuple(_turns(dialogue, count, episode_id, skips))
    if not turns:
        raise DataError("key 'speech': nothing is said, done or shown in any turn")
    return Episode(
        id=episode_id,
        source="light",
        setting=_setting(dialogue, count, names, shown),
        characters=(
            _character(agents[0], names[0], 0, dialogue, count, shown),
            _character(agents[1], names[1], 1, dialogue, count, shown),
        ),
        turns=turns,
        learners=(0, 1),
    )


def bare_name(name: str) -> str:
    """A name without its article, in lower case: ``A Mermaid`` -> ``mermaid``."""
    first, _, rest = name.strip().lower().partition(" ")
    return rest.strip() if rest and first in ("a", "an", "the", "some") else name.strip().lower()


def _indices_of(path: Path, count: int, split: str, splits: str) -> list[int]:
    try:
        return split_indices(count, split, splits)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _turns(dialogue: Mapping[str, Any], count: int, episode_id: str, skips: Skips) -> Iterator[Turn]:
    speech, action, emote = (_column(dialogue, key, count) for key in ("speech", "action", "emote"))
    available = _column(dialogue, "available_actions", count)
    for i in range(count):
        said, done = _cell(speech, "speech", i), _cell(action, "action", i)
        shown = _cell(emote, "emote", i).lower()
        if shown and shown not in EMOTES:
            skips.add(f"{episode_id} key 'emote' turn {i}", f"{shown!r} is none of the {len(EMOTES)} emotes")
            shown = ""
        if said or done or shown:
            yield Turn(i % 2, said, done, shown, _names(available[i], "available_actions"))


def _setting(
    dialogue: Mapping[str, Any], count: int, names: tuple[str, str], shown: Mapping[str, str]
) -> Setting | None:
    place = _typed(dialogue, "setting", dict) or {}
    name, category = _text(place, "name"), _text(place, "category")
    prose = sentences(_text(place, "description")) + sentences(_text(place, "background"))
    objects = _things(_first(dialogue, "room_objects", count, range(count)), "room_objects", shown)
    speakers = {bare_name(n) for n in names}
    others = _names(_first(dialogue, "room_agents", count, range(count)), "room_agents")
    present = tuple(n for n in dict.fromkeys(others) if bare_name(n) not in speakers)
    if not (name or category or prose or objects or present):
        return None
    return Setting(name, category, prose, objects, present)


def _character(
    agent: Mapping[str, Any],
    name: str,
    index: int,
    dialogue: Mapping[str, Any],
    count: int,
    shown: Mapping[str, str],
) -> Character:
    own_turns = range(index, count, 2)
    had = {
        key: _things(_first(dialogue, key, count, own_turns), key, shown) for key in ("carrying", "wearing", "wielding")
    }
    facts = tuple(Fact(sentence) for sentence in sentences(_text(agent, "persona")))
    return Character(name, facts, **had)


def _first(dialogue: Mapping[str, Any], key: str, count: int, turns: range) -> Any:
    """The entry of the first of ``turns`` that has one: how things stand when the dialogue begins."""
    column = _column(dialogue, key, count)
    return next((column[i] for i in turns if column[i] is not None), None)


def _column(dialogue: Mapping[str, Any], key: str, count: int) -> list[Any]:
    """The list over turns at ``key``; all None when the key is missing."""
    column = _typed(dialogue, key, list)
    if column is None:
        return [None] * count
    if len(column) != count:
        raise DataError(f"key {key!r}: {len(column)} entries for {count} turns")
    return column


def _typed(data: Mapping[str, Any], key: str, kind: type, required: bool = False) -> Any:
    value = data.get(key)
    if value is None and not required:
        return None
    if not isinstance(value, kind):
        raise DataError(f"key {key!r}: expected {kind.__name__}, found {type(value).__name__}")
    return value


def _text(data: Mapping[str, Any], key: str) -> str:
    return (_typed(data, key, str) or "").strip()


def _cell(column: list[Any], key: str, turn: int) -> str:
    value = column[turn]
    if value is not None and not isinstance(value, str):
        raise DataError(f"key {key!r} turn {turn}: expected text or None, found {type(value).__name__}")
    return (value or "").strip()


def _names(value: Any, key: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
        raise DataError(f"key {key!r}: expected a list of texts a turn, found {type(value).__name__}")
    return tuple(name.strip() for name in value if name.strip())


def _descriptions(dialogue: Mapping[str, Any]) -> dict[str, str]:
    """Descriptions by bare name, so that "The trident" finds that of "a trident"."""
    pairs = (_typed(dialogue, "all_descriptions", dict) or {}).items()
    return {bare_name(name): text.strip() for name, text in pairs if isinstance(name, str) and isinstance(text, str)}


def _things(names: Any, key: str, shown: Mapping[str, str]) -> tuple[Thing, ...]:
    return tuple(Thing(name, shown.get(bare_name(name), "")) for name in dict.fromkeys(_names(names, key)))
