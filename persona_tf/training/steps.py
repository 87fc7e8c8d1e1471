"""Which training step the backend of Keras has, and on which processors it runs."""

from typing import Any

import keras

from persona_tf.training.config import TrainConfig
from persona_tf.training.meeting import Cluster
from persona_tf.training.objective import Objective


def make_strategy(cluster: Cluster | None) -> Any:
    """What `tensorflow_distributed.make_strategy` gives.

    Raises:
      ValueError: there are several workers, and Keras does not run on TensorFlow.
    """
    if keras.backend.backend() != "tensorflow":
        if cluster:
            raise ValueError("TF_CONFIG: only TensorFlow trains in several processes; unset it, or KERAS_BACKEND")
        return None
    from persona_tf.training import tensorflow_distributed

    return tensorflow_distributed.make_strategy(cluster)


def make_step(
    model: keras.Model,
    optimizer: Any,
    config: TrainConfig,
    objective: Objective | None = None,
    strategy: Any = None,
) -> Any:
    """A `tensorflow_step.TensorFlowStep`, a `jax_step.JaxStep`, or with a strategy a
    `tensorflow_distributed.DistributedStep`.

    Raises:
      ValueError: Keras runs on another backend.
    """
    if strategy is not None:
        from persona_tf.training.tensorflow_distributed import DistributedStep

        return DistributedStep(model, optimizer, config, objective, strategy)
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from persona_tf.training.tensorflow_step import TensorFlowStep

        return TensorFlowStep(model, optimizer, config, objective)
    if backend == "jax":
        from persona_tf.training.jax_step import JaxStep

        return JaxStep(model, optimizer, config, objective)
    raise ValueError(f"KERAS_BACKEND is {backend!r}: expected tensorflow or jax")
