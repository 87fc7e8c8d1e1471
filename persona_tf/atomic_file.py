"""Files that are complete or as they were: written beside their place, then renamed. Knows nothing of what they hold.

A kill, a full disk or an error in the middle harms no old file.
"""

import contextlib
import errno
import io
import os
import pathlib
from collections.abc import Iterator
from typing import BinaryIO, TextIO


@contextlib.contextmanager
def atomic_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Opens a file beside ``path`` for writing bytes, and puts it in its place at the end. Missing folders are made.

    Raises:
      OSError: it cannot be written; the message names ``path`` and says whether an old file is unharmed.
    """
    target = pathlib.Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # some file systems say only here that the disk is full
        os.replace(temporary, target)
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary), str(target.parent)):
            raise  # of something else that was read meanwhile
        was = "; the file that was there is unchanged" if target.is_file() else ""
        raise OSError(error.errno, f"cannot write ({error.strerror}){was}", str(target)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def atomic_text_file(path: str | os.PathLike[str]) -> Iterator[TextIO]:
    """`atomic_file` for text: UTF-8, line ends as written."""
    with atomic_file(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        yield text
        text.flush()
        text.detach()


def nearest(path: pathlib.Path) -> pathlib.Path:
    """The path, or where it is not there the nearest above it that is."""
    return next(part for part in (path, *path.absolute().parents) if os.path.lexists(part))


def check_writable(*folders: pathlib.Path) -> None:
    """Fails where files could not be written anyway, before the work that they are of; makes nothing.

    A folder may be missing: then it is asked whether it could be made.

    Raises:
      NotADirectoryError, PermissionError: the message names what is in the way.
    """
    for folder in folders:
        there = nearest(folder)
        if not there.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "expected a folder", str(there))
        if not os.access(there, os.W_OK | os.X_OK, effective_ids=os.access in os.supports_effective_ids):
            raise PermissionError(errno.EACCES, "nothing can be written there", str(there))


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Writes all of a file at once; see `atomic_file`."""
    with atomic_file(path) as file:
        file.write(content)
