"""The table of what was taken, what is new and what was left. Pure Python."""

import dataclasses
import math
import re

STATES = ("taken", "new", "left")
_NUMBER = re.compile(r"layer_\d+")


@dataclasses.dataclass(frozen=True)
class Line:
    """One weight: its path, shape, state (of `STATES`), where it is from or why it is not, and its sources."""

    path: str
    shape: tuple[int, ...]
    state: str
    about: str
    theirs: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Report:
    """What became of each weight of a model and of its presets."""

    lines: tuple[Line, ...]

    def count(self, state: str) -> int:
        """How many numbers the weights of a state hold."""
        return sum(math.prod(line.shape) for line in self.lines if line.state == state)

    @property
    def summary(self) -> str:
        """One sentence."""
        taken, new, left = (f"{self.count(state):,}" for state in STATES)
        return f"{taken} of the weights begin as those of others, {new} are new; {left} of theirs were left."

    @property
    def markdown(self) -> str:
        """The table, layers of one kind in one line."""
        groups: dict[tuple, int] = {}
        for line in self.lines:
            path, about = (_NUMBER.sub("layer_*", text) for text in (line.path, line.about))
            key = (line.state, path, line.shape, about)
            groups[key] = groups.get(key, 0) + 1
        rows = ["| weight | shape | | from, or why |", "|---|---|---|---|"]
        for state in STATES:
            for (of, path, shape, about), times in groups.items():
                if of == state:
                    shown = " x ".join(f"{length:,}" for length in shape) or "1"
                    rows.append(f"| {path}{f', {times} times' * (times > 1)} | {shown} | {state} | {about} |")
        return "\n".join([self.summary, "", *rows, ""])
