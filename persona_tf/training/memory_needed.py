"""How much memory training takes, on paper."""

from typing import NamedTuple

from persona_tf.model.budget import Row, activations, size
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.training.config import TrainConfig
from persona_tf.training.optimizers import moments


class MemoryNeeded(NamedTuple):
    """Bytes of each part; ``gradients``: as they are and clipped; ``activations`` are those of a batch, about."""

    weights: int
    gradients: int
    optimizer: int
    activations: int


def memory_needed(model: PersonaTransformer, config: TrainConfig, row: Row, rows: float) -> MemoryNeeded:
    """Counts what a step needs at once; the model may be a `budget.skeleton`.

    Args:
      row, rows: of a batch.
    """
    weights = 4 * sum(size(weight) for weight in model.weights)
    state = 4 * sum(n * size(w) for n, w in zip(moments(config, model.weights), model.weights, strict=True))
    return MemoryNeeded(weights, 2 * weights, state, round(rows * activations(model, row)))
