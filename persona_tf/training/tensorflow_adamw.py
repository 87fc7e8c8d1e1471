"""AdamW whose update is one fused operation a variable, where Keras' own makes a dozen."""

import keras
import tensorflow as tf

from persona_tf.training.config import TrainConfig


class FusedAdamW(keras.optimizers.AdamW):
    """`keras.optimizers.AdamW` with the same numbers and state; only the update runs as TensorFlow's own kernel."""

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable, given as TensorFlow's own: gradient of its shape, learning rate a scalar."""
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.convert_to_tensor(gradient),
        )


def make_optimizer(config: TrainConfig) -> FusedAdamW:
    """AdamW (Loshchilov and Hutter 2019), betas .9 and .98; no decay on norms, biases and embeddings."""
    optimizer = FusedAdamW(
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        beta_2=0.98,
        epsilon=1e-9,
        name="adamw",  # else a second one in a process has other paths
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "kinds", "tokens", "trust", "continuity"])
    return optimizer
