"""One training step under JAX: forward, backward, clip, apply, as one compiled function of all state.

The state is read from the model's and the optimizer's variables before a step and put back after it, so that
checkpoints, validation and bundles know nothing of JAX. Each new shape is compiled, which takes seconds: batches are
padded to a few shapes.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import keras
import numpy as np

from persona_tf.training import losses
from persona_tf.training.config import TrainConfig
from persona_tf.training.objective import Objective, reply_objective


class State(NamedTuple):
    """All that a step changes, as lists of arrays: trainable weights, seeds (and frozen weights), the optimizer's."""

    trained: list
    others: list
    optimizer: list


class JaxStep:
    """As `tensorflow_step.TensorFlowStep`, with the same arguments and methods.

    A step that is interrupted leaves everything as it was, so the old state is kept until the new one is there, which
    takes the memory of both.
    """

    def __init__(self, model: keras.Model, optimizer: Any, config: TrainConfig, objective: Objective | None = None):
        self.model, self.optimizer, self.config = model, optimizer, config
        self.objective = objective or reply_objective(config)
        optimizer.build(model.trainable_variables)
        self._places = {id(variable): i for i, variable in enumerate(optimizer.variables)}
        self._train_whole = jax.jit(self._train)
        self._train_part = jax.jit(self._gradients)
        self._count = jax.jit(self._labels)
        self._apply = jax.jit(self._update)
        self._score = jax.jit(self._sums)

    def train(self, features: dict, *more: dict) -> dict:
        """Takes one step on a batch, or on several that count as one; see `TensorFlowStep.train`."""
        batches = [self._padded(batch) for batch in (features, *more)]
        state, result = self._train_several(batches) if more else self._train_whole(self._state(), batches[0])
        try:
            self._put(state)
        except KeyboardInterrupt:  # half a step is none: it is completed first
            self._put(state)
            raise
        return result

    def score(self, features: dict) -> dict:
        """The sums of each head without dropout."""
        return self._score(self._state(), self._padded(features))

    def _state(self) -> State:
        model, optimizer = self.model, self.optimizer
        groups = model.trainable_variables, model.non_trainable_variables, optimizer.variables
        return State(*([variable.value for variable in group] for group in groups))

    def _put(self, state: State) -> None:
        model, optimizer = self.model, self.optimizer
        groups = model.trainable_variables, model.non_trainable_variables, optimizer.variables
        for group, values in zip(groups, state, strict=True):
            for variable, value in zip(group, values, strict=True):
                variable.assign(value)

    def _train_several(self, batches: list[dict]) -> tuple[State, dict]:
        state, labels = self._state(), None
        total: Any = None
        for features in batches:
            labels = _add(labels, self._count(state, features))
        parts = []
        for features in batches:
            others, gradients, result = self._train_part(state, features, labels)
            state = state._replace(others=others)
            parts.append({head: result[head] for head in self.objective.weights})
            total = _add(total, (gradients, result))
        state, result = self._apply(state, *total)
        return state, {**result, "parts": parts}

    def _train(self, state: State, features: dict) -> tuple[State, dict]:
        others, gradients, result = self._gradients(state, features)
        return self._update(state._replace(others=others), gradients, result)

    def _gradients(self, state: State, features: dict, labels: dict | None = None) -> tuple[list, list, dict]:
        step = state.optimizer[self._place("iterations")]

        def loss(trained: list) -> tuple[Any, Any]:
            with self._stateless(state._replace(trained=trained)) as scope:
                nats, sums = self.objective.train(self.model, features, step, labels)
            others = [scope.get_current_value(variable) for variable in self.model.non_trainable_variables]
            return nats, (others, sums)

        (nats, (others, sums)), gradients = jax.value_and_grad(loss, has_aux=True)(state.trained)
        tokens = sum(jnp.count_nonzero(ids) for name, ids in features.items() if name.endswith("_ids"))
        return others, gradients, {"loss": nats, "tokens": tokens, **sums}

    def _update(self, state: State, gradients: list, result: dict) -> tuple[State, dict]:
        norm = jnp.sqrt(sum(jnp.sum(jnp.square(gradient)) for gradient in gradients))
        most = self.config.clip_norm or 1e9
        scale = most / jnp.maximum(norm, most)
        rate = losses.learning_rate(state.optimizer[self._place("iterations")], self.config)
        kept = list(state.optimizer)
        kept[self._place("_learning_rate")] = rate
        gradients = [gradient * scale for gradient in gradients]
        trained, kept = self.optimizer.stateless_apply(kept, gradients, state.trained)
        return State(trained, state.others, kept), {**result, "gradient_norm": norm, "learning_rate": rate}

    def _place(self, name: str) -> int:
        return self._places[id(getattr(self.optimizer, name))]

    def _labels(self, state: State, features: dict) -> dict:
        # What does not depend on the model's words is all that is computed here: the compiler leaves out the rest.
        return {head: sums[1] for head, sums in self._sums(state, features).items()}

    def _sums(self, state: State, features: dict) -> dict:
        with self._stateless(state):
            return self.objective.score(self.model, features)

    def _stateless(self, state: State) -> keras.StatelessScope:
        model = self.model
        weights = zip(model.trainable_variables, state.trained, strict=True)
        others = zip(model.non_trainable_variables, state.others, strict=True)
        return keras.StatelessScope(state_mapping=[*weights, *others])

    def _padded(self, features: dict) -> dict:
        made = {name: padded(features[name], self.objective.padding.get(name, 0)) for name in self.objective.features}
        if "target_index" in made:
            made["target_number"] = np.arange(_rung(int(made["target_index"].max()) + 1), dtype=np.int32)
        return made


def padded(ids: np.ndarray, padding: int) -> np.ndarray:
    """Pads both axes to the next of 1, 2, 3, 4, 6, 8, 12, 16 ...: int32 [B, L] -> [B', L']."""
    rows, columns = (_rung(length) - length for length in ids.shape)
    return np.pad(ids, ((0, rows), (0, columns)), constant_values=padding)


def _rung(length: int) -> int:
    """The smallest 2 ** n or 3 * 2 ** n that is no smaller.

    >>> [_rung(length) for length in (1, 2, 5, 7, 100)]
    [1, 2, 6, 8, 128]
    """
    power = 1 << max(length - 1, 0).bit_length()
    return power * 3 // 4 if power >= 4 and power * 3 // 4 >= length else power


def _add(one: Any, other: Any) -> Any:
    return other if one is None else jax.tree.map(jnp.add, one, other)
