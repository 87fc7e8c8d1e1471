"""One training step under TensorFlow: forward, backward, clip, apply, in one compiled graph."""

import tensorflow as tf

from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text.features import FEATURES
from persona_tf.training import losses
from persona_tf.training.config import TrainConfig

SIGNATURE = {name: tf.TensorSpec([None, None], tf.int32, name) for name in FEATURES}


class TensorFlowStep:
    """Holds the compiled step and the compiled validation step of one model.

    Args:
      model: built.
      optimizer: from `tensorflow_optimizers.make_optimizer`; is built here.
      config: the training config.
    """

    def __init__(self, model: PersonaTransformer, optimizer, config: TrainConfig):
        self.model, self.optimizer, self.config = model, optimizer, config
        optimizer.build(model.trainable_variables)
        self.train = tf.function(self._train, input_signature=[SIGNATURE])
        self.score = tf.function(self._score, input_signature=[SIGNATURE])

    def _train(self, features):
        with tf.GradientTape() as tape:
            outputs = self.model(features, training=True, use_gold=True)
            sums = losses.head_sums(outputs, features)
            uniform = losses.uniform_sums(outputs, features) if self.config.label_smoothing else {}
            loss = losses.total_loss(sums, uniform, self.config)
        # TensorFlow's own variables: with Keras' it cannot make the zeros for those that the loss does not reach.
        variables = [variable.value for variable in self.model.trainable_variables]
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        gradients, norm = tf.clip_by_global_norm(gradients, self.config.clip_norm or 1e9)
        rate = losses.learning_rate(self.optimizer.iterations, self.config)
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        tokens = sum(tf.math.count_nonzero(features[f"{f}_ids"]) for f in ("knowledge", "history", "target"))
        return {"loss": loss, "gradient_norm": norm, "learning_rate": rate, "tokens": tokens, **sums}

    def _score(self, features):
        return losses.head_sums(self.model(features, training=False), features)
