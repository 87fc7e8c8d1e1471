"""Which training step the backend of Keras has."""

from typing import Any

import keras

from persona_tf.training.config import TrainConfig
from persona_tf.training.objective import Objective


def make_step(model: keras.Model, optimizer: Any, config: TrainConfig, objective: Objective | None = None) -> Any:
    """A `tensorflow_step.TensorFlowStep` or a `jax_step.JaxStep`, see there.

    Raises:
      ValueError: Keras runs on another backend.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        from persona_tf.training.tensorflow_step import TensorFlowStep

        return TensorFlowStep(model, optimizer, config, objective)
    if backend == "jax":
        from persona_tf.training.jax_step import JaxStep

        return JaxStep(model, optimizer, config, objective)
    raise ValueError(f"KERAS_BACKEND is {backend!r}: expected tensorflow or jax")
