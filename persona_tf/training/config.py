"""The training room's part of the control panel."""

import dataclasses

SCHEDULES = ("cosine", "inverse_sqrt", "constant")
OPTIMIZERS = ("muon", "adamw")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How long, how fast and towards what.

    ``batch_tokens``: padded tokens of knowledge, history and targets in one batch, about.
    ``accumulate``: so many batches make one step; it is that of one batch of all their rows.
    ``average_decay``: of the exponential moving average of the weights, which then is what is validated and put into
    the bundle; 0: none.
    ``frozen``: rooms of the model that training leaves as they are, such as ``("encoder", "embedding")``, see
    `training.freezing`.
    ``optimizer``: Muon or AdamW, see `training.optimizers`.
    ``*_weight``: the weight of each head's loss (nats per token of that head). ``knowledge_weight``: of choosing what
    is drawn on, where that is known; ``pointer_weight``: of copying the value that a question asks for, where that is
    known, from where it stands; ``facts_weight``: of writing down the facts that turns state, where that is learned.
    ``emote_balance``: how much rare emotes count: 0: each turn counts alike, 1: each class does, see
    `losses.class_weights`. ``learned_weights``: whether training also learns how much each head counts, on top of
    these weights, see `losses.total_loss`.
    ``gold_share``: of the targets that `select` shows gold items where there are any, and not those that it would
    choose, at first; ``gold_share_at_end``: at the last step. Between them it changes evenly.
    ``validation_examples``: about so many, in whole dialogues; 0: all.
    ``patience``: validations without a better loss before training stops early; 0: never.
    """

    steps: int = 1000
    batch_tokens: int = 8192
    accumulate: int = 1
    optimizer: str = "muon"
    learning_rate: float = 1e-3
    warmup_steps: int = 100
    schedule: str = "cosine"
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    average_decay: float = 0.0
    frozen: tuple[str, ...] = ()
    label_smoothing: float = 0.0
    reply_weight: float = 1.0
    action_weight: float = 1.0
    emote_weight: float = 1.0
    knowledge_weight: float = 0.0
    pointer_weight: float = 0.0
    facts_weight: float = 1.0
    emote_balance: float = 0.0
    learned_weights: bool = False
    gold_share: float = 1.0
    gold_share_at_end: float = 1.0
    validate_every_steps: int = 500
    validation_examples: int = 500
    checkpoint_every_steps: int = 500
    summary_every_steps: int = 25
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if field.type in (int, float) and (isinstance(value, bool) or not isinstance(value, int | field.type)):
                raise ValueError(f"TrainConfig.{field.name} must be of type {field.type.__name__}, got {value!r}")
            if field.type in (int, float) and value < 0:
                raise ValueError(f"TrainConfig.{field.name} must not be negative, got {value!r}")
        for name in ("gold_share", "gold_share_at_end"):
            if getattr(self, name) > 1:
                raise ValueError(f"TrainConfig.{name} must lie in [0, 1], got {getattr(self, name)!r}")
        if not isinstance(self.learned_weights, bool):
            raise ValueError(f"TrainConfig.learned_weights must be True or False, got {self.learned_weights!r}")
        if self.average_decay >= 1:
            raise ValueError(f"TrainConfig.average_decay must be below 1, got {self.average_decay!r}")
        if self.seed >= 2**32:
            raise ValueError(f"TrainConfig.seed must be below 2 ** 32, got {self.seed!r}")
        if self.schedule not in SCHEDULES:
            raise ValueError(f"TrainConfig.schedule must be one of {SCHEDULES}, got {self.schedule!r}")
        if self.optimizer not in OPTIMIZERS:
            raise ValueError(f"TrainConfig.optimizer must be one of {OPTIMIZERS}, got {self.optimizer!r}")
        for name in (
            "steps",
            "batch_tokens",
            "accumulate",
            "validate_every_steps",
            "checkpoint_every_steps",
            "summary_every_steps",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"TrainConfig.{name} must be at least 1, got {getattr(self, name)!r}")
