"""What a bot is asked when many ask at once, and what it tells meanwhile. Pure Python."""

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from persona_tf.example import Example

if TYPE_CHECKING:
    from persona_tf.decoding.config import DecodeConfig


@dataclasses.dataclass(frozen=True)
class Ask:
    """A wish for one answer: an example with one target, the seed, and how words are chosen (None: as the bot does).

    ``told``: whether someone listens while the reply is written.
    """

    example: Example
    seed: int
    decode: "DecodeConfig | None" = None
    told: bool = True


@dataclasses.dataclass(frozen=True)
class FactsAsk:
    """A wish for facts, for each target of an example: see `Bot.extract` and `Bot.invent`."""

    example: Example
    task: Literal["extract", "invent"]


class Told(NamedTuple):
    """How far an answer has come: the reply so far (whole characters, "" where nobody listens), and whether it is done.

    ``answer`` gives it, an `Answer`; before it is done, what there is of it. It is to be called before the bot writes
    on. Of a `FactsAsk` it is the facts of each target, tuples of `OwnedFact`, and to be called when it is done.
    """

    text: str
    done: bool
    answer: Callable[[], Any]
