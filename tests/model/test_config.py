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
        ({"norm_epsilon": 0.0}, "norm_epsilon must lie between 0 and 1, got 0.0"),
        ({"scaled": 1}, "scaled must be True or False, got 1"),
        ({"target_positions": True}, "expected ModelConfig.positions 'learned', got 'sinusoidal'"),
        ({"decoder_style": {"width": 8}}, "decoder_style may hold norm, norm_place, .* got width"),
        ({"decoder_style": {"norm": "batch"}}, "decoder_style: ModelConfig.norm must be one of"),
        ({"selected": 0}, "selected must be a positive whole number, got 0"),
        ({"precision": "float16"}, "precision must be one of"),
    ],
)
def test_errors(fields, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**fields)


def test_the_decoder_is_of_the_kind_of_the_encoder_but_for_what_is_said():
    config = ModelConfig(norm_place="after", embedding_norm=True)
    assert config.of_decoder is config
    config = ModelConfig(norm_place="after", embedding_norm=True, decoder_style={"norm_place": "before"})
    assert (config.style.norm_place, config.of_decoder.style.norm_place) == ("after", "before")
    assert config.of_decoder.embedding_norm
