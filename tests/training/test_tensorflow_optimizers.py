import keras
import numpy as np
import pytest
import tensorflow as tf

from persona_tf.training.config import OPTIMIZERS, TrainConfig
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.tensorflow_optimizers import FusedAdamW, FusedMuon

SHAPES = {"kernel": (6, 4), "bias": (4,)}


def descend(cls, steps=5, **arguments):
    variables = [keras.Variable(np.ones(shape, np.float32), name=name) for name, shape in SHAPES.items()]
    optimizer = cls(learning_rate=0.1, weight_decay=0.01, epsilon=1e-9, **arguments)
    optimizer.exclude_from_weight_decay(var_names=["bias"])
    optimizer.build(variables)

    @tf.function
    def step(*gradients):
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    rng = np.random.default_rng(0)
    for _ in range(steps):
        step(*(tf.constant(rng.normal(size=shape), tf.float32) for shape in SHAPES.values()))
    return variables + optimizer.variables


@pytest.mark.parametrize(
    ("ours", "theirs", "arguments"),
    [
        (FusedAdamW, keras.optimizers.AdamW, {"beta_2": 0.98}),
        (FusedMuon, keras.optimizers.Muon, {"adam_beta_2": 0.98}),
    ],
)
def test_the_fused_update_is_that_of_keras(ours, theirs, arguments):
    for one, other in zip(descend(ours, **arguments), descend(theirs, **arguments), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy(), rtol=1e-4, atol=1e-5, err_msg=other.path)


@pytest.mark.parametrize("half", [False, True])
def test_muon_turns_and_does_not_stretch(half):
    momentum = np.random.default_rng(1).normal(size=(24, 8)).astype(np.float32)
    found = FusedMuon(half=half).zeropower_via_newtonschulz5(tf.constant(momentum), 5)
    assert found.dtype == tf.float32
    u, _, v = np.linalg.svd(momentum, full_matrices=False)
    # The iterations end near 1, not at it: between .7 and 1.2 by the choice of their coefficients.
    values = np.diag(u.T @ found.numpy() @ v.T)
    assert np.all((values > 0.65) & (values < 1.25))
    aside = u.T @ found.numpy() @ v.T - np.diag(values)
    assert np.abs(aside).max() < (0.05 if half else 1e-4)


@pytest.mark.parametrize("half", [False, True])
def test_muon_comes_back_from_its_config(half):
    optimizer = make_optimizer(TrainConfig(optimizer="muon"), half)
    again = FusedMuon.from_config(optimizer.get_config())
    assert again.half is half
    assert again.get_config() == optimizer.get_config()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_norms_biases_and_embeddings_do_not_decay(make_model, name):
    model = make_model(fusion="soft")
    optimizer = make_optimizer(TrainConfig(optimizer=name, learning_rate=1.0, weight_decay=0.5))
    optimizer.build(model.trainable_variables)
    before = {v.path: v.numpy() for v in model.trainable_variables}

    @tf.function
    def step():
        optimizer.apply_gradients((tf.zeros(v.shape), v) for v in model.trainable_variables)

    step()
    moved = {v.path for v in model.trainable_variables if np.any(before[v.path] != v.numpy())}
    kernels = {v.path for v in model.trainable_variables if v.path.endswith("kernel") and np.any(before[v.path])}
    assert moved == kernels


def test_muon_is_for_maps_between_hidden_states(make_model):
    model = make_model(fusion="soft")
    optimizer = make_optimizer(TrainConfig(optimizer="muon"))
    optimizer.build(model.trainable_variables)
    moments = zip(model.trainable_variables, optimizer.adam_velocities, strict=True)
    with_adam = {variable.path for variable, moment in moments if moment is not None}
    matrices = {v.path for v in model.trainable_variables if len(v.shape) == 2}
    outer = {path.split("/", 1)[-1] for path in matrices & with_adam}
    assert outer == {
        "embedding/tokens",
        "embedding/kinds",
        "embedding/turn/kernel",
        "emote_head/kernel",
        "copy_head/gate/kernel",
        "copy_head/worth/kernel",
    }


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_is_named_alike_in_every_process(name):
    first, second = (make_optimizer(TrainConfig(optimizer=name)) for _ in range(2))
    for optimizer in (first, second):
        optimizer.build([keras.Variable(np.ones((2, 2), np.float32), name="kernel")])
    assert [v.path for v in first.variables] == [v.path for v in second.variables]


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match=r"TrainConfig.optimizer must be one of \('muon', 'adamw'\), got 'sgd'"):
        TrainConfig(optimizer="sgd")
