"""The data room's part of the control panel."""

import dataclasses

from persona_tf.data.pairs import MORE


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which source, and how much of it.

    ``source`` names an entry of `data.sources.SOURCES`; ``options`` are handed to its reader (for ``convai2``
    ``{"persona": "self", "version": "original"}``, for ``world`` its sizes ...; ``{"grounding": True}`` has PersonaChat
    say which facts a turn uses, which Toloka's always does; ``{"states": True}`` has turns say which facts they state).
    ``train_examples`` 0 means all.
    ``remembered``: in that share of training's examples what was said first is shown as facts that were written down
    (see `data.remembered`). ``few_facts``: in that share of them the persona is a few facts or none (see
    `data.few_facts`). ``more_pairs``: what else training shows a retriever, of `data.pairs.MORE`. ``train_options``
    stand over ``options`` in training only. ``held_out``: every so many-th training dialogue is kept for validation in
    the place of ``valid_split``; 0: none. (Where only one other split exists, and is reported.)
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

    @property
    def options_of_training(self) -> dict:
        """``options`` with ``train_options`` over them."""
        return {**self.options, **self.train_options}
