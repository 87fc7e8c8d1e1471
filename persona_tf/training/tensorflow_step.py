"""One training step under TensorFlow: forward, backward, clip, apply, in one compiled graph."""

import keras
import tensorflow as tf

from persona_tf.training import losses
from persona_tf.training.config import TrainConfig
from persona_tf.training.objective import Objective, reply_objective


class TensorFlowStep:
    """Holds the compiled step and the compiled validation step of one model.

    Args:
      model: built.
      optimizer: from `tensorflow_optimizers.make_optimizer`; is built here.
      config: the training config.
      objective: what is learned; None: what bots learn.
    """

    def __init__(self, model: keras.Model, optimizer, config: TrainConfig, objective: Objective | None = None):
        self.model, self.optimizer, self.config = model, optimizer, config
        self.objective = objective or reply_objective(config)
        optimizer.build(model.trainable_variables)
        signature = {name: tf.TensorSpec([None, None], tf.int32, name) for name in self.objective.features}
        self.train = tf.function(self._train, input_signature=[signature])
        self.score = tf.function(self._score, input_signature=[signature])

    def _train(self, features):
        with tf.GradientTape() as tape:
            loss, sums = self.objective.train(self.model, features, self.optimizer.iterations)
        # TensorFlow's own variables: with Keras' it cannot make the zeros for those that the loss does not reach.
        variables = [variable.value for variable in self.model.trainable_variables]
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        gradients, norm = tf.clip_by_global_norm(gradients, self.config.clip_norm or 1e9)
        rate = losses.learning_rate(self.optimizer.iterations, self.config)
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        tokens = sum(tf.math.count_nonzero(ids) for name, ids in features.items() if name.endswith("_ids"))
        return {"loss": loss, "gradient_norm": norm, "learning_rate": rate, "tokens": tokens, **sums}

    def _score(self, features):
        return self.objective.score(self.model, features)
