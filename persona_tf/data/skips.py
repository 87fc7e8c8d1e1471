"""Bad lines that a reader left out: counted, the first few kept for the report."""

import logging

_LOG = logging.getLogger(__name__)


class Skips:
    """Counts what a reader skipped.

    >>> skips = Skips()
    >>> skips.add("valid.txt:7", "no tab between the partner's words and the reply")
    >>> print(skips.report())
    1 skipped:
      valid.txt:7: no tab between the partner's words and the reply
    """

    def __init__(self, keep: int = 5) -> None:
        self.count = 0
        self.first: list[str] = []
        self._keep = keep

    def add(self, where: str, reason: str) -> None:
        """Counts one skip; ``where`` is a file with its line, or a key."""
        self.count += 1
        if len(self.first) < self._keep:
            self.first.append(f"{where}: {reason}")

    def report(self) -> str:
        """The count and the first few places, or "" when nothing was skipped."""
        if not self.count:
            return ""
        more = self.count - len(self.first)
        lines = [f"{self.count} skipped:", *(f"  {line}" for line in self.first)]
        return "\n".join(lines + ([f"  and {more} more"] if more else []))

    def log(self) -> None:
        """Warns through `logging` when anything was skipped."""
        if self.count:
            _LOG.warning("%s", self.report())
