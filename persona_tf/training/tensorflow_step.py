"""One training step under TensorFlow: forward, backward, clip, apply, in one compiled graph.

A step on several batches is made of a graph for each batch, and one that applies the sum of their gradients.
"""

from typing import Any

import keras
import tensorflow as tf

from persona_tf.training import losses
from persona_tf.training.config import TrainConfig
from persona_tf.training.objective import Objective, reply_objective


class TensorFlowStep:
    """Holds the compiled step and the compiled validation step of one model.

    Args:
      model: built.
      optimizer: from `optimizers.make_optimizer`; is built here.
      config: the training config.
      objective: what is learned; None: what bots learn.
    """

    def __init__(self, model: keras.Model, optimizer, config: TrainConfig, objective: Objective | None = None):
        self.model, self.optimizer, self.config = model, optimizer, config
        self.objective = objective or reply_objective(config)
        optimizer.build(model.trainable_variables)
        signature = {name: tf.TensorSpec([None, None], tf.int32, name) for name in self.objective.features}
        labels = {head: tf.TensorSpec([], tf.float32, head) for head in self.objective.weights}
        self._train_whole = tf.function(self._train, input_signature=[signature])
        self._train_part = tf.function(self._gradients, input_signature=[signature, labels])
        self._count = tf.function(self._labels, input_signature=[signature])
        self._apply = tf.function(self._update)
        self._add = tf.function(lambda one, other: tf.nest.map_structure(tf.add, one, other))
        self.score = tf.function(self._score, input_signature=[signature])

    def train(self, features: dict, *more: dict) -> dict:
        """Takes one step on a batch, or on several that count as one: the same loss, gradients and step as of all rows.

        Returns:
          ``loss``, ``gradient_norm`` (before clipping), ``learning_rate``, real ``tokens``, and the sums of each head;
          where there are several batches, the same sums of each of them as ``parts``.
        """
        return self._train_several([features, *more]) if more else self._train_whole(features)

    def _train(self, features):
        return self._update(*self._gradients(features))

    def _train_several(self, batches: list[dict]) -> dict:
        seeds = [(seed, seed.numpy()) for seed in self._seeds()]
        try:
            labels = self._sum(self._count(features) for features in batches)
            parts: list[dict] = []
            gradients, result = self._sum(self._noted(features, labels, parts) for features in batches)
        except BaseException:  # a step is taken as a whole or not at all: also its dropout is drawn anew
            for seed, value in seeds:
                seed.assign(value)
            raise
        return {**self._apply(gradients, result), "parts": parts}

    def _noted(self, features: dict, labels: dict, parts: list[dict]) -> Any:
        gradients, result = self._train_part(features, labels)
        parts.append({head: result[head] for head in self.objective.weights})
        return gradients, result

    def _seeds(self) -> list:
        weights = {id(weight) for weight in self.model.weights}
        return [variable for variable in self.model.variables if id(variable) not in weights]

    def _sum(self, parts) -> Any:
        parts = iter(parts)
        total = next(parts)
        for part in parts:
            total = self._add(total, part)
        return total

    def _gradients(self, features, labels=None):
        with tf.GradientTape() as tape:
            loss, sums = self.objective.train(self.model, features, self.optimizer.iterations, labels)
        # TensorFlow's own variables: with Keras' it cannot make the zeros for those that the loss does not reach.
        variables = [variable.value for variable in self.model.trainable_variables]
        gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
        tokens = sum(tf.math.count_nonzero(ids) for name, ids in features.items() if name.endswith("_ids"))
        if labels is not None:  # parts are added
            gradients = [tf.convert_to_tensor(gradient) for gradient in gradients]
        return gradients, {"loss": loss, "tokens": tokens, **sums}

    def _update(self, gradients, result):
        gradients, norm = tf.clip_by_global_norm(gradients, self.config.clip_norm or 1e9)
        rate = losses.learning_rate(self.optimizer.iterations, self.config)
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply_gradients(zip(gradients, self.model.trainable_variables, strict=True))
        return {**result, "gradient_norm": norm, "learning_rate": rate}

    def _labels(self, features):
        # What does not depend on the model's words is all that is computed here: TensorFlow leaves out the rest.
        return {head: sums[1] for head, sums in self.objective.score(self.model, features).items()}

    def _score(self, features):
        return self.objective.score(self.model, features)
