"""An exponential moving average of the weights: what is validated and put into the bundle where it is kept.

The optimizer holds it beside its other state, so that checkpoints have both.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from keras import ops


class WarmAverage:
    """Goes before an optimizer of Keras: its averages of the weights forget their beginning sooner.

    a = d a + (1 - d) w, with d = min(``ema_momentum``, (1 + step) / (10 + step)), ``step`` from 0; as TensorFlow 1 had
    it. In Keras the first weights count for long, which in a short run is all of it.
    """

    iterations: Any
    ema_momentum: float
    _model_variables_moving_average: list

    def _update_model_variables_moving_average(self, trainable_variables) -> None:
        step = ops.cast(self.iterations, "float32")
        kept = ops.where(step > 0, ops.minimum(self.ema_momentum, (1.0 + step) / (10.0 + step)), 0.0)
        for variable, average in zip(trainable_variables, self._model_variables_moving_average, strict=True):
            average.assign(kept * average + (1.0 - kept) * variable)


@contextlib.contextmanager
def averaged(model: Any, optimizer: Any) -> Iterator[None]:
    """Inside, the model has the averages for weights, where the optimizer keeps some; afterwards its own again."""
    if not optimizer.use_ema:
        yield
        return
    variables = model.trainable_variables
    own = [np.array(ops.convert_to_tensor(variable)) for variable in variables]
    try:
        for variable, average in zip(variables, optimizer._model_variables_moving_average, strict=True):
            variable.assign(average.value)
        yield
    finally:
        for variable, value in zip(variables, own, strict=True):
            variable.assign(value)
