"""Episodes as JSON lines, one a line; gzip by the ending ``.gz``."""

import contextlib
import gzip
import io
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from persona_tf.atomic_file import atomic_file
from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.episode import Episode


def write_episodes(path: Path, episodes: Iterable[Episode]) -> int:
    """Writes all episodes, or leaves what stood at ``path`` untouched. Returns how many were written.

    The lines go to a temporary file in the same folder, which takes the place of ``path`` at the end.
    The same episodes give the same bytes.
    """
    count = 0
    with atomic_file(path) as raw, _text_writer(raw, path.suffix == ".gz") as file:
        for episode in episodes:
            file.write(json.dumps(episode.to_json(), ensure_ascii=False, separators=(",", ":")) + "\n")
            count += 1
    return count


def read_episodes(path: Path) -> Iterator[Episode]:
    """Reads what `write_episodes` wrote.

    Raises:
      MissingFileError: no such file.
      DataError: a truncated or garbled file, a line that is no JSON or no episode; with file and line.
    """
    if not path.is_file():
        raise MissingFileError(
            f"{path} is missing. Write it with `persona_tf data prepare SOURCE`, or `data export-chats FILE`."
        )
    number = 0
    with path.open("rb") as raw:
        lines = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        while True:
            try:
                line = lines.readline()
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise DataError(f"{path}: the gzip stream is broken after line {number}: {error}. {_AGAIN}") from error
            if not line:
                return
            number += 1
            if line.strip():
                yield _episode(line, path, number)


_AGAIN = "Delete the file and prepare it again."


def _episode(line: bytes, path: Path, number: int) -> Episode:
    try:
        data = json.loads(line)
    except ValueError as error:
        cut = "" if line.endswith(b"\n") else " (the last line is cut off)"
        raise DataError(f"{path}:{number}: expected one JSON object a line{cut}: {error}. {_AGAIN}") from error
    try:
        return Episode.from_json(data)
    except KeyError as error:
        raise DataError(f"{path}:{number}: no episode: key {error} is missing. {_AGAIN}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise DataError(f"{path}:{number}: no episode: {error}. {_AGAIN}") from error


@contextlib.contextmanager
def _text_writer(raw: IO[bytes], compress: bool) -> Iterator[io.TextIOWrapper]:
    # mtime=0 and no name inside: the same episodes give the same bytes.
    binary = gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=1) if compress else raw
    text = io.TextIOWrapper(binary, encoding="utf-8", newline="\n")
    yield text
    text.flush()
    text.detach()
    if compress:
        binary.close()
