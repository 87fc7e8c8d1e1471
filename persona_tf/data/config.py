"""The data room's part of the control panel."""

import dataclasses
import math
from collections.abc import Mapping

from persona_tf.data.pairs import MORE

TEACHES = ("action", "emote", "facts")
"""What dialogues may teach besides replies."""


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which source, and how much of it.

    ``source`` names an entry of `data.sources.SOURCES`; ``options`` are handed to its reader (for ``convai2``
    ``{"persona": "self", "version": "original"}``, for ``world`` its sizes ...; ``{"grounding": True}`` has PersonaChat
    say which facts a turn uses, which Toloka's always does; ``{"states": True}`` has turns say which facts they state).
    ``train_examples`` 0 means all.
    ``remembered``: in that share of training's examples what was said first is shown as facts that were written down
    (see `data.remembered`); a retriever is shown so many besides. ``few_facts``: in that share of them the persona is a
    few facts or none (see `data.few_facts`). ``more_pairs``: what else training shows a retriever, of
    `data.pairs.MORE`. ``train_options`` stand over ``options`` in training only. ``held_out``: every so many-th
    training dialogue is kept for validation in the place of ``valid_split``; 0: none. (Where only one other split
    exists, and is reported.)
    ``others``: further sources to learn from, by name, each with the fields that differ from this class's defaults, as
    in ``{"convai2": {"held_out": 24, "teaches": ()}}``; their field ``source`` is the name unless it is given.
    ``weights``: with others, the share of training's batches that each has, this one too, as in ``{"world": 0.7,
    "convai2": 0.3}``; they sum to 1. ``teaches``: what of `TEACHES` is learned from it, as far as ExampleConfig has it
    learned at all; replies always are.
    """

    source: str
    options: dict = dataclasses.field(default_factory=dict)
    train_options: dict = dataclasses.field(default_factory=dict)
    held_out: int = 0
    train_examples: int = 0
    remembered: float = 0.0
    few_facts: float = 0.0
    more_pairs: tuple[str, ...] = ()
    train_split: str = "train"
    valid_split: str = "valid"
    others: dict = dataclasses.field(default_factory=dict)
    weights: dict = dataclasses.field(default_factory=dict)
    teaches: tuple[str, ...] = TEACHES

    def __post_init__(self) -> None:
        for name in ("held_out", "train_examples"):
            if getattr(self, name) < 0:
                raise ValueError(f"DataConfig.{name}: expected 0 or more, got {getattr(self, name)}")
        for name in ("remembered", "few_facts"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"DataConfig.{name}: expected a share in [0, 1], got {getattr(self, name)}")
        if unknown := sorted(set(self.more_pairs) - set(MORE)):
            raise ValueError(f"DataConfig.more_pairs: unknown {unknown}; choose from {MORE}")
        if self.held_out == 1:
            raise ValueError("DataConfig.held_out: 1 would hold out every dialogue; expected 0, or 2 and more")
        if unknown := [name for name in self.teaches if name not in TEACHES]:
            raise ValueError(f"DataConfig.teaches: unknown {unknown}; choose from {TEACHES}")
        if self.source in self.others:
            raise ValueError(f"DataConfig.others: {self.source!r} is DataConfig.source already; give it another name")
        if self.others or self.weights:
            _check_weights(self.weights, tuple(self.parts))

    @property
    def options_of_training(self) -> dict:
        """``options`` with ``train_options`` over them."""
        return {**self.options, **self.train_options}

    @property
    def parts(self) -> dict[str, "DataConfig"]:
        """All sources by name, this one first, each as a config of its own."""
        own = dataclasses.replace(self, others={}, weights={})
        return {self.source: own, **{name: _other(name, fields) for name, fields in self.others.items()}}


def _other(name: str, fields: Mapping) -> DataConfig:
    known = {field.name: field for field in dataclasses.fields(DataConfig) if field.name not in ("others", "weights")}
    if not isinstance(fields, Mapping):
        raise ValueError(f"DataConfig.others: {name}: expected a dict of fields, got {fields!r}")
    for field, value in fields.items():
        if field not in known:
            raise ValueError(f"DataConfig.others: {name}: unknown {field!r}; choose from {', '.join(known)}")
        wanted = type(getattr(DataConfig(name), field))
        if not isinstance(value, wanted) and not (wanted is float and type(value) is int):
            raise ValueError(f"DataConfig.others: {name}: {field} must be of type {wanted.__name__}, got {value!r}")
    return DataConfig(**{"source": name, **fields})


def _check_weights(weights: Mapping[str, float], names: tuple[str, ...]) -> None:
    if set(weights) != set(names):
        raise ValueError(
            f"DataConfig.weights: expected one for each source ({', '.join(names)}), got {', '.join(weights) or 'none'}"
        )
    wrong = {name: share for name, share in weights.items() if type(share) not in (int, float) or not 0 < share <= 1}
    if wrong:
        raise ValueError(f"DataConfig.weights: expected shares above 0, up to 1, got {wrong}")
    if not math.isclose(sum(weights.values()), 1, abs_tol=1e-6):
        raise ValueError(
            f"DataConfig.weights: expected shares that sum to 1, got {weights}, which sum to "
            f"{sum(weights.values()):.6g}"
        )
