import dataclasses

import pytest

from persona_tf.model.config import ModelConfig
from persona_tf.pretrained.config import PretrainedConfig
from persona_tf.pretrained.fit import check_fit
from persona_tf.pretrained.preset import Sizes

BERT = Sizes("Bert", 16, 2, 8, 12, 3, 0, 32, "gelu_tanh", 1e-12)
GPT2 = Sizes("GPT2", 16, 2, 8, 12, 0, 2, 64, "gelu_tanh", 1e-5)
BART = Sizes("Bart", 16, 4, 4, 12, 2, 2, 32, "gelu", 1e-5)
T5 = Sizes("T5", 16, 2, 8, 12, 2, 2, 0, "geglu", 1e-6, tied=False)
ALL = {
    "BERT": {"encoder": ("bert", BERT)},
    "GPT-2": {"decoder": ("gpt2", GPT2)},
    "BERT and GPT-2": {"encoder": ("bert", BERT), "decoder": ("gpt2", GPT2)},
    "BART": {"whole": ("bart", BART)},
    "T5": {"whole": ("t5", T5)},
}


def _fitted(presets, config):
    """The config with the lines of gin that the error tells; and the error."""
    with pytest.raises(ValueError, match="These lines of gin fit:") as caught:
        check_fit(presets, config)
    lines = [line.strip().removeprefix("ModelConfig.") for line in str(caught.value).splitlines()[1:]]
    fields = {name: eval(value) for name, _, value in (line.partition(" = ") for line in lines)}
    return dataclasses.replace(config, **fields), str(caught.value)


@pytest.mark.parametrize("presets", ALL.values(), ids=list(ALL))
@pytest.mark.parametrize("config", [ModelConfig(), ModelConfig(norm="rms", positions="rotary", kv_heads=2)])
def test_the_lines_that_an_error_tells_do_fit(presets, config):
    fitted, message = _fitted(presets, config)
    check_fit(presets, fitted)
    assert "width is 256, expected 16" in message
    assert "ModelConfig.width = 16\n" in message


def test_what_does_not_concern_a_preset_stays_as_it_is():
    config = ModelConfig(decoder_style={"norm": "rms"}, decoder_layers=7)
    fitted, _ = _fitted(ALL["BERT"], config)
    assert (fitted.decoder_style, fitted.decoder_layers, fitted.most_positions) == ({"norm": "rms"}, 7, 32)
    fitted, _ = _fitted(ALL["GPT-2"], ModelConfig(most_positions=20, norm="rms"))
    assert (fitted.norm, fitted.most_positions) == ("rms", 20)
    assert fitted.of_decoder.norm == "layer"


def test_presets_of_two_sizes():
    other = dataclasses.replace(GPT2, width=32, heads=4)
    message = "bert and gpt2 do not fit each other: width 32 and 16, heads 4 and 2; take two of one size"
    with pytest.raises(ValueError, match=message):
        check_fit({"encoder": ("bert", BERT), "decoder": ("gpt2", other)}, ModelConfig())


def test_heads_that_do_not_make_up_the_states():
    with pytest.raises(ValueError, match="the 2 heads of t5 have 6 channels each, and its states 16"):
        check_fit({"whole": ("t5", dataclasses.replace(T5, channels=6))}, ModelConfig())


def test_a_whole_model_leaves_no_part_for_others():
    with pytest.raises(ValueError, match=r"PretrainedConfig.whole \(a\) gives encoder and decoder"):
        PretrainedConfig(whole="a", decoder="b")
    assert PretrainedConfig(encoder="a").asked == {"encoder": "a"}
    assert PretrainedConfig().asked == {}
