"""Whether anybody else used the processor meanwhile. Known on Linux only; elsewhere all is taken for quiet."""

import os
import pathlib

_ALL = pathlib.Path("/proc/stat")
_LEAST_S = 0.03
_SHARE = 0.1


def others_s(pid: int) -> float:
    """Seconds of processor time, all cores, that everyone but the process ``pid`` has used since the machine began."""
    own = pathlib.Path(f"/proc/{pid}/stat")
    if not own.exists():
        return 0.0
    # cpu user nice system idle iowait irq softirq steal ...
    user, nice, system, _, _, irq, softirq, steal = map(int, _ALL.read_text(encoding="ascii").split()[1:9])
    # After the name in brackets, from the state: fields 12 and 13 are user and system time.
    fields = own.read_text(encoding="utf-8").rpartition(")")[2].split()
    ticks = user + nice + system + irq + softirq + steal - int(fields[11]) - int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def disturbed(others_used_s: float, took_s: float) -> bool:
    """Whether others took more than a tenth of two cores while something took ``took_s``; short ones up to 30 ms."""
    return others_used_s > max(_LEAST_S, 2 * _SHARE * took_s)
