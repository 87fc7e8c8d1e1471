"""The candidates among which a bot finds the true reply: the file's own, or replies of the same split."""

import dataclasses
import random
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from persona_tf.evaluation.metrics.ranking import gold_indices
from persona_tf.evaluation.metrics.words import normalise
from persona_tf.example import Example


@dataclasses.dataclass(frozen=True)
class Ranked:
    """Candidates of one reply, the true one among them, and what the model thinks of each.

    ``nats`` of each, END counted, over ``tokens``: the field ``ranked`` of a line of predictions.

    Raises:
      ValueError: the three are not of one length.
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
    replies that stand in ``singles``, all different after normalising, none of the same dialogue where there are
    enough others. () for a target without a reply, and where there is no other reply. Each draw is seeded by the
    target, so that it depends on nothing else but the replies that there are.

    Args:
      singles: of one target each, a whole split.
      count: 20 as a rule.
      seed: of the draws.
    """
    pool: dict[str, _Reply] = {}
    for example in sorted(singles, key=lambda single: (single.id, single.targets[0].turn)):
        if reply := example.targets[0].reply:
            pool.setdefault(normalise(reply), _Reply(reply, example.episode_id))
    replies = list(pool.values())
    return [_of_one(example, replies, count, seed) for example in singles]


class _Reply(NamedTuple):
    """A reply, and the first dialogue in which it is said."""

    text: str
    episode_id: str


def _of_one(example: Example, pool: Sequence[_Reply], count: int, seed: int) -> tuple[str, ...]:
    [target] = example.targets
    if not target.reply:
        return ()
    rng = random.Random(f"candidates {seed} {example.id}/{target.turn}")
    own = list(target.candidates)
    if not gold_indices(own, target.reply):
        own = [target.reply, *_strangers(example, pool, count - 1, rng)]
    # The true one stands last in some files.
    rng.shuffle(own)
    # Alone it would be the best each time.
    return tuple(own) if len(own) > 1 else ()


def _strangers(example: Example, pool: Sequence[_Reply], count: int, rng: random.Random) -> list[str]:
    """More are drawn than are wanted, as some may say what the true one says or be of the same dialogue."""
    true = normalise(example.targets[0].reply)
    order = rng.sample(range(len(pool)), min(len(pool), 4 * count + 20))
    others = [pool[i] for i in order if normalise(pool[i].text) != true]
    others.sort(key=lambda reply: reply.episode_id == example.episode_id)
    return [reply.text for reply in others[:count]]
