import pytest

from persona_tf.decoding.config import DecodeConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": "best"}, "method must be one of .*'greedy'.* got 'best'"),
        ({"temperature": 0.0}, r"temperature must be above 0, got 0.0"),
        ({"top_p": 0.0}, r"top_p must lie in \(0, 1\], got 0.0"),
        ({"top_p": 1.1}, r"top_p must lie in \(0, 1\], got 1.1"),
        ({"top_k": -1}, "top_k must be at least 0, got -1"),
        ({"max_reply_tokens": 0}, "max_reply_tokens must be at least 1, got 0"),
        ({"max_action_tokens": 0}, "max_action_tokens must be at least 1, got 0"),
    ],
)
def test_errors(fields, message):
    with pytest.raises(ValueError, match=message):
        DecodeConfig(**fields)
