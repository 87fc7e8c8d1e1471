"""A file that a user downloads: its place under DATA_DIR, its address, its hash."""

import dataclasses
import hashlib
import os
from pathlib import Path

from persona_tf.atomic_file import nearest
from persona_tf.data.errors import DataError, MissingFileError

DATA_DIR_VARIABLE = "PERSONA_TF_DATA_DIR"


def default_data_dir() -> Path:
    """DATA_DIR when no flag names it: the environment variable PERSONA_TF_DATA_DIR, else ``./data``."""
    return Path(os.environ.get(DATA_DIR_VARIABLE) or "data")


def checked_data_dir(path: Path) -> Path:
    """The same path, which need not exist yet.

    Raises:
      NotADirectoryError: it is a file, or lies below one.
    """
    there = nearest(path)
    if not there.is_dir():
        raise NotADirectoryError(
            f"the data are looked for in {path}: expected a folder, but {there} is none. "
            f"Name another with --data_dir or {DATA_DIR_VARIABLE}"
        )
    return path


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclasses.dataclass(frozen=True)
class SourceFile:
    """``name`` is the path below DATA_DIR; ``url`` and ``sha256`` may be "" when nobody publishes them."""

    name: str
    url: str = ""
    sha256: str = ""

    def path(self, data_dir: Path) -> Path:
        """Where the file belongs."""
        return data_dir / self.name

    def how_to_get(self, data_dir: Path) -> str:
        """The address, the hash and the place, as the next step of an error message."""
        source = self.name.split("/")[0]
        if not self.url:
            return f"Put it at {self.path(data_dir)}."
        return (
            f"Run `persona_tf data prepare {source}`, or fetch {self.url} (SHA-256 {self.sha256}) "
            f"and put it at {self.path(data_dir)}. Another folder: --data_dir or {DATA_DIR_VARIABLE}."
        )

    def require(self, data_dir: Path, check_hash: bool = True) -> Path:
        """The path of the file, known to exist and, with ``check_hash``, to be the published one.

        Raises:
          MissingFileError: it is not there.
          DataError: its hash is another, or ``check_hash`` is no boolean (the text "false" is none).
        """
        if not isinstance(check_hash, bool):
            raise DataError(f"option check_hash must be True or False, got {check_hash!r}")
        path = self.path(data_dir)
        if not path.is_file():
            raise MissingFileError(f"{path} is missing. {self.how_to_get(data_dir)}")
        if check_hash and self.sha256:
            found = sha256_of(path)
            if found != self.sha256:
                raise DataError(
                    f"{path}: expected SHA-256 {self.sha256}, found {found}: truncated, or not the published "
                    f"file. Move it away and download it again; for a file of your own in the same format, "
                    f"set the data option check_hash=False."
                )
        return path
