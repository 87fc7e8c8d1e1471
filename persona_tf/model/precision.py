"""Which precision this machine gains from."""

import pathlib

_FLAGS = {"amx_bf16", "avx512_bf16"}


def resolve_precision(precision: str, cpuinfo: pathlib.Path = pathlib.Path("/proc/cpuinfo")) -> str:
    """The precision that is meant: ``auto`` becomes ``mixed_bfloat16`` where a processor multiplies in bfloat16.

    Measured on two cores: 1.8 times as fast with AMX, slower than float32 on processors without such instructions.
    """
    if precision != "auto":
        return precision
    try:
        flags = set(cpuinfo.read_text(encoding="utf-8", errors="replace").split())
    except OSError:  # not Linux
        flags = set()
    return "mixed_bfloat16" if flags & _FLAGS else "float32"
