"""The facts of any number of conversations in one SQLite file. Knows no encoder: vectors are bytes to it.

Beside its facts each has notes, in an order: texts of whoever must know later where its facts came from.

A change that was acknowledged is on the disk (write-ahead log, ``synchronous=FULL``): it outlives a kill at any moment
and a power cut. A change is there as a whole or not at all. Several programs may have the file open: each change of a
conversation gives it another *revision*, by which the others see that what they hold is old.

What is no such file is never written to. A file that is damaged is refused rather than repaired.
"""

import contextlib
import errno
import os
import pathlib
import sqlite3
import threading
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from persona_tf.retrieval.memory.facts import KnownFact, NewFact, clean

FORMAT = 1
_APPLICATION = 0x50544D46  # "PTMF"
_SCHEMA = (
    "CREATE TABLE sessions (id TEXT PRIMARY KEY, encoder TEXT NOT NULL, revision INTEGER NOT NULL,"
    " next INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE facts (session TEXT NOT NULL REFERENCES sessions(id), number INTEGER NOT NULL,"
    " place INTEGER NOT NULL, owner TEXT NOT NULL, source TEXT NOT NULL, turn INTEGER NOT NULL,"
    " pinned INTEGER NOT NULL, slot TEXT NOT NULL, value TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL,"
    " PRIMARY KEY (session, number)) WITHOUT ROWID",
)
_NOTES = (
    "CREATE TABLE IF NOT EXISTS notes (session TEXT NOT NULL, place INTEGER NOT NULL, text TEXT NOT NULL,"
    " PRIMARY KEY (session, place)) WITHOUT ROWID"
)
"""Not in files of before there were notes, which are of the same format otherwise."""


class StoredFact(NamedTuple):
    """A fact with its vector's bytes (float32), and its place in the order in which facts were added or edited."""

    fact: KnownFact
    place: int
    vector: bytes


class SessionState(NamedTuple):
    """All but the facts of a conversation: its encoder's fingerprint, its revision, and the next free number."""

    encoder: str = ""
    revision: int = 0
    next: int = 1


