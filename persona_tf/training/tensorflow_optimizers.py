"""The optimizers: those of Keras, with Adam's update as one fused operation a variable where Keras makes a dozen."""

import keras
import tensorflow as tf

from persona_tf.training.averaging import WarmAverage
from persona_tf.training.config import TrainConfig

_NO_DECAY = ["bias", "gamma", "beta", "kinds", "tokens", "trust", "continuity", "codes", "asks", "own", "log_scale"]
"""Norms, biases, embeddings and single numbers do not decay."""


class FusedAdamW(WarmAverage, keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with the same numbers and state; only the update runs as TensorFlow's own kernel."""

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable, given as TensorFlow's own: gradient of its shape, learning rate a scalar."""
        index = self._get_variable_index(variable)
        moments = self._momentums[index], self._velocities[index]
        _adam(self, gradient, variable, learning_rate, moments, (self.beta_1, self.beta_2))


class FusedMuon(WarmAverage, keras.optimizers.Muon):
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
        dtype = tf.bfloat16 if self.half else x.dtype
        return tf.cast(super().zeropower_via_newtonschulz5(tf.cast(x, dtype), steps), x.dtype)

    def _adamw_update_step(self, gradient, variable, learning_rate, m, v):
        _adam(self, gradient, variable, learning_rate, (m, v), (self.adam_beta_1, self.adam_beta_2))


def make_optimizer(config: TrainConfig, half: bool = False) -> keras.optimizers.Optimizer:
    """The optimizer that the config names, betas .9 and .98.

    Args:
      config: ``optimizer``, ``weight_decay`` and ``average_decay``; the learning rate is set at each step.
      half: the processor is fast in bfloat16.
    """
    shared = {"learning_rate": config.learning_rate, "weight_decay": config.weight_decay, "epsilon": 1e-9}
    if config.average_decay:
        shared |= {"use_ema": True, "ema_momentum": config.average_decay}
    # With names of their own: else a second one in a process has other paths.
    if config.optimizer == "muon":
        adam = {"adam_beta_2": 0.98, "adam_weight_decay": config.weight_decay, "adam_lr_ratio": 1.0}
        # What is no map between hidden states is left to AdamW.
        outer = ["embedding/", "emote_head/", "gate/", "worth/"]
        optimizer = FusedMuon(name="muon", half=half, exclude_layers=outer, **adam, **shared)
    else:
        optimizer = FusedAdamW(name="adamw", beta_2=0.98, **shared)
    optimizer.exclude_from_weight_decay(var_names=_NO_DECAY)
    return optimizer


def _adam(optimizer, gradient, variable, learning_rate, moments, betas) -> None:
    step = tf.cast(optimizer.iterations + 1, tf.float32)
    m, v = moments
    tf.raw_ops.ResourceApplyAdam(
        var=variable.handle,
        m=m.value.handle,
        v=v.value.handle,
        beta1_power=betas[0] ** step,
        beta2_power=betas[1] ** step,
        lr=learning_rate,
        beta1=betas[0],
        beta2=betas[1],
        epsilon=optimizer.epsilon,
        grad=tf.convert_to_tensor(gradient),
    )
