"""Examples in which one thing is not true: a value is swapped or taken away, or persona, place or past are another's.

`changes` holds all that can be done to persona, setting and past at once. What the target answers,
the partner's last turn, stays in every one of them: without the question nobody could answer.
"""

import dataclasses
import functools
import itertools
import random
from collections.abc import Callable, Iterable, Mapping, Sequence

from persona_tf.evaluation.metrics.probes import holds
from persona_tf.example import PARTNER, Example, HistoryTurn, Item, with_texts, without

KINDS: Mapping[str, tuple[str, ...]] = {
    "persona": ("persona",),
    "setting": ("setting_name", "setting_description", "object", "present"),
}
"""The kinds of knowledge item that a source of answers consists of; the third source, the history, has turns."""


def swap_value(example: Example) -> Example | None:
    """The example of one target with its probe's counterfactual put in, or None when it has none."""
    probe = example.targets[0].probe
    if probe is None or probe.swap is None:
        return None
    return with_texts(example, {probe.swap.key: probe.swap.text})


def take_away_value(example: Example) -> Example | None:
    """The example of one target without anything that tells the answer to its probe.

    Gone are the items and turns that the target draws on, and all others that hold the value; the question stays.
    None where there is no probe or no value, or the question itself holds it.
    """
    [target] = example.targets
    value = target.probe.value if target.probe else ""
    before = past(example)
    asked = _heard(example)[len(before) :]
    if not value or any(_holds(turn, value) for turn in asked):
        return None
    told = {turn.key for turn in before if _holds(turn, value)}
    told |= {item.key for item in example.knowledge if holds(item.text, value)}
    return without(example, told | (set(target.grounding) - {turn.key for turn in asked}))


def draw_missing(singles: Sequence[Example], most: int, seed: int = 0) -> list[Example | None]:
    """`take_away_value` of at most so many probes of each source, drawn; None for all others.

    Each probe has its own seeded lot, so that the choice does not depend on the order.
    """
    by_source: dict[str, list[int]] = {}
    for i, example in enumerate(singles):
        if probe := example.targets[0].probe:
            by_source.setdefault(probe.source, []).append(i)
    found: list[Example | None] = [None] * len(singles)
    for places in by_source.values() if most else ():
        drawn = ((i, take_away_value(singles[i])) for i in sorted(places, key=lambda i: _lot(singles[i], seed)))
        for i, bare in itertools.islice((pair for pair in drawn if pair[1] is not None), most):
            found[i] = bare
    return found


def past(example: Example) -> tuple[HistoryTurn, ...]:
    """What was said before the turn that the example's one target answers: before the partner's last one."""
    heard = _heard(example)
    asked = [i for i, turn in enumerate(heard) if turn.who == PARTNER]
    return heard[: asked[-1]] if asked else heard


def changes(seed: int = 0) -> dict[str, tuple[bool, Callable[[Sequence[Example]], list[Example]]]]:
    """Name to whether the examples must have one target each, and what changes a whole split of them.

    Where an example has not what is to be changed, or no other has the like of it, it comes back equal to what it was.
    """
    return {
        "persona_shuffled": (False, lambda split: shuffle_source(split, "persona", seed)),
        "persona_missing": (False, lambda split: [_without_source(example, "persona") for example in split]),
        "setting_shuffled": (False, lambda split: shuffle_source(split, "setting", seed)),
        "setting_missing": (False, lambda split: [_without_source(example, "setting") for example in split]),
        "history_shuffled": (True, lambda split: shuffle_pasts(split, seed)),
        "history_missing": (True, lambda split: [without(e, (turn.key for turn in past(e))) for e in split]),
    }


