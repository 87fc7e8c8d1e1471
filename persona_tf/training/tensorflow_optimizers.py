"""The optimizers under TensorFlow: Adam's update as one fused operation a variable where Keras makes a dozen."""

import tensorflow as tf

from persona_tf.training.optimizers import AdamW, Muon


class SummedBefore:
    """Goes before an optimizer of Keras: it does not sum gradients over replicas, since they were before clipping."""

    def _all_reduce_sum_gradients(self, grads_and_vars):
        return list(grads_and_vars)


class FusedAdamW(SummedBefore, AdamW):
    """`optimizers.AdamW` with the same numbers and state; only the update runs as TensorFlow's own kernel."""

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable, given as TensorFlow's own: gradient of its shape, learning rate a scalar."""
        index = self._get_variable_index(variable)
        moments = self._momentums[index], self._velocities[index]
        _adam(self, gradient, variable, learning_rate, moments, (self.beta_1, self.beta_2))


class FusedMuon(SummedBefore, Muon):
    """`optimizers.Muon` with the same numbers and state; only AdamW's part runs as TensorFlow's own kernel."""

    def _adamw_update_step(self, gradient, variable, learning_rate, m, v):
        _adam(self, gradient, variable, learning_rate, (m, v), (self.adam_beta_1, self.adam_beta_2))


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
