"""Conversations in one SQLite file, safe against a kill at any moment. Knows nothing of what a conversation is.

What is written is on the disk when the call returns (WAL, synchronous FULL). The file is for its owner's eyes alone.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

_VERSION = 1
_TABLE = """
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY,
    created REAL NOT NULL,
    changed REAL NOT NULL,
    revision INTEGER NOT NULL,
    about TEXT NOT NULL,
    state TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX IF NOT EXISTS by_change ON conversations (changed DESC, id);
"""


@dataclasses.dataclass(frozen=True)
class Kept:
    """A conversation as it is kept: ``state`` is all of it, ``about`` what a list of many shows.

    ``created`` and ``changed`` in seconds since 1970; ``revision`` counts changes from 1.
    """

    id: str
    created: float
    changed: float
    revision: int
    about: dict[str, Any]
    state: dict[str, Any]


class ChatFile:
    """Opens the file, or makes it. May be used by several threads and processes.

    Raises:
      ValueError: the file is none of ours.
      OSError: it cannot be opened or made.
    """

    MARK: ClassVar[int] = 0x70657266
    """Tells our files from other SQLite files, and one kind of ours from another."""
    KIND: ClassVar[str] = "conversations"

    def __init__(self, path: pathlib.Path, read_only: bool = False):
        self.path, self._lock = path, threading.Lock()
        if read_only and not path.is_file():
            raise FileNotFoundError(f"{path}: no conversations there; `persona_tf serve` keeps them in such a file")
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
        self._connection = sqlite3.connect(uri, uri=True, timeout=10, isolation_level=None, check_same_thread=False)
        try:
            self._prepare(read_only)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            if isinstance(error, sqlite3.OperationalError):
                raise OSError(f"{path}: cannot be opened: {error}") from error
            raise ValueError(f"{path}: no file of {self.KIND} ({error}); name another with --chat_file") from error

    def _prepare(self, read_only: bool) -> None:
        [application] = self._connection.execute("PRAGMA application_id").fetchone()
        [version] = self._connection.execute("PRAGMA user_version").fetchone()
        is_new = not self._connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        if not is_new and (application, version) != (self.MARK, _VERSION):
            raise sqlite3.DatabaseError(f"another kind of file, or of version {version} where {_VERSION} is expected")
        if read_only:
            return
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        if is_new:
            marks = f"PRAGMA application_id={self.MARK}; PRAGMA user_version={_VERSION};"
            self._connection.executescript(f"BEGIN IMMEDIATE; {marks} {_TABLE} COMMIT;")

    def close(self) -> None:
        """Folds the log into the file."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def add(self, name: str, about: Mapping[str, Any], state: Mapping[str, Any]) -> Kept:
        """Keeps a new conversation; raises a ValueError if the name is taken."""
        now = time.time()
        row = (name, now, now, 1, _text(about), _text(state))
        try:
            self._write("INSERT INTO conversations VALUES (?, ?, ?, ?, ?, ?)", row)
        except sqlite3.IntegrityError as error:
            raise ValueError(f"there is a conversation {name} already") from error
        return Kept(name, now, now, 1, dict(about), dict(state))

    def save(self, kept: Kept, about: Mapping[str, Any], state: Mapping[str, Any]) -> Kept | None:
        """Keeps a change of what was read; None: it was changed by someone else since, or deleted."""
        now = time.time()
        done = self._write(
            "UPDATE conversations SET changed = ?, revision = revision + 1, about = ?, state = ? "
            "WHERE id = ? AND revision = ?",
            (now, _text(about), _text(state), kept.id, kept.revision),
        )
        return Kept(kept.id, kept.created, now, kept.revision + 1, dict(about), dict(state)) if done else None

    def get(self, name: str) -> Kept | None:
        """The conversation of that name."""
        rows = self._read("SELECT * FROM conversations WHERE id = ?", (name,))
        return _kept(rows[0]) if rows else None

    def newest(self, count: int, skip: int = 0) -> list[Kept]:
        """Those that were changed last, without their states; -1: all."""
        rows = self._read(
            "SELECT id, created, changed, revision, about, '{}' FROM conversations ORDER BY changed DESC, id "
            "LIMIT ? OFFSET ?",
            (count, skip),
        )
        return [_kept(row) for row in rows]

    def count(self) -> int:
        """How many there are."""
        return self._read("SELECT COUNT(*) FROM conversations")[0][0]

    def delete(self, name: str) -> bool:
        """Forgets a conversation; False: there was none."""
        return bool(self._write("DELETE FROM conversations WHERE id = ?", (name,)))

    def all(self) -> Iterator[Kept]:
        """All of them, in the order of their names; what is added meanwhile may be missed."""
        last = ""
        while rows := self._read("SELECT * FROM conversations WHERE id > ? ORDER BY id LIMIT 100", (last,)):
            yield from map(_kept, rows)
            last = rows[-1][0]

    def _write(self, statement: str, values: tuple) -> int:
        """How many rows it changed; raises an OSError where nothing can be written."""
        try:
            with self._lock:
                return self._connection.execute(statement, values).rowcount
        except sqlite3.OperationalError as error:
            raise OSError(f"{self.path}: cannot be written: {error}") from error

    def _read(self, statement: str, values: tuple = ()) -> list[tuple]:
        try:
            with self._lock:
                return self._connection.execute(statement, values).fetchall()
        except sqlite3.OperationalError as error:
            raise OSError(f"{self.path}: cannot be read: {error}") from error


def _kept(row: tuple) -> Kept:
    name, created, changed, revision, about, state = row
    return Kept(name, created, changed, revision, json.loads(about), json.loads(state))


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
