"""Resident memory of this process, in MB (10^6 bytes). Exact on Linux."""

import pathlib
import re
import resource
import sys

_STATUS = pathlib.Path("/proc/self/status")
_CLEAR = pathlib.Path("/proc/self/clear_refs")


def forget_peak() -> None:
    """Lets `peak_mb` begin again from now, where the system can (Linux)."""
    if _CLEAR.exists():
        _CLEAR.write_text("5", encoding="ascii")


def peak_mb() -> float:
    """The most that was resident since `forget_peak`; elsewhere than on Linux since the process began."""
    if _STATUS.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text(encoding="ascii"))
        if found:
            return int(found.group(1)) * 1024 / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
