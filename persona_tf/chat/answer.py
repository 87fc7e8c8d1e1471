"""What a bot says, does and shows. Pure Python: who only keeps or shows answers needs no TensorFlow."""

import dataclasses
from typing import Final, Literal

MARKED: Final = "marked"
BLOCKED: Final = "blocked"
Offence = Literal["", "marked", "blocked"]
"""Of an answer: offensive words were found in it, or it stands in the place of one in which they were."""


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the bot says, does and shows; "" is nothing.

    ``leant_on``: share of the attention that went to each knowledge item and turn while reply and action were
    written, by key (``persona/2``, ``turn/5``), largest first. ``tokens``: how many were written; ``log_prob``: the
    sum of their log-probabilities. ``cut``: the reply may lack its end, as it was stopped or has all the tokens
    that it may have. ``offence``: see `Offence`.
    """

    reply: str
    action: str
    emote: str
    leant_on: dict[str, float]
    tokens: int
    log_prob: float = 0.0
    cut: bool = False
    offence: Offence = ""
