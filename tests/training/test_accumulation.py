"""Several batches that count as one. Functions run without graphs here, which take long to make."""

import numpy as np
import pytest
import tensorflow as tf

from persona_tf.example import EMOTE_LABELS
from persona_tf.training.losses import HEADS
from persona_tf.training.objective import reply_objective
from persona_tf.training.optimizers import make_optimizer
from persona_tf.training.tensorflow_step import TensorFlowStep

WEIGHTS = {f"{head}_weight": weight for head, weight in zip(HEADS, (1.0, 0.5, 0.3, 0.7, 0.4, 0.0), strict=True)}


@pytest.fixture(autouse=True)
def _eagerly():
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def make_step(make_model, tiny_training):
    def make(model=None, emote_weights=(), **fields):
        config = tiny_training(**{"optimizer": "adamw", **WEIGHTS, **fields})
        model = model or make_model(fusion="soft", loss_heads=len(HEADS) if config.learned_weights else 0)
        return TensorFlowStep(model, make_optimizer(config), config, reply_objective(config, emote_weights))

    return make


def _float(result):
    return {name: np.array(value, np.float64) for name, value in result.items()}


PLAIN = {}
WEIGHED = {"learned_weights": True, "emote_weights": tuple(np.linspace(0.2, 3.0, len(EMOTE_LABELS)))}


@pytest.mark.parametrize(
    ("parts", "fields"),
    [(([0, 5, 3], [4], [1, 2]), PLAIN), (([0, 1, 2], [3, 4, 5]), PLAIN), (([0, 5, 3], [4], [1, 2]), WEIGHED)],
    ids=["uneven", "even", "heads and emotes weighed"],
)
def test_several_batches_are_one_large_one(make_step, corpus, parts, fields):
    whole, several = make_step(**fields), make_step(**fields)
    for _ in range(2):
        wanted = _float(whole.train(corpus.rows(np.concatenate(parts))))
        result = several.train(*(corpus.rows(np.array(rows)) for rows in parts))
        apart = result.pop("parts")
        found = _float(result)
        for head in HEADS:
            np.testing.assert_allclose(np.sum([_float(part)[head] for part in apart], axis=0), found[head], rtol=1e-6)
        assert found.keys() == wanted.keys()
        for name in wanted:
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-3, err_msg=name)
    assert all(wanted[head][1] > 0 for head in HEADS[:-1]), "so that all heads were in it"
    assert int(several.optimizer.iterations) == 2
    # Gradients, not weights: Adam makes much of what is nothing but rounding, as the gradient of the keys' bias.
    for one, other in zip(whole.optimizer.variables, several.optimizer.variables, strict=True):
        if one.path.endswith("momentum"):
            np.testing.assert_allclose(one.numpy(), other.numpy(), atol=1e-6, err_msg=one.path)


def test_it_is_no_mean_of_means(make_step, corpus):
    """Batches weigh as much as they have labels: with four rows against one, means would be another loss."""
    step = make_step(learning_rate=0.0, weight_decay=0.0)
    one, other = corpus.rows(np.array([0, 1, 2, 3])), corpus.rows(np.array([4]))
    mean = (float(step.train(one)["loss"]) + float(step.train(other)["loss"])) / 2
    assert float(step.train(one, other)["loss"]) != pytest.approx(mean, rel=1e-3)


def test_a_step_that_is_interrupted_has_drawn_nothing(make_step, make_model, corpus, monkeypatch):
    step = make_step(make_model(dropout=0.5))
    before = [variable.numpy() for variable in step.model.variables]
    inner, calls = step._train_part, []

    def interrupted(features, labels):
        calls.append(inner(features, labels))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return calls[-1]

    monkeypatch.setattr(step, "_train_part", interrupted)
    with pytest.raises(KeyboardInterrupt):
        step.train(*[corpus.rows(np.array([row])) for row in (1, 2, 4)])
    assert len(calls) == 2
    for variable, value in zip(step.model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value, err_msg=variable.path)


def test_a_loop_takes_so_many_batches_a_step_and_goes_on_after_them(make_loop, corpus):
    class Noting:
        """A step that moves nothing."""

        def __init__(self, inner):
            self.optimizer, self.score, self.seen = inner.optimizer, inner.score, []

        def train(self, *batches):
            self.optimizer.iterations.assign_add(1)
            self.seen.append([batch["target_ids"].tolist() for batch in batches])
            if len(self.seen) == 3:
                raise KeyboardInterrupt
            sums = dict.fromkeys(HEADS, (1.0, 1.0, 1.0))
            result = {"loss": 1.0, "gradient_norm": 1.0, "learning_rate": 0.1, "tokens": 10, **sums}
            return {**result, "parts": [sums] * len(batches)}

    fields = {"accumulate": 3, "steps": 5, "validate_every_steps": 100, "checkpoint_every_steps": 100}
    loop = make_loop(**fields)
    loop.step = first = Noting(loop.step)
    with pytest.raises(KeyboardInterrupt):
        loop.run()
    stream = loop.batches(corpus, loop.config.batch_tokens, loop.config.seed)
    loop._score_valid = lambda corpus: {}
    loop.step = second = Noting(first)
    second.seen = [None] * 3
    loop.run()
    wanted = [[next(stream)[1]["target_ids"].tolist() for _ in range(3)] for _ in range(5)]
    assert first.seen + second.seen[3:] == wanted