def shuffle_source(examples: Sequence[Example], source: str, seed: int = 0) -> list[Example]:
    """Each example with the persona or setting of another dialogue of the split, with as many items of each kind.

    Nothing of it stays. Where no other dialogue has so many, all of them others, the items come from several. An
    example stays as it is, and equals itself, where it has none or the other dialogues have too few.

    Args:
      examples: of a whole split.
      source: one of `KINDS`.
      seed: of the choice.
    """
    rng = random.Random(f"shuffled {source}s {seed}")
    owned = [_Owned(example.episode_id, tuple(_items(example, source))) for example in examples]
    alike: dict[tuple[str, ...], list[_Owned]] = {}
    for own in owned:
        alike.setdefault(own.kinds, []).append(own)
    shuffled = []
    for example, own in zip(examples, owned, strict=True):
        others = [other for other in alike[own.kinds] if own.is_strange(other)]
        strange = rng.choice(others).items if others else _strangers(owned, own, rng)
        texts = {mine.key: other.text for mine, other in zip(own.items, strange, strict=False)}
        shuffled.append(with_texts(example, texts) if len(strange) == len(own.items) else example)
    return shuffled


def shuffle_pasts(singles: Sequence[Example], seed: int = 0) -> list[Example]:
    """Each example of one target with the `past` of another dialogue, in which the two took turns alike.

    Its turns stand in the places of the own ones. Where no other dialogue is as long, the past stays.
    """
    rng = random.Random(f"shuffled histories {seed}")
    donors: dict[tuple[int, ...], dict[str, tuple[HistoryTurn, ...]]] = {}
    for example in singles:
        said = _heard(example)
        for length in range(1, len(said) + 1):
            donors.setdefault(tuple(turn.who for turn in said[:length]), {})[example.episode_id] = said[:length]
    shuffled = []
    for example in singles:
        own = past(example)
        strange = donors.get(tuple(turn.who for turn in own), {})
        others = [episode for episode in strange if episode != example.episode_id]
        shuffled.append(_with_past(example, own, strange[rng.choice(others)]) if others else example)
    return shuffled


def _heard(example: Example) -> tuple[HistoryTurn, ...]:
    """The turns before the one target; those that tell items are none."""
    [target] = example.targets
    return tuple(turn for turn in example.history if turn.item is None and turn.turn < target.turn)


def _holds(turn: HistoryTurn, value: str) -> bool:
    return holds(turn.speech, value) or holds(turn.action, value)


def _lot(example: Example, seed: int) -> float:
    return random.Random(f"missing {seed} {example.id}/{example.targets[0].turn}").random()


def _without_source(example: Example, source: str) -> Example:
    return without(example, (item.key for item in _items(example, source)))


def _items(example: Example, source: str) -> list[Item]:
    """Those of a source, kind by kind."""
    return [item for kind in KINDS[source] for item in example.knowledge if item.kind == kind]


@dataclasses.dataclass(frozen=True)
class _Owned:
    """The items of a source in an example, kind by kind, and what they tell."""

    dialogue: str
    items: tuple[Item, ...]

    @functools.cached_property
    def kinds(self) -> tuple[str, ...]:
        return tuple(item.kind for item in self.items)

    @functools.cached_property
    def texts(self) -> frozenset[str]:
        return frozenset(item.text for item in self.items)

    def is_strange(self, other: "_Owned") -> bool:
        """Whether ``other`` is of another dialogue and tells nothing of this one."""
        return other.dialogue != self.dialogue and self.texts.isdisjoint(other.texts)


def _strangers(owned: Iterable[_Owned], own: _Owned, rng: random.Random) -> list[Item]:
    """As many items of each kind as ``own`` has, each of any other dialogue; fewer where there are not as many."""
    others = {item.text: item for other in owned if other.dialogue != own.dialogue for item in other.items}
    strange: list[Item] = []
    for kind in dict.fromkeys(own.kinds):
        of_kind = [item for item in others.values() if item.kind == kind and item.text not in own.texts]
        strange += rng.sample(of_kind, min(own.kinds.count(kind), len(of_kind)))
    return strange


def _with_past(example: Example, own: Sequence[HistoryTurn], strange: Sequence[HistoryTurn]) -> Example:
    said = {
        turn.key: dataclasses.replace(turn, speech=other.speech, action=other.action, emote=other.emote)
        for turn, other in zip(own, strange, strict=True)
    }
    return dataclasses.replace(example, history=tuple(said.get(turn.key, turn) for turn in example.history))
