"""Wizard of Wikipedia -> Episode: one of two looks up in Wikipedia what it says (Dinan et al. 2019, arXiv 1811.01241).

Speaker 0 is the apprentice, who is curious, speaker 1 the wizard, who has the sentences and is the only learner.

In the house's nouns: the topic is the setting's name, and Wikipedia's sentences are its description, one an entry: what
the wizard sees lies before it as a place would. So they are knowledge items of the kind ``setting_description``, and
models need no other kind; ``gin/mixins/no_setting.gin`` is the wizard without knowledge. The checked sentence is the
turn's grounding, ``setting_description/7``; "no passage used" is (). What the wizard has to hand changes with every
turn, which `Turn.knows` says: the topic's passage, and what was looked up for the last two turns.

Two forms are read:

* the original JSON: one file a split (`wow_json`);
* ``valid_random_gold.json``, a list of ``{"meta": [[sentence] or [], ...], "dialogue": [[apprentice, wizard], ...]}``:
  the checked sentences alone. The wizard's opening, where it began, is missing, and so are the topic and what else the
  wizard saw: it knows the checked sentences of its whole dialogue and ``negatives`` sentences of other dialogues, drawn
  by a seed. Those are mostly about other things: choosing among them is easier than among what the wizard saw. A table
  must say so.
"""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.json_field import json_field
from persona_tf.data.skips import Skips
from persona_tf.data.source_file import DATA_DIR_VARIABLE, SourceFile
from persona_tf.data.wow_json import APPRENTICE, WIZARD, wow_json_episodes
from persona_tf.episode import Character, Episode, Setting, Turn

ARCHIVE = SourceFile(
    "wow/wizard_of_wikipedia.tgz",
    "http://parl.ai/downloads/wizard_of_wikipedia/wizard_of_wikipedia.tgz",
    "2a549627a83fea745efa2076a41d1c0078ad002ab2b54eae6a4e3d3d66ae24b7",
)
"""The archive that holds `FILES`."""
FILES = {
    "train": "train.json",
    "valid_random": "valid_random_split.json",
    "valid_topic": "valid_topic_split.json",
    "test_random": "test_random_split.json",
    "test_topic": "test_topic_split.json",
}
"""The original files by split. The topics of ``topic`` splits are in no other."""
SPLITS = tuple(FILES)
GOLD = {"valid_random": "valid_random_gold.json"}
FORMS = ("", "original", "gold")


def read_wow(
    split: str,
    data_dir: Path,
    *,
    form: str = "",
    knowledge: int = 0,
    titles: bool = False,
    negatives: int = 16,
    skips: Skips | None = None,
) -> Iterator[Episode]:
    """Reads a split of ``DATA_DIR/wow/``.

    Args:
      split: one of SPLITS.
      data_dir: holds ``wow/``.
      form: ``original``, ``gold``, or "" for what is there, the original first.
      knowledge: of the original: at most so many sentences at a turn, the checked one always among them, the others
        drawn by a seed; 0: all. Dinan et al. have 32, in training only: as a limit in a test it would help to choose.
      titles: of the original: whether sentences begin with the title of their page, "Bread: It is baked."
      negatives: of the gold form: how many sentences of other dialogues are added to a dialogue's own.
      skips: receives dialogues and turns that were left out; without it they are logged.

    Raises:
      MissingFileError, DataError: the file is missing or broken, or holds no dialogue; an unknown split or value.
    """
    _check(split, form, knowledge, titles, negatives)
    own_skips = Skips() if skips is None else skips
    path = wow_path(data_dir, split, form)
    read = 0
    if path.name in GOLD.values():
        found = _gold_episodes(path, split, negatives, own_skips)
    else:
        found = wow_json_episodes(path, split, knowledge, titles, own_skips)
    for episode in found:
        yield episode
        read += 1
    if not read:
        raise DataError(f"{path}: no dialogue could be read. {own_skips.report()}".rstrip())
    if skips is None:
        own_skips.log()


