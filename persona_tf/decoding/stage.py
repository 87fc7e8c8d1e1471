"""The stages that a target goes through."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Stage:
    """A part of the target: ended by the token ``stop``, which comes after ``max_tokens`` tokens at the latest.

    ``marks``: special tokens that may stand among its words.
    """

    stop: int
    max_tokens: int
    min_tokens: int = 0
    marks: tuple[int, ...] = ()


def length(stages: tuple[Stage, ...]) -> int:
    """The most tokens that can be written, stops included."""
    return sum(stage.max_tokens + 1 for stage in stages)
