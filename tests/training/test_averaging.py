import keras
import numpy as np
import pytest

from persona_tf.npz_file import read_npz
from persona_tf.training.averaging import averaged
from persona_tf.training.checkpoint import BEST, LAST, named_variables
from persona_tf.training.config import OPTIMIZERS
from persona_tf.training.optimizers import make_optimizer


@pytest.fixture
def small():
    """A model of one layer."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.layers.Dense(3, name="hidden")], name="small")
    model.build((None, 4))
    return model


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_average_against_a_reference(small, tiny_training, optimizer):
    made = make_optimizer(tiny_training(optimizer=optimizer, average_decay=0.5))
    made.build(small.trainable_variables)
    rng, wanted = np.random.default_rng(0), None
    for step in range(12):
        made.apply_gradients([(rng.normal(size=v.shape).astype(np.float32), v) for v in small.trainable_variables])
        own = [v.numpy() for v in small.trainable_variables]
        kept = min(0.5, (1 + step) / (10 + step)) if step else 0.0
        wanted = [kept * a + (1 - kept) * v for a, v in zip(wanted or own, own, strict=True)]
        with averaged(small, made):
            for variable, value in zip(small.trainable_variables, wanted, strict=True):
                np.testing.assert_allclose(variable.numpy(), value, rtol=1e-5, atol=1e-6)
        for variable, value in zip(small.trainable_variables, own, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)
    assert np.abs(own[0] - wanted[0]).max() > 1e-3, "so that they differ"


def test_without_an_average_nothing_is_kept(small, tiny_training):
    made = make_optimizer(tiny_training())
    made.build(small.trainable_variables)
    assert not [name for name in named_variables(small, made) if "average" in name]
    before = [v.numpy() for v in small.trainable_variables]
    with averaged(small, made):
        np.testing.assert_array_equal(small.trainable_variables[0].numpy(), before[0])


def test_a_loop_validates_and_hands_on_the_average_and_keeps_both(small, tiny_training, make_loop):
    optimizer = make_optimizer(tiny_training(optimizer="adamw", average_decay=0.9))
    optimizer.build(small.trainable_variables)
    kernel = small.trainable_variables[0]
    scored, handed, own = [], {}, {}

    class Step:
        """Pulls all weights upwards."""

        def __init__(self):
            self.optimizer = optimizer

        def train(self, features):
            optimizer.apply_gradients([(np.full(v.shape, -1, np.float32), v) for v in small.trainable_variables])
            own[int(optimizer.iterations)] = kernel.numpy()
            return {"loss": 1.0, "gradient_norm": 1.0, "learning_rate": 0.1, "tokens": 1, "reply": (1.0, 1.0, 1.0)}

        def score(self, features):
            scored.append(kernel.numpy())
            return {"reply": (1.0 / int(optimizer.iterations), 1.0, 1.0)}

    loop = make_loop(step=Step(), on_best=lambda step: handed.update({step: kernel.numpy()}), steps=8)
    loop.model, loop.weights = small, {"reply": 1.0}
    loop.run()
    np.testing.assert_array_equal(kernel.numpy(), own[8])
    np.testing.assert_array_equal(scored[-1], handed[8])
    assert np.all(handed[8] < own[8]), "the average lags behind"
    for name in (BEST, LAST):
        arrays = read_npz(loop.checkpoints / name, "")
        np.testing.assert_array_equal(arrays[f"model/{kernel.path}"], own[8])
        [average] = [a for n, a in arrays.items() if n.endswith("average") and a.shape == kernel.shape]
        np.testing.assert_array_equal(average, handed[8])
