import pytest

from persona_tf.model.config import ModelConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 0}, "width must be a positive whole number, got 0"),
        ({"heads": 2.0}, "heads must be a positive whole number, got 2.0"),
        ({"encoder_layers": -1}, "encoder_layers must be a whole number from 0 on, got -1"),
        ({"width": 12, "heads": 4}, r"width \(12\) must be a multiple of 2 \* heads \(8\)"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"knowledge_dropout": -0.1}, "knowledge_dropout must lie in"),
        ({"fusion": "concatenate"}, "fusion must be one of .*'concat'.* got 'concatenate'"),
        ({"selected": 0}, "selected must be a positive whole number, got 0"),
        ({"precision": "float16"}, "precision must be one of"),
    ],
)
def test_errors(fields, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**fields)
