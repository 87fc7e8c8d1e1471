"""Keeps what native libraries chat on standard error from people: they know no log level of ours."""

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator

_show_everything = False


@contextlib.contextmanager
def everything_shown() -> Iterator[None]:
    """Inside, `without_lines` holds nothing back: where native code aborts, the line that says why is not lost."""
    global _show_everything
    before, _show_everything = _show_everything, True
    try:
        yield
    finally:
        _show_everything = before


@contextlib.contextmanager
def without_lines(pattern: bytes) -> Iterator[None]:
    """Leaves the lines that begin with ``pattern``, a regular expression, out of standard error.

    What is written to file descriptor 2 meanwhile, by whichever thread, is held back; all other lines follow at the
    end. If the body raises, every line does, since it may say why; if the process is aborted, none does, see
    `everything_shown`.
    """
    if _show_everything:
        yield
        return
    try:
        said, stderr = tempfile.TemporaryFile(), os.dup(2)  # noqa: SIM115  (closed below)
    except OSError:  # no standard error, or no room for a file
        said = None
    if said is None:
        yield
        return
    os.dup2(said.fileno(), 2)
    dropped = re.compile(pattern)
    try:
        yield
    except BaseException:
        dropped = re.compile(b"(?!)")  # no line
        raise
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        said.seek(0)
        shown = b"".join(line for line in said if not dropped.match(line))
        said.close()
        with contextlib.suppress(OSError):
            os.write(2, shown)


def tensorflow_quiet() -> contextlib.AbstractContextManager[None]:
    """For importing TensorFlow: it speaks before any setting of the log level is read."""
    return without_lines(b"")
