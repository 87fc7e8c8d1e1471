"""Toloka Persona Chat Rus -> Episode: small talk in Russian between two people with five facts each.

By Yandex.Toloka with MIPT's Neural Networks and Deep Learning Lab. The official table has a dialogue a line:

    persona_1_profile <TAB> persona_2_profile <TAB> dialogue        (each cell is HTML, see `toloka_html`)

The other form, JSON lines, also says which own facts each message uses:

    {"persons": [{"description": ["Я врач", ...]}, {...}], "dialog": [{"person": 0, "text": "Привет", "gk": []}, ...]}

Consecutive messages of one person are one turn. Nobody has a name, there is no setting, both learn. There is no
official split: see `toloka_splits`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.gold_knowledge import gold_knowledge
from persona_tf.data.skips import Skips
from persona_tf.data.source_file import DATA_DIR_VARIABLE, SourceFile
from persona_tf.data.stated_facts import with_stated_facts
from persona_tf.data.text_lines import text_lines
from persona_tf.data.toloka_files import Dialogue, parse_toloka
from persona_tf.data.toloka_html import Message
from persona_tf.data.toloka_splits import SPLITS, group_names, split_of
from persona_tf.episode import Character, Episode, Fact, Turn

GROUNDING = (True, False, "made")
SPLIT_BY = ("dialogue", "persona")

ARCHIVE = SourceFile("toloka/TlkPersonaChatRus.zip", "https://tlk.s3.yandex.net/dataset/TlkPersonaChatRus.zip")
"""The archive that holds both tables. Nobody publishes its hash."""
TABLE = SourceFile("toloka/dialogues.tsv")
PROFILES = SourceFile("toloka/profiles.tsv", sha256="70718ecf1a33da4bfe07c6777f65de1bf740d6c1624020701df4234d656b138d")
PUBLISHED = {TABLE: 10_013, PROFILES: 1_505}
"""How many lines each table has, says its readme."""


def read_toloka(
    split: str,
    data_dir: Path,
    *,
    file: str = "",
    grounding: bool | str = True,
    split_by: str = "dialogue",
    states: bool = False,
    skips: Skips | None = None,
) -> Iterator[Episode]:
    """Reads a split of ``DATA_DIR/toloka/dialogues.tsv``, else of the one .jsonl file there.

    Args:
      split: ``train``, ``valid`` or ``test``.
      data_dir: holds ``toloka/``.
      file: a name in ``toloka/`` that ends in .tsv or .jsonl; "" takes what is there.
      grounding: which facts a turn uses. True: read where the file says so, else made by `gold_knowledge`; "made":
        made in any case; False: left out.
      split_by: ``dialogue``, or ``persona``: no persona is in two splits. In the whole table chains of shared personas
        link nearly all dialogues, so that there it leaves nothing to split.
      states: whether turns state the facts that they use (`Turn.states`); needs grounding.
      skips: receives bad lines; without it they are logged.

    Raises:
      MissingFileError: there is no file.
      DataError: an unknown split or value of an option; a file without dialogues, or without any of this split.
    """
    asked: dict[str, tuple[Any, tuple]] = {"split": (split, SPLITS), "split_by": (split_by, SPLIT_BY)}
    asked["grounding"] = (grounding, GROUNDING)
    for name, (value, known) in asked.items():
        if not any(value is one or (type(value) is str and value == one) for one in known):
            raise DataError(f"toloka: {name} must be one of {known}, got {value!r}")
    if states not in (True, False) or (states and not grounding):
        raise DataError(f"toloka: states must be False, or True with grounding, got {states!r}")
    own_skips = Skips() if skips is None else skips
    path = toloka_path(data_dir, file)
    dialogues = list(parse_toloka(path, own_skips))
    if not dialogues:
        found = f"{path}: no dialogue in Toloka's format. Move it away. {how_to_get(data_dir)}"
        raise DataError(f"{found}\n{own_skips.report()}".rstrip())
    names = _names(dialogues, split_by)
    chosen = [dialogue for dialogue, name in zip(dialogues, names, strict=True) if split_of(name) == split]
    if not chosen:
        other = ": shared personas link too many; take split_by='dialogue'" if split_by == "persona" else ""
        raise DataError(f"{path}: of its {len(dialogues):,} dialogues none is of {split}{other}")
    for dialogue in chosen:
        episode = _episode(dialogue, grounding)
        yield with_stated_facts(episode) if states else episode
    if skips is None:
        own_skips.log()


def toloka_path(data_dir: Path, file: str = "") -> Path:
    """The file with the dialogues.

    Raises:
      MissingFileError: it is not there.
      DataError: its name ends in neither .tsv nor .jsonl, or there are several .jsonl files to choose from.
    """
    folder = data_dir / "toloka"
    if not isinstance(file, str) or (file and not file.endswith((".tsv", ".jsonl"))):
        raise DataError(f"toloka: option file must be a name that ends in .tsv or .jsonl, got {file!r}")
    path = folder / file if file else TABLE.path(data_dir)
    if not file and not path.is_file():
        there = sorted(folder.glob("*.jsonl"))
        if len(there) > 1:
            raise DataError(f"{folder}: several files; option file says which: {', '.join(p.name for p in there)}")
        path = there[0] if there else path
    if not path.is_file():
        raise MissingFileError(f"{path} is missing. {how_to_get(data_dir)}")
    return path


def read_profiles(data_dir: Path, skips: Skips | None = None) -> Iterator[tuple[Fact, ...]]:
    """The personas of ``DATA_DIR/toloka/profiles.tsv``: below a header a line each, facts with tabs between.

    Raises:
      MissingFileError: the file is not there.
    """
    path = PROFILES.path(data_dir)
    if not path.is_file():
        raise MissingFileError(f"{path} is missing. {how_to_get(data_dir)}")
    own_skips = Skips() if skips is None else skips
    for number, line in text_lines(path, own_skips):
        if number > 1 or not line.startswith("characteristic_1"):
            yield tuple(Fact(" ".join(cell.split())) for cell in line.split("\t") if cell.strip())
    if skips is None:
        own_skips.log()


def how_to_get(data_dir: Path) -> str:
    """The address and the places of the files, as the next step of an error message."""
    return (
        f"Run `persona_tf data prepare toloka`, or fetch {ARCHIVE.url} (its SHA-256 is not published; that of "
        f"profiles.tsv in it is {PROFILES.sha256}) and unpack dialogues.tsv and profiles.tsv into "
        f"{data_dir / 'toloka'}; a .jsonl file with `persons` and `dialog` may stand there instead. "
        f"Another folder: --data_dir or {DATA_DIR_VARIABLE}."
    )


def _names(dialogues: list[Dialogue], split_by: str) -> list[str]:
    ids = [dialogue.id for dialogue in dialogues]
    if split_by == "dialogue":
        return ids
    # The same facts in another order or spelling of case are the same persona.
    return group_names(ids, [[tuple(sorted(map(str.casefold, facts))) for facts in d.facts] for d in dialogues])


def _episode(dialogue: Dialogue, grounding: bool | str) -> Episode:
    one, other = (Character("", tuple(map(Fact, facts))) for facts in dialogue.facts)
    turns = (Turn(turn.speaker, turn.text, grounding=_keys(turn, dialogue, grounding)) for turn in dialogue.turns)
    return Episode(dialogue.id, "toloka", None, (one, other), tuple(turns))


def _keys(turn: Message, dialogue: Dialogue, grounding: bool | str) -> tuple[str, ...]:
    if grounding is False:
        return ()
    used = turn.gold
    if used is None or grounding == "made":
        used = tuple(fact.index for fact in gold_knowledge(turn.text, dialogue.facts[turn.speaker], "ru"))
    return tuple(f"persona/{index}" for index in used)
