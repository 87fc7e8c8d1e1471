"""The candidates among which a bot finds the true reply: the file's own, or replies of the same split."""

import dataclasses
import random
from collections.abc import Mapping, Sequence
from typing import Any

from persona_tf.evaluation.metrics.words import normalise
from persona_tf.example import Example


@dataclasses.dataclass(frozen=True)
class Ranked:
    """Candidates of one reply, the true one among them, and what the model thinks of each.

    ``nats`` of each, END counted, over ``tokens``. Field of a line of predictions: ``ranked``.
    """

    candidates: tuple[str, ...]
    nats: tuple[float, ...]
    tokens: tuple[int, ...]

    def __post_init__(self) -> None:
        if not len(self.candidates) == len(self.nats) == len(self.tokens):
            raise ValueError(
                f"ranked: expected nats and tokens of each candidate, got {len(self.candidates)} candidates, "
                f"{len(self.nats)} nats, {len(self.tokens)} tokens"
            )

    def to_json(self) -> dict[str, list[Any]]:
        """As a dict of lists."""
        return {"candidates": list(self.candidates), "nats": list(self.nats), "tokens": list(self.tokens)}

    @classmethod
    def from_json(cls, data: Mapping[str, Sequence[Any]]) -> "Ranked":
        """The inverse of `to_json`; raises ValueError where the lists are not of one length."""
        return cls(tuple(data["candidates"]), tuple(data["nats"]), tuple(data["tokens"]))


def draw_candidates(singles: Sequence[Example], count: int, seed: int = 0) -> list[tuple[str, ...]]:
    """The candidates of each example's one target, in an order that tells nothing.

    Those that came with the data, where the true reply is among them; else the true reply and ``count`` - 1 other
    replies that stand in ``singles``, all different after normalising, none by the same dialogue where there are
    enough others. () for a target without a reply. Each draw is seeded by the target, so that it does not depend on
    what else is evaluated but for the replies that there are.

    Args:
      singles: of one target each, a whole split.
      count: 20 as a rule.
      seed: of the draws.
    """
    pool: dict[str, tuple[str, str]] = {}
    for example in singles:
        if reply := example.targets[0].reply:
            pool.setdefault(normalise(reply), (reply, example.id))
    replies = list(pool.values())
    return [_of_one(example, replies, count, seed) for example in singles]


def _of_one(example: Example, pool: Sequence[tuple[str, str]], count: int, seed: int) -> tuple[str, ...]:
    [target] = example.targets
    if not target.reply:
        return ()
    rng = random.Random(f"candidates {seed} {example.id}/{target.turn}")
    own = list(target.candidates)
    if target.reply not in own:
        own = [target.reply, *_strangers(example, pool, count - 1, rng)]
    # The true one stands last in some files.
    rng.shuffle(own)
    return tuple(own)


def _strangers(example: Example, pool: Sequence[tuple[str, str]], count: int, rng: random.Random) -> list[str]:
    """Drawn one after the other: what is left out is seldom met in a large pool."""
    true = normalise(example.targets[0].reply)
    order = rng.sample(range(len(pool)), min(len(pool), 4 * count + 20))
    others = [pool[i] for i in order if normalise(pool[i][0]) != true]
    others.sort(key=lambda pair: pair[1] == example.id)
    return [reply for reply, _ in others[:count]]
