import keras
import numpy as np
import pytest
import tensorflow as tf

from persona_tf.training.config import TrainConfig
from persona_tf.training.tensorflow_adamw import FusedAdamW, make_optimizer


def descend(cls, steps=5):
    variables = [
        keras.Variable(np.ones((3, 2), np.float32), name="kernel"),
        keras.Variable(np.ones((2,), np.float32), name="bias"),
    ]
    optimizer = cls(learning_rate=0.1, weight_decay=0.01, beta_2=0.98, epsilon=1e-9)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build(variables)

    @tf.function
    def step(kernel, bias):
        optimizer.apply_gradients(zip([kernel, bias], variables, strict=True))

    rng = np.random.default_rng(0)
    for _ in range(steps):
        step(*(tf.constant(rng.normal(size=shape), tf.float32) for shape in ((3, 2), (2,))))
    return variables + optimizer.variables


def test_the_fused_update_is_that_of_keras():
    for ours, theirs in zip(descend(FusedAdamW), descend(keras.optimizers.AdamW), strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, atol=1e-6, err_msg=theirs.path)


def test_norms_biases_and_embeddings_do_not_decay(make_model):
    model = make_model(fusion="soft")
    optimizer = make_optimizer(TrainConfig(learning_rate=1.0, weight_decay=0.5))
    optimizer.build(model.trainable_variables)
    before = {v.path: v.numpy() for v in model.trainable_variables}

    @tf.function
    def step():
        optimizer.apply_gradients((tf.zeros(v.shape), v) for v in model.trainable_variables)

    step()
    moved = {v.path for v in model.trainable_variables if np.any(before[v.path] != v.numpy())}
    kernels = {v.path for v in model.trainable_variables if v.path.endswith("kernel") and np.any(before[v.path])}
    assert moved == kernels


def test_the_state_is_named_alike_in_every_process():
    first, second = (make_optimizer(TrainConfig()) for _ in range(2))
    for optimizer in (first, second):
        optimizer.build([keras.Variable(np.ones(2, np.float32), name="kernel")])
    assert [v.path for v in first.variables] == [v.path for v in second.variables]
    assert first.beta_2 == pytest.approx(0.98)
