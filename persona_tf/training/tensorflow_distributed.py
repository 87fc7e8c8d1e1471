"""Training on several processors at once under `tf.distribute`: each replica takes a part of every batch.

All processes read all data and make the same batches; of each, replica r of n takes rows r, r + n, r + 2 n ... Labels
are counted over all replicas before the loss, gradients are summed, then clipped, then applied: the step is that of one
process with the whole batch, but for the order in which floats are added and for what dropout draws.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from persona_tf.training.config import TrainConfig
from persona_tf.training.meeting import Cluster
from persona_tf.training.objective import Objective
from persona_tf.training.tensorflow_step import TensorFlowStep


def make_strategy(cluster: Cluster | None) -> tf.distribute.Strategy | None:
    """For the workers of a cluster, or several GPUs of this process; None: neither.

    To be called before TensorFlow has computed anything, and after the workers have met.
    """
    if cluster is not None:
        return tf.distribute.MultiWorkerMirroredStrategy()
    if len(tf.config.list_physical_devices("GPU")) > 1:
        return tf.distribute.MirroredStrategy()
    return None


class DistributedStep(TensorFlowStep):
    """A `TensorFlowStep` on all replicas of a strategy. Batches are whole, so are losses, sums and tokens.

    Replicas in one process draw the same dropout, each for its own rows; those of other processes draw their own, see
    `loop.Loop`.

    Raises in `train` and `score`:
      ConnectionError: another worker is gone.

    Args:
      strategy: in whose scope the model, the optimizer and this are made.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: Any,
        config: TrainConfig,
        objective: Objective | None,
        strategy: tf.distribute.Strategy,
    ):
        super().__init__(model, optimizer, config, objective)
        self.strategy = strategy
        self._local = len(strategy.extended.worker_devices)
        signature = {name: tf.TensorSpec([None, None], tf.int32, name) for name in self.objective.features}
        labels = {head: tf.TensorSpec([], tf.float32, head) for head in self.objective.weights}
        self._train_whole = self._on_shards(self._train_shard, signature)
        self._train_part = self._on_shards(self._part_of_shard, signature, labels)
        self._count = self._on_shards(self._labels_of_shard, signature)
        self._apply = _while_all_are_there(tf.function(self._apply_everywhere))
        self.score = self._on_shards(self._score_shard, signature)

    def _on_shards(self, function: Callable, signature: dict, *more: Any) -> Callable:
        """A function of one replica's rows -> one of a whole batch; what it gives must be the same everywhere.

        Gradients are not: they are given as one list for each replica of this process, as `_apply` takes them.
        """

        @tf.function(input_signature=[[signature] * self._local, *more])
        def compiled(shards: Sequence[dict], *arguments: Any) -> Any:
            found = self._run(function, [(shard, *arguments) for shard in shards])
            if not more:
                return found[0]
            return [gradients for gradients, _ in found], found[0][1]

        return _while_all_are_there(lambda features, *arguments: compiled(self._shards(features), *arguments))

    def _run(self, function: Callable, arguments: Sequence[tuple]) -> list[Any]:
        """Calls a function on each replica of this process with its own arguments; gives what each of them gave."""

        def on_replica() -> Any:
            number = tf.get_static_value(tf.distribute.get_replica_context().replica_id_in_sync_group)
            return function(*arguments[number % self._local])

        found = self.strategy.run(on_replica)
        flat = [self.strategy.experimental_local_results(value) for value in tf.nest.flatten(found)]
        # What is one tensor for all replicas comes once.
        return [tf.nest.pack_sequence_as(found, [v[min(i, len(v) - 1)] for v in flat]) for i in range(self._local)]

    def _shards(self, features: dict) -> list[dict]:
        """The rows of each replica of this process, a row of padding where none is left for it."""
        replicas = self.strategy.num_replicas_in_sync
        first = self._local * self.strategy.cluster_resolver.task_id if self.strategy.cluster_resolver else 0
        return [
            {name: self._rows(name, features[name], first + i, replicas) for name in self.objective.features}
            for i in range(self._local)
        ]

    def _rows(self, name: str, rows: np.ndarray, replica: int, replicas: int) -> np.ndarray:
        own = rows[replica::replicas]
        return own if len(own) else np.full_like(rows[:1], self.objective.padding.get(name, 0))

    def _train_shard(self, features: dict) -> dict:
        gradients, result = self._part_of_shard(features, self._labels_of_shard(features))
        return self._update_shard(gradients, result)

    def _part_of_shard(self, features: dict, labels: dict) -> tuple[list, dict]:
        gradients, result = self._gradients(features, labels)
        return gradients, _total(result)

    def _labels_of_shard(self, features: dict) -> dict:
        return _total(self._labels(features))

    def _score_shard(self, features: dict) -> dict:
        return _total(self._score(features))

    def _update_shard(self, gradients: list, result: dict) -> dict:
        return self._update(_sum_of_all(gradients), result)

    def _apply_everywhere(self, gradients: Sequence[list], result: dict) -> dict:
        return self._run(self._update_shard, [(own, result) for own in gradients])[0]


def _while_all_are_there(function: Callable) -> Callable:
    """The function, with an error in plain words for when another worker is gone. Nothing was applied then."""

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            raise ConnectionError(
                f"another worker is gone ({str(error).partition(chr(10))[0]:.200}). Start all again: they go on "
                "from the last checkpoint"
            ) from error

    return call


def _total(values: Any) -> Any:
    """Sums over all replicas, of a nest of numbers, in one message; to be called by a replica."""
    numbers = tf.nest.flatten(values)
    total = tf.unstack(_all_reduced(tf.stack([tf.cast(number, tf.float32) for number in numbers])), len(numbers))
    return tf.nest.pack_sequence_as(values, [tf.cast(t, n.dtype) for t, n in zip(total, numbers, strict=True)])


def _sum_of_all(gradients: list) -> list:
    """As `_total`, as one long vector: a message for each variable costs more than what is in it."""
    total = _all_reduced(tf.concat([tf.reshape(gradient, [-1]) for gradient in gradients], axis=0))
    parts = tf.split(total, [gradient.shape.num_elements() for gradient in gradients])
    return [tf.reshape(part, gradient.shape) for part, gradient in zip(parts, gradients, strict=True)]


def _all_reduced(values: tf.Tensor) -> tf.Tensor:
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, values)
