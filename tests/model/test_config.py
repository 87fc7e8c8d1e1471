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
        ({"kv_heads": 3}, r"kv_heads must be 0 or divide heads \(8\), got 3"),
        ({"kv_heads": True}, r"kv_heads must be 0 or divide heads \(8\), got True"),
        ({"norm": "batch"}, "norm must be one of .*'rms'.* got 'batch'"),
        ({"positions": "alibi"}, "positions must be one of .*'rotary'.* got 'alibi'"),
        ({"most_positions": 0}, "most_positions must be a positive whole number, got 0"),
        ({"selected": 0}, "selected must be a positive whole number, got 0"),
        ({"precision": "float16"}, "precision must be one of"),
    ],
)
def test_errors(fields, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**fields)
