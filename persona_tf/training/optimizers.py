"""The optimizers, for each backend of Keras: the same numbers and the same state, so that checkpoints move."""

from collections.abc import Iterable
from typing import Any

import keras
from keras import ops

from persona_tf.training.averaging import WarmAverage
from persona_tf.training.config import TrainConfig

_NO_DECAY = """
    bias gamma beta scale log_scale kinds tokens positions trust continuity codes asks own log_variances
""".split()
"""Norms, biases, embeddings and single numbers do not decay."""


class AdamW(WarmAverage, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW`; averages as in `averaging`."""


class Muon(WarmAverage, keras.optimizers.Muon):
    """`keras.optimizers.Muon` with the same state: orthogonal updates for the matrices inside layers, AdamW elsewhere.

    Muon (Jordan et al. 2024) takes the momentum of a matrix and sets all its singular values to about 1; scaled as in
    Liu et al. 2025 (arXiv 2502.16982), so that AdamW's learning rate and weight decay suit. Differs from Keras in:
    the Newton-Schulz iterations run in bfloat16, as in the original, where ``half`` is true.
    """

    def __init__(self, *args, half: bool = False, **kwargs):
        super().__init__(*args, **kwargs)
        self.half = half

    def get_config(self):
        """What `from_config` takes."""
        return {**super().get_config(), "half": self.half}

    def zeropower_via_newtonschulz5(self, x, steps: int):
        """Momentum [m, n] -> its orthogonal factor, nearly."""
        dtype = "bfloat16" if self.half else x.dtype
        return ops.cast(super().zeropower_via_newtonschulz5(ops.cast(x, dtype), steps), x.dtype)


def make_optimizer(config: TrainConfig, half: bool = False) -> keras.optimizers.Optimizer:
    """The optimizer that the config names, betas .9 and .98.

    Args:
      config: ``optimizer``, ``weight_decay`` and ``average_decay``; the learning rate is set at each step.
      half: the processor is fast in bfloat16.
    """
    shared = {"learning_rate": config.learning_rate, "weight_decay": config.weight_decay, "epsilon": 1e-9}
    if config.average_decay:
        shared |= {"use_ema": True, "ema_momentum": config.average_decay}
    muon, adamw = _classes()
    # With names of their own: else a second one in a process has other paths.
    if config.optimizer == "muon":
        adam = {"adam_beta_2": 0.98, "adam_weight_decay": config.weight_decay, "adam_lr_ratio": 1.0}
        # What is no map between hidden states is left to AdamW.
        outer = ["embedding/", "emote_head/", "gate/", "worth/"]
        optimizer = muon(name="muon", half=half, exclude_layers=outer, **adam, **shared)
    else:
        optimizer = adamw(name="adamw", beta_2=0.98, **shared)
    optimizer.exclude_from_weight_decay(var_names=_NO_DECAY)
    return optimizer


def moments(config: TrainConfig, variables: Iterable[Any]) -> list[int]:
    """How many numbers the optimizer keeps for each number of each variable, averages too; these need no values."""
    optimizer = make_optimizer(config)
    is_muon, averages = isinstance(optimizer, Muon), bool(config.average_decay)
    return [averages + (1 if is_muon and not optimizer._should_use_adamw(variable) else 2) for variable in variables]


def _classes() -> tuple[type[Muon], type[AdamW]]:
    if keras.backend.backend() != "tensorflow":
        return Muon, AdamW
    from persona_tf.training.tensorflow_optimizers import FusedAdamW, FusedMuon

    return FusedMuon, FusedAdamW