def wow_path(data_dir: Path, split: str, form: str = "") -> Path:
    """The file of that split, in that form, or in whichever is there.

    Raises:
      MissingFileError: none is there.
    """
    names = {"original": FILES[split], "gold": GOLD.get(split, "")}
    paths = [data_dir / "wow" / name for of_form, name in names.items() if name and form in ("", of_form)]
    for path in paths:
        if path.is_file():
            return path
    raise MissingFileError(
        f"{' and '.join(map(str, paths)) or f'{split} in the gold form'}: missing. Run `persona_tf data prepare wow`, "
        f"or fetch {ARCHIVE.url} (SHA-256 {ARCHIVE.sha256}) and unpack its files into {data_dir / 'wow'}. "
        f"Another folder: --data_dir or {DATA_DIR_VARIABLE}."
    )


def _check(split: str, form: str, knowledge: int, titles: bool, negatives: int) -> None:
    for name, value, known in (("split", split, SPLITS), ("form", form, FORMS)):
        if value not in known:
            raise DataError(f"wow: {name} must be one of {known}, got {value!r}")
    for name, number in (("knowledge", knowledge), ("negatives", negatives)):
        if type(number) is not int or number < 0:
            raise DataError(f"wow: {name} must be a whole number of 0 or more, got {number!r}")
    if not isinstance(titles, bool):
        raise DataError(f"wow: titles must be True or False, got {titles!r}")


# ------------------------------------------------------------------------------------------- the gold form


def _gold_episodes(path: Path, split: str, negatives: int, skips: Skips) -> Iterator[Episode]:
    dialogues = []
    for number, dialogue in enumerate(_gold_file(path)):
        try:
            dialogues.append((number, *_gold_dialogue(dialogue)))
        except DataError as error:
            skips.add(f"{path} dialogue {number}", str(error))
    every = list(dict.fromkeys(sentence for _, golds, _ in dialogues for sentence in filter(None, golds)))
    for number, golds, pairs in dialogues:
        id = f"wow/{split}_gold/{number}"
        yield _gold_episode(id, golds, pairs, _with_negatives(id, golds, every, negatives))


def _gold_file(path: Path) -> list[Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: no JSON: {error}. Move the file away and get it again.") from error
    if not isinstance(data, list):
        raise DataError(f"{path}: expected a list of dialogues, found {type(data).__name__}. Move it away.")
    return data


def _gold_dialogue(dialogue: Any) -> tuple[list[str], list[tuple[str, str]]]:
    """The checked sentence of each exchange, "" for none, and what the two said."""
    meta, said = (_text_lists(json_field(dialogue, key, list), key) for key in ("meta", "dialogue"))
    if not said or len(meta) != len(said):
        raise DataError(f"keys meta, dialogue: expected lists of one length, got {len(meta)} and {len(said)}")
    if not all(len(pair) == 2 for pair in said) or not all(len(gold) <= 1 for gold in meta):
        raise DataError("expected two texts an exchange in the key dialogue, and at most one sentence in meta")
    return [gold[0] if gold else "" for gold in meta], [(one, other) for one, other in said]


def _text_lists(lists: list[Any], key: str) -> list[list[str]]:
    if not all(isinstance(texts, list) and all(isinstance(text, str) for text in texts) for texts in lists):
        raise DataError(f"key {key}: expected lists of strings, got {str(lists)[:40]!r}")
    return [[" ".join(text.split()) for text in texts] for texts in lists]


def _with_negatives(id: str, golds: list[str], every: list[str], negatives: int) -> tuple[str, ...]:
    rng = random.Random(f"sentences of {id}")
    own = list(dict.fromkeys(filter(None, golds)))
    drawn = [s for s in rng.sample(every, min(negatives + len(own), len(every))) if s not in own][:negatives]
    sentences = own + drawn
    rng.shuffle(sentences)
    return tuple(sentences)


def _gold_episode(id: str, golds: list[str], pairs: list[tuple[str, str]], sentences: tuple[str, ...]) -> Episode:
    turns = []
    for gold, (asked, answered) in zip(golds, pairs, strict=True):
        grounding = (f"setting_description/{sentences.index(gold)}",) if gold else ()
        turns += [Turn(APPRENTICE, asked), Turn(WIZARD, answered, grounding=grounding)]
    said = tuple(turn for turn in turns if turn.speech)
    return Episode(id, "wow", Setting("", description=sentences), (Character(""), Character("")), said, (WIZARD,))
