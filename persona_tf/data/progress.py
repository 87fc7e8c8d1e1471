"""How far a download, a generator or a loop is: as lines, or as a bar."""

import sys
import time
from collections.abc import Callable
from typing import Any

import tqdm

Progress = Callable[[int, int | None], None]
"""Called with how much is done and, if known, how much there will be."""


class ProgressLine:
    """Turns counts into a line at most every ``every_s`` seconds, and once at the end.

    >>> line = ProgressLine(print, "light_data.pkl", unit="MB", per_unit=1_000_000, every_s=0)
    >>> line(2_500_000, 10_000_000)
    light_data.pkl: 2.5 of 10.0 MB (25 %)
    """

    def __init__(
        self,
        say: Callable[[str], None],
        name: str,
        unit: str = "",
        per_unit: int = 1,
        every_s: float = 1.0,
    ) -> None:
        self._say, self._name, self._unit = say, name, unit
        self._per_unit, self._every_s, self._last_s = per_unit, every_s, -1e9

    def __call__(self, done: int, total: int | None) -> None:
        """Says how much is done, of how much if that is known."""
        now = time.monotonic()
        if now - self._last_s < self._every_s and done != total:
            return
        self._last_s = now
        line = f"{self._name}: {self._figure(done)}"
        if total:
            line += f" of {self._figure(total)}"
        line += f" {self._unit}".rstrip()
        self._say(f"{line} ({100 * done // total} %)" if total else line)

    def _figure(self, count: int) -> str:
        return f"{count:,}" if self._per_unit == 1 else f"{count / self._per_unit:,.1f}"


def progress_bar(**given: Any) -> tqdm.tqdm:
    """A bar on standard error, redrawn often on a terminal and seldom in a file; ``given`` goes to tqdm."""
    quick = sys.stderr.isatty()
    return tqdm.tqdm(mininterval=0.5 if quick else 20, dynamic_ncols=quick, ascii=not quick, **given)


def to_stderr(line: str) -> None:
    """Prints a line where progress belongs."""
    print(line, file=sys.stderr, flush=True)
