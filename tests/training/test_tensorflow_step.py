"""What a training step asks of the model: the figures say whether gold was shown and dropout was on."""

import pytest

from persona_tf.training import losses
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.tensorflow_step import TensorFlowStep


@pytest.fixture
def step(make_model, tiny_training):
    """ModelConfig fields -> a step that moves nothing; it is called without a graph, which takes seconds to make."""
    config = tiny_training(optimizer="adamw", learning_rate=0.0, weight_decay=0.0)

    def make(**fields):
        return TensorFlowStep(make_model(**fields), make_optimizer(config), config)

    return make


def test_training_shows_the_gold_item(step, features):
    """As in Wizard of Wikipedia: the decoder learns from the right item, whatever would have been chosen."""
    made = step(fusion="select")

    def loss(**how):
        outputs = made.model(features, **how)
        uniform = losses.uniform_sums(outputs, features)
        return float(losses.total_loss(losses.head_sums(outputs, features), uniform, made.config))

    assert loss(use_gold=True) != pytest.approx(loss(), rel=1e-4), "so that it makes a difference"
    assert float(made._train(features)["loss"]) == pytest.approx(loss(use_gold=True), rel=1e-5)


def test_training_drops_and_validation_does_not(step, features):
    made = step(dropout=0.5)
    trained = {float(made._train(features)["loss"]) for _ in range(2)}
    scored = {float(made._score(features)["reply"][0]) for _ in range(2)}
    assert (len(trained), len(scored)) == (2, 1)
