"""How large the whole numbers of int8 may be where this processor multiplies them."""

import functools
import pathlib
import platform

_ADDS_IN_32_BITS = {"avx512_vnni", "avx_vnni", "amx_int8"}


@functools.cache
def largest(cpuinfo: pathlib.Path = pathlib.Path("/proc/cpuinfo"), machine: str = platform.machine()) -> int:
    """127, or 63 where ONNX Runtime adds up two products of uint8 and int8 in 16 bits, which 127 overflows.

    So it does on x86 without VNNI instructions; one bit less keeps the sums right (its documentation calls that
    ``reduce_range``). Where the processor is not known the smaller number is safe.
    """
    if machine.lower() not in ("x86_64", "amd64", "i686"):
        return 127
    try:
        flags = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    except OSError:  # not Linux
        flags = set()
    return 127 if flags & _ADDS_IN_32_BITS else 63
