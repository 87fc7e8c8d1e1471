"""DailyDialog -> Episode: everyday talk between two people, each turn with an emotion and an act.

Li et al. 2017, arXiv 1710.03957; in the form of ConvLab-3: a zip with ``data/dialogues.json``, a list of

    {"data_split": "train", "dialogue_id": "...", "turns": [{"speaker": "user", "utterance": "Hi!",
     "emotion": "happiness", "dialogue_acts": {"binary": [{"intent": "inform", ...}], ...}}, ...]}

Nobody has a name or a persona, and there is no setting; both learn. The labels are the source's own: option ``emote``
says which of the two stands in `Turn.emote`. They are not among LIGHT's 22, and nothing maps them to those: a head of
LIGHT's labels cannot learn them (`persona_tf.learner` says so), therefore ``gin/data/dailydialog.gin`` leaves them out.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from persona_tf.data.errors import DataError
from persona_tf.data.json_array import array_elements
from persona_tf.data.json_field import json_field
from persona_tf.data.skips import Skips
from persona_tf.data.source_file import SourceFile
from persona_tf.episode import Character, Episode, Turn

SPLITS = ("train", "valid", "test")
EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
"""The emotions but for "no emotion", which is ""; in alphabetical order."""
NO_EMOTION = "no emotion"
ACTS = ("commissive", "directive", "inform", "question")
LABELS = ("emotion", "act", "none")

ARCHIVE = SourceFile(
    "dailydialog/dailydialog.zip",
    "https://huggingface.co/datasets/ConvLab/dailydialog/resolve/main/data.zip",
    "b1f38f3bf5431f9384107011a943f1a3446027721292e3a248a894b7766fa9d3",
)
MEMBER = "data/dialogues.json"

_NAMES = {"train": "train", "validation": "valid", "test": "test"}
_SPEAKERS = {"user": 0, "system": 1}


def read_dailydialog(
    split: str, data_dir: Path, *, emote: str = "emotion", check_hash: bool = True, skips: Skips | None = None
) -> Iterator[Episode]:
    """Reads a split of ``DATA_DIR/dailydialog/dailydialog.zip``.

    Args:
      split: ``train``, ``valid`` or ``test``.
      data_dir: holds ``dailydialog/``.
      emote: what `Turn.emote` holds: the ``emotion`` ("" for none), the ``act``, or ``none`` of them.
      check_hash: whether the file has to be the published one.
      skips: receives turns and dialogues that were left out; without it they are logged.

    Raises:
      MissingFileError, DataError: the file is missing, another one or broken, or holds no dialogue of the split; an
        unknown value of an option.
    """
    if emote not in LABELS:
        raise DataError(f"dailydialog: emote must be one of {LABELS}, got {emote!r}")
    own_skips = Skips() if skips is None else skips
    path = ARCHIVE.require(data_dir, check_hash)
    read = 0
    for place, dialogue in enumerate(_dialogues(path)):
        where = f"{path} dialogue {place}"
        try:
            if _split(dialogue) == split:
                episode = _episode(dialogue, f"dailydialog/{split}/{read}", emote, where, own_skips)
                read += 1
                yield episode
        except DataError as error:
            own_skips.add(where, str(error))
    if not read:
        raise DataError(f"{path}: no dialogue of split {split!r} could be read. {own_skips.report()}".rstrip())
    if skips is None:
        own_skips.log()


def _dialogues(path: Path) -> Iterator[Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            if MEMBER not in archive.namelist():
                raise DataError(f"{path}: no {MEMBER} in it. Move it away and get it again.")
            with archive.open(MEMBER) as raw, io.TextIOWrapper(raw, encoding="utf-8") as file:
                yield from array_elements(file, f"{path} {MEMBER}")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise DataError(f"{path}: the archive is broken: {error}. Move it away and get it again.") from error


def _split(dialogue: Any) -> str:
    name = json_field(dialogue, "data_split", str)
    if name not in _NAMES:
        raise DataError(f"key data_split: expected one of {list(_NAMES)}, got {name!r}")
    return _NAMES[name]


def _episode(dialogue: Any, id: str, emote: str, where: str, skips: Skips) -> Episode:
    turns = []
    for number, turn in enumerate(json_field(dialogue, "turns", list)):
        try:
            speaker, speech = json_field(turn, "speaker", str), json_field(turn, "utterance", str)
            if speaker not in _SPEAKERS:
                raise DataError(f"key speaker: expected one of {list(_SPEAKERS)}, got {speaker!r}")
            if " ".join(speech.split()):
                turns.append(Turn(_SPEAKERS[speaker], " ".join(speech.split()), emote=_label(turn, emote)))
        except DataError as error:
            skips.add(f"{where} turn {number}", str(error))
    if not turns:
        raise DataError("key turns: no turn in which anything is said")
    return Episode(id, "dailydialog", None, (Character(""), Character("")), tuple(turns))


def _label(turn: Any, emote: str) -> str:
    if emote == "none":
        return ""
    if emote == "emotion":
        found = json_field(turn, "emotion", str)
        return "" if found == NO_EMOTION else _known(found, EMOTIONS, "emotion")
    acts = json_field(json_field(turn, "dialogue_acts", dict), "binary", list)
    return _known(json_field(acts[0], "intent", str), ACTS, "intent") if acts else ""


def _known(label: str, labels: tuple[str, ...], key: str) -> str:
    if label not in labels:
        raise DataError(f"key {key}: expected one of {labels}, got {label!r}")
    return label
