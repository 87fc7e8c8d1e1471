"""Updates that Telegram has handed over: on the disk until they are answered, and known when they come again.

A table of its own beside the conversations, in their file.
"""

import contextlib
import json
import pathlib
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

REMEMBERED_S = 48 * 3600.0
"""So long an update that was answered is known. Telegram keeps one that nobody fetches for 24 hours."""

_TABLE = """
CREATE TABLE IF NOT EXISTS telegram_updates (
    id INTEGER PRIMARY KEY,
    received REAL NOT NULL,
    body TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS telegram_by_time ON telegram_updates (received);
"""


class Inbox:
    """Opens the table, or makes it; the file must be there. May be used by several threads.

    Raises:
      OSError: it cannot be opened; so for all else here.
    """

    def __init__(self, path: pathlib.Path):
        self._path, self._lock = path, threading.Lock()
        with self._explained():
            self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.executescript(_TABLE)

    def close(self) -> None:
        """Nothing more is taken."""
        with self._lock, contextlib.suppress(sqlite3.Error):
            self._connection.close()

    def take(self, updates: Sequence[tuple[int, Mapping[str, Any]]]) -> list[int]:
        """Keeps updates, number and body, that were never here; returns the numbers of these, in their order."""
        now, new = time.time(), list[int]()
        with self._lock, self._explained(), self._at_once() as connection:
            for number, body in updates:
                row = (number, now, json.dumps(body, ensure_ascii=True))
                if connection.execute("INSERT OR IGNORE INTO telegram_updates VALUES (?, ?, ?)", row).rowcount:
                    new.append(number)
            connection.execute(
                "DELETE FROM telegram_updates WHERE body IS NULL AND received < ?", (now - REMEMBERED_S,)
            )
        return new

    def waiting(self) -> list[dict[str, Any]]:
        """The bodies of those that are not answered, oldest first."""
        with self._lock, self._explained():
            rows = self._connection.execute(
                "SELECT body FROM telegram_updates WHERE body IS NOT NULL ORDER BY received, id"
            )
            return [json.loads(body) for [body] in rows.fetchall()]

    def done(self, number: int) -> None:
        """The update is answered: its number is remembered, what it said is not."""
        with self._lock, self._explained():
            self._connection.execute("UPDATE telegram_updates SET body = NULL WHERE id = ?", (number,))

    @contextlib.contextmanager
    def _at_once(self) -> Iterator[sqlite3.Connection]:
        """All or nothing, on the disk when it is over."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise OSError(f"{self._path}: updates cannot be kept: {error}") from error