class FactStore:
    """An open file; a context manager that closes it.

    Args:
      path: the file; it is made if it is not there. None: in the memory of this program alone.
      timeout_s: how long to wait for another program that is writing.

    Raises:
      FileNotFoundError: its folder is not there.
      ValueError: the file is no store, damaged or of another version; it stays as it is.
      TimeoutError: another program keeps it locked.
      OSError: it cannot be read or written.
    """

    def __init__(self, path: str | os.PathLike[str] | None, timeout_s: float = 5.0):
        self.path = None if path is None else pathlib.Path(path)
        self.lock = threading.RLock()
        if self.path is not None:
            _make(self.path)
        with self._explained():
            self._database = _connect(self.path, timeout_s)
        try:
            with self._explained():
                if self.path is None:
                    _lay_out(self._database)
                self._check()
                self._database.execute("PRAGMA synchronous = FULL")
                if not self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'notes'").fetchone():
                    self._database.execute(_NOTES)
        except BaseException:
            self._database.close()
            raise

    def __enter__(self) -> "FactStore":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the file; what was acknowledged is in it anyway."""
        with self.lock:
            self._database.close()

    def sessions(self) -> list[str]:
        """The names of all conversations that hold or held facts."""
        with self.lock, self._explained():
            return [name for (name,) in self._database.execute("SELECT id FROM sessions ORDER BY id")]

    def forget(self, session: str) -> None:
        """Removes a conversation with all of its facts; nothing happens if there is none."""
        with self.writing():
            for table, column in (("facts", "session"), ("notes", "session"), ("sessions", "id")):
                self._database.execute(f"DELETE FROM {table} WHERE {column} = ?", (clean(session),))

    def state(self, session: str) -> SessionState:
        """What is known of a conversation; of a new one, the defaults."""
        with self.lock, self._explained():
            found = self._database.execute("SELECT encoder, revision, next FROM sessions WHERE id = ?", (session,))
            return next((SessionState(*row) for row in found), SessionState())

    def facts(self, session: str, dimensions: int | None = None) -> list[StoredFact]:
        """All facts of a conversation, in the order in which they were added or last edited.

        Raises:
          ValueError: one of them is none, or its vector has not as many dimensions as are said.
        """
        columns = "text, owner, source, turn, pinned, slot, value, number, place, vector"
        with self.lock, self._explained():
            rows = self._database.execute(f"SELECT {columns} FROM facts WHERE session = ? ORDER BY place", (session,))
            return [self._stored(session, row, dimensions) for row in rows]

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """What is changed inside is written at its end, or not at all if it raises. Other programs wait meanwhile.

        Raises:
          TimeoutError: another program keeps the file locked.
          OSError: it cannot be written: the disk is full, for one.
        """
        with self.lock, self._explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise

    def change(self, session: str, state: SessionState, put: Sequence[StoredFact], removed: Collection[int]) -> None:
        """Puts facts, in the place of those of the same number, and removes others. To be called inside `writing`."""
        self._database.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?)", (session, *state))
        gone = [(session, number) for number in removed]
        self._database.executemany("DELETE FROM facts WHERE session = ? AND number = ?", gone)
        rows = [(session, f.number, p, *_columns(f), vector) for f, p, vector in put]
        self._database.executemany(f"INSERT OR REPLACE INTO facts VALUES ({', '.join('?' * 11)})", rows)

    def notes(self, session: str) -> list[str]:
        """What was noted of a conversation, the oldest first."""
        with self.lock, self._explained():
            rows = self._database.execute("SELECT text FROM notes WHERE session = ? ORDER BY place", (session,))
            return [text for (text,) in rows]

    def note(self, session: str, place: int, text: str | None) -> None:
        """Puts a note at a place; None: takes away what is noted there and behind. To be called inside `writing`."""
        if text is None:
            self._database.execute("DELETE FROM notes WHERE session = ? AND place >= ?", (session, place))
        else:
            self._database.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (session, place, text))

    def _check(self) -> None:
        [application] = self._database.execute("PRAGMA application_id").fetchone()
        [version] = self._database.execute("PRAGMA user_version").fetchone()
        if application != _APPLICATION:
            raise ValueError(f"{self.path}: is a database of something else, not of facts. {_ANOTHER}")
        if version != FORMAT:
            raise ValueError(
                f"{self.path}: format {version}, this version reads format {FORMAT}: open it with the version that "
                f"wrote it, or take another path"
            )
        found = [row[0] for row in self._database.execute("PRAGMA quick_check(3)")]
        if found != ["ok"]:
            raise ValueError(f"{self.path}: the database is damaged ({' '.join('; '.join(found).split())}). {_RECOVER}")

    def _stored(self, session: str, row: tuple, dimensions: int | None) -> StoredFact:
        text, owner, source, turn, pinned, slot, value, number, place, vector = row
        try:
            fact = KnownFact(text, owner, source, turn, bool(pinned), slot, value, number)
            if dimensions is not None and len(vector) != 4 * dimensions:
                raise ValueError(f"expected a vector of {4 * dimensions} bytes, got {len(vector)}")
        except ValueError as error:
            where = f"{self.path}: session {session!r}, fact {number}"
            raise ValueError(f"{where}: {error}. {_RECOVER}") from error
        return StoredFact(fact, place, vector)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        """What SQLite says, as the errors that the house raises."""
        try:
            yield
        except sqlite3.Error as error:
            raise _house_error(error, self.path) from error


_ANOTHER = "Nothing was written to it: move it away, or take another path"
_RECOVER = "Nothing was written to it: bring back a copy, or try `sqlite3 FILE .recover` and move it away"


def _make(path: pathlib.Path) -> None:
    """Makes an empty store where no file is. It is laid out under another name, so that it is never there in part."""
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "the folder for the facts is not there: make it first", str(path.parent))
    if path.exists():
        return
    new = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        new.unlink(missing_ok=True)
        with contextlib.closing(_connect(new, 5.0)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            _lay_out(database)
        _give_name(new, path)
        _sync_folder(path.parent)
    except sqlite3.Error as error:
        raise _house_error(error, path) from error
    finally:
        for ending in ("", "-wal", "-shm"):
            pathlib.Path(f"{new}{ending}").unlink(missing_ok=True)


def _give_name(new: pathlib.Path, path: pathlib.Path) -> None:
    """Names a file without taking the place of another: if somebody else was quicker, theirs stays."""
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without links
        if not path.exists():
            os.rename(new, path)


def _lay_out(database: sqlite3.Connection) -> None:
    database.execute("BEGIN")
    for statement in (*_SCHEMA, _NOTES):
        database.execute(statement)
    database.execute(f"PRAGMA application_id = {_APPLICATION}")
    database.execute(f"PRAGMA user_version = {FORMAT}")
    database.execute("COMMIT")


def _connect(path: pathlib.Path | None, timeout_s: float) -> sqlite3.Connection:
    # Without a level of isolation the module begins no transactions of its own. `FactStore.lock` keeps threads apart.
    return sqlite3.connect(path or ":memory:", timeout_s, isolation_level=None, check_same_thread=False)


def _sync_folder(folder: pathlib.Path) -> None:
    """A new name outlives a power cut once its folder is on the disk."""
    with contextlib.suppress(OSError):  # not every system opens folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _columns(fact: NewFact) -> tuple:
    return fact.owner, fact.source, fact.turn, int(fact.pinned), fact.slot, fact.value, fact.text


def _house_error(error: sqlite3.Error, path: pathlib.Path | None) -> Exception:
    if isinstance(error, sqlite3.ProgrammingError):
        return ValueError(f"{path}: this store was closed: open it again ({error})")
    # The lowest byte is the kind of error, what is above it says more.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return TimeoutError(
            errno.EAGAIN,
            "another program keeps these facts locked; nothing was changed: close it, or try again",
            str(path),
        )
    if code == sqlite3.SQLITE_NOTADB:
        return ValueError(f"{path}: is no SQLite database ({error}). {_ANOTHER}")
    if code == sqlite3.SQLITE_CORRUPT or "no such table" in str(error):
        return ValueError(f"{path}: the database is damaged ({error}). {_RECOVER}")
    if code == sqlite3.SQLITE_FULL:
        return OSError(errno.ENOSPC, "the disk is full; nothing was changed: make room and try again", str(path))
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return PermissionError(errno.EACCES, f"the facts cannot be opened or written ({error})", str(path))
    return OSError(errno.EIO, f"the facts cannot be read or written ({error})", str(path))
