import pytest

from persona_tf.training.config import TrainConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"steps": 1.5}, "steps must be of type int, got 1.5"),
        ({"learning_rate": "1e-3"}, "learning_rate must be of type float, got '1e-3'"),
        ({"learning_rate": True}, "learning_rate must be of type float, got True"),
        ({"label_smoothing": -0.1}, "label_smoothing must not be negative, got -0.1"),
        ({"schedule": "linear"}, "schedule must be one of .*'cosine'.* got 'linear'"),
        ({"batch_tokens": 0}, "batch_tokens must be at least 1, got 0"),
        ({"learned_weights": 1}, "learned_weights must be True or False, got 1"),
        ({"gold_share": 1.1}, r"gold_share must lie in \[0, 1\], got 1.1"),
        ({"accumulate": 0}, "accumulate must be at least 1, got 0"),
        ({"average_decay": 1.0}, r"average_decay must be below 1, got 1\.0"),
        ({"seed": 2**32}, r"seed must be below 2 \*\* 32, got 4294967296"),
        ({"summary_every_steps": 0}, "summary_every_steps must be at least 1, got 0"),
    ],
)
def test_errors(fields, message):
    with pytest.raises(ValueError, match=message):
        TrainConfig(**fields)
