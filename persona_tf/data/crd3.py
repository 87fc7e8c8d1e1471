"""CRD3 -> Episode: what people say while they play Dungeons & Dragons, the largest fantasy speech there is.

Rameshkumar and Bailey 2020, ACL 2020.acl-main.459. One turn a line, sessions in order, compressed by gzip:

    {"episode": "C1E001", "turn": 0, "speakers": ["MATT"], "text": "Hello everyone."}

Eight people sit at the table, an Episode has two characters. So a session is cut where a third one speaks: a dialogue
is a longest stretch in which two speak, and the turn in which one stretch ends may begin the next one. Turns in a row
of one person are joined; what several say at once ends a stretch. Characters are named as the file names the players;
what they are in the game it does not say. There are no personas and no setting; both learn.

The splits are ours, by session (a tenth each is valid and test): see `toloka_splits.split_of`.
"""

import gzip
import itertools
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from persona_tf.data.errors import DataError
from persona_tf.data.skips import Skips
from persona_tf.data.source_file import SourceFile
from persona_tf.data.toloka_splits import SPLITS, split_of
from persona_tf.episode import Character, Episode, Turn

FILE = SourceFile("crd3/crd3_turns.jsonl.gz")
"""Nobody publishes the file in this form."""
TOGETHER = "ALL"

Said = tuple[str, str]
"""Who, "" for several at once, and what."""


def read_crd3(split: str, data_dir: Path, *, least: int = 4, skips: Skips | None = None) -> Iterator[Episode]:
    """Reads a split of ``DATA_DIR/crd3/crd3_turns.jsonl.gz``.

    Args:
      split: ``train``, ``valid`` or ``test``.
      data_dir: holds ``crd3/``.
      least: the shortest dialogue, in turns. Of 4 and more there are 31,000 with 193,000 turns, of 3 and more 75,000
        with 325,000; with 2 nearly every turn is in one, some in two.
      skips: receives bad lines; without it they are logged.

    Raises:
      MissingFileError, DataError: the file is missing or broken, or holds no dialogue of the split; an unknown split or
        value of an option.
    """
    if split not in SPLITS:
        raise DataError(f"crd3: split must be one of {SPLITS}, got {split!r}")
    if type(least) is not int or least < 2:
        raise DataError(f"crd3: least must be a whole number of 2 or more, got {least!r}")
    own_skips = Skips() if skips is None else skips
    path = FILE.require(data_dir)
    read = 0
    for session, lines in itertools.groupby(_lines(path, own_skips), key=lambda line: line[0]):
        if split_of(f"crd3/{session}") != split:
            continue
        for number, stretch in enumerate(stretches(joined(said for _, said in lines), least)):
            yield _episode(f"crd3/{session}/{number}", stretch)
            read += 1
    if not read:
        raise DataError(f"{path}: no dialogue of split {split!r}. {own_skips.report()}".rstrip())
    if skips is None:
        own_skips.log()


def joined(said: Iterable[Said]) -> Iterator[Said]:
    """Turns in a row of one person as one, with a blank between.

    >>> list(joined([("a", "Well."), ("a", "Yes."), ("b", "No."), ("", "Oh!"), ("", "Ah!")]))
    [('a', 'Well. Yes.'), ('b', 'No.'), ('', 'Oh!'), ('', 'Ah!')]
    """
    for who, turns in itertools.groupby(said, key=lambda turn: turn[0]):
        if who:
            yield who, " ".join(text for _, text in turns)
        else:
            yield from turns


def stretches(said: Iterable[Said], least: int) -> Iterator[list[Said]]:
    """The longest stretches in which two speak, of ``least`` turns or more.

    >>> talk = [(who, "") for who in ["a", "b", "a", "c", "a", "", "b", "c"]]
    >>> ["".join(who for who, _ in stretch) for stretch in stretches(talk, 2)]
    ['aba', 'aca', 'bc']
    """
    stretch: list[Said] = []
    for turn in said:
        if not turn[0] or (turn[0] not in [who for who, _ in stretch[:2]] and len(stretch) > 1):
            if len(stretch) >= least:
                yield stretch
            # Whoever is answered by a third one said the first turn of the next stretch.
            stretch = stretch[-1:] if turn[0] else []
        if turn[0]:
            stretch.append(turn)
    if len(stretch) >= least:
        yield stretch


def _episode(id: str, stretch: list[Said]) -> Episode:
    names = [who for who, _ in stretch[:2]]
    turns = tuple(Turn(names.index(who), text) for who, text in stretch)
    one, other = (Character(name.title()) for name in names)
    return Episode(id, "crd3", None, (one, other), turns)


def _lines(path: Path, skips: Skips) -> Iterator[tuple[str, Said]]:
    with path.open("rb") as raw, gzip.GzipFile(fileobj=raw) as file:
        for number in itertools.count(1):
            try:
                line = file.readline()
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                where = f"{path}: the gzip stream is broken after line {number - 1}: {error}"
                raise DataError(f"{where}. Move the file away and get it again.") from error
            if not line:
                return
            try:
                turn = _turn(line)
            except ValueError as error:
                skips.add(f"{path}:{number}", str(error))
                continue
            if turn[1][1]:
                yield turn


def _turn(line: bytes) -> tuple[str, Said]:
    data: Any = json.loads(line)
    kinds = {"episode": str, "speakers": list, "text": str}
    for key, kind in kinds.items():
        if not isinstance(data, dict) or not isinstance(data.get(key), kind):
            raise ValueError(f"expected an object with the keys {', '.join(kinds)}, got {str(data)[:40]!r}")
    speakers = data["speakers"]
    if not speakers or not all(isinstance(name, str) and name for name in speakers):
        raise ValueError(f"key speakers: expected names, got {speakers!r}")
    alone = len(speakers) == 1 and speakers[0] != TOGETHER
    return data["episode"], (speakers[0] if alone else "", " ".join(data["text"].split()))
