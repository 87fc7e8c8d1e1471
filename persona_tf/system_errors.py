"""What the system refuses, in words: where, why, and what can be done."""

import errno
import os
from collections.abc import Mapping, Sequence

REMEDIES: Mapping[int, str] = {
    errno.ENOSPC: "Make room on that disk, then type the same again",
    errno.EDQUOT: "Make room below your quota, then type the same again",
    errno.EACCES: "Change its permissions (ls -ld shows them)",
    errno.EPERM: "Change its permissions (ls -ld shows them)",
    errno.EROFS: "That disk can only be read: make it writable",
    errno.ENOTDIR: "A part of that path is a file where a folder should be: move it away",
    errno.EEXIST: "A part of that path is a file where a folder should be: move it away",
    errno.EISDIR: "A folder is there where a file should be: move it away",
    errno.ENAMETOOLONG: "Take a shorter name",
    errno.ENOENT: "Look whether that path is right",
}
"""What to do where the system refuses."""

PLACES = {"run": "RUN= (--run)", "runs": "--runs", "data_dir": "DATA_DIR= (--data_dir)", "out": "--out"}
"""The flags that say where things go, as `make` and the verbs take them."""


def explained(error: Exception, flags: Sequence[str]) -> str:
    """The error's message; where the system refused something, with the path and what can be done.

    Args:
      error: what was raised.
      flags: those that the verb takes; of `PLACES`, they are proposed.
    """
    if not isinstance(error, OSError) or not error.errno:
        return str(error)
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    todo = REMEDIES.get(error.errno)
    if todo is None:
        return f"{where}{error.strerror}"
    places = " or ".join(place for flag, place in PLACES.items() if flag in flags)
    return f"{where}{error.strerror}. {todo}{f', or choose another place with {places}' if places else ''}"
