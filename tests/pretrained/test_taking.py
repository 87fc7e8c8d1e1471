"""On presets that are made up: which of our weights are made of which of theirs."""

import re

import numpy as np
import pytest

from persona_tf.model.config import ModelConfig
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.pretrained import weights
from persona_tf.pretrained.fit import layer_kinds
from persona_tf.pretrained.preset import Preset, Sizes
from persona_tf.pretrained.report import Line, Report
from persona_tf.pretrained.taking import take

BERT = Sizes("Bert", 8, 2, 4, 6, 2, 0, 9, "gelu_tanh", 1e-12)
GPT2 = Sizes("GPT2", 8, 2, 4, 6, 0, 2, 9, "gelu_tanh", 1e-5)
T5 = Sizes("T5", 8, 2, 4, 6, 1, 1, 0, "geglu", 1e-6, tied=False)
PIECES = ["", "▁a", "b", "▁ab", "▁x"]
KNOWN = {"▁a": 0, "b": 1}
SHAPES = {
    r"(query|key|value)/kernel": (8, 2, 4),
    r"(query|key|value)/bias": (2, 4),
    r"attention_output/kernel": (2, 4, 8),
    r"intermediate_dense/kernel|(input|gate)_projector/kernel": (8, 6),
    r"intermediate_dense/bias": (6,),
    r"output_dense/kernel|layer_\d/output_projector/kernel": (6, 8),
    r"_projector/kernel": (8, 8),
    r"self_attention/embeddings": (32, 2),
    r"position_embedding": (9, 8),
    r"segment_embedding": (2, 8),
    r"": (8,),
}


def _preset(part, sizes):
    """A preset of random weights: those that the rules ask for, tables of tokens, and a pooler."""
    rng = np.random.default_rng(0)
    paths = dict.fromkeys(path for rule in weights.rules(part, sizes, 5) for path in rule.theirs)
    shapes = {path: next(s for pattern, s in SHAPES.items() if re.search(pattern, path)) for path in paths}
    shapes["token_embedding/embeddings"] = (3, 8)
    shapes |= {} if sizes.tied else {"token_embedding/reverse_embeddings": (8, 3)}
    shapes |= {"pooled_dense/kernel": (8, 8)} if sizes.kind == "Bert" else {}
    made = {path: rng.normal(size=shape).astype(np.float32) for path, shape in shapes.items()}
    return Preset(sizes.kind.lower(), sizes, made, KNOWN)


def _model(sizes, **fields):
    of = layer_kinds(sizes) | {"positions": "relative" if sizes.kind == "T5" else "learned"}
    rest = {"width": 8, "heads": 2, "feed_forward": 6, "encoder_layers": sizes.encoder_layers or 1}
    rest |= {"decoder_layers": sizes.decoder_layers or 1, "most_positions": 5, "vocabulary_size": 7, "emotes": 3}
    model = PersonaTransformer(ModelConfig(**{**of, **rest, **fields, "precision": "float32"}))
    model.build()
    return model


def _values(model):
    return {weight.path.partition("/")[2]: np.asarray(weight.value) for weight in model.weights}


def _states(report, *states):
    return {line.path: line for line in report.lines if line.state in states}


def test_a_bert_gives_all_of_the_encoder():
    model, preset = _model(BERT, scaled=False), _preset("encoder", BERT)
    drawn = _values(model)
    report, values = take(model, {"encoder": preset}, PIECES, 0), _values(model)
    taken = _states(report, "taken")
    assert {path for path in values if path.startswith("encoder/")} <= taken.keys()
    assert {path for path in taken if not path.startswith("encoder/")} == {
        "embedding/tokens", "embedding/positions", "embedding/norm/gamma", "embedding/norm/beta"
    }  # fmt: skip
    tokens = preset.weights["token_embedding/embeddings"]
    np.testing.assert_array_equal(values["embedding/tokens"][1:3], tokens[:2])
    np.testing.assert_allclose(values["embedding/tokens"][3], tokens[:2].mean(axis=0), rtol=1e-6)
    assert "2 rows as they are, 1 the mean of several" in taken["embedding/tokens"].about
    segment = preset.weights["segment_embedding/embeddings"][0]
    positions = preset.weights["position_embedding/embeddings"]
    np.testing.assert_allclose(values["embedding/positions"], positions[:5] + segment, rtol=1e-6)
    assert not values["embedding/kinds"].any()
    assert not values["embedding/turn/kernel"].any()
    np.testing.assert_array_equal(values["decoder/layer_0/self_attention/query/kernel"],
                                  drawn["decoder/layer_0/self_attention/query/kernel"])  # fmt: skip
    left = _states(report, "left")
    assert {path: line.shape for path, line in left.items()} == {
        "bert: pooled_dense/kernel": (8, 8),
        "bert: token_embedding/embeddings": (1, 8),
        "bert: position_embedding/embeddings": (4, 8),
        "bert: segment_embedding/embeddings": (1, 8),
    }
    new = _states(report, "new")
    assert (taken["embedding/tokens"].shape, new["embedding/tokens"].shape) == ((3, 8), (4, 8))
    given = sum(value.size for value in preset.weights.values())
    assert report.count("taken") + report.count("new") == sum(value.size for value in values.values())
    assert report.count("left") == 8 * (8 + 1 + 4 + 1) < given
    assert taken.keys() | new.keys() == values.keys()
    assert new["copy_head/query/bias"].about == "0s"
    assert new["embedding/kinds"].about.startswith("zeros: ")


def test_a_gpt2_reads_nothing_at_first_and_gives_tokens_where_nobody_else_does():
    alone = {"positions": "learned", "target_positions": True, "scaled": False}
    model, preset = _model(GPT2, **alone), _preset("decoder", GPT2)
    report, values = take(model, {"decoder": preset}, PIECES, 0), _values(model)
    assert not values["decoder/layer_1/cross_attention/output/kernel"].any()
    assert values["decoder/layer_1/cross_attention/query/kernel"].any()
    np.testing.assert_array_equal(values["embedding/tokens"][2], preset.weights["token_embedding/embeddings"][1])
    key, value = (preset.weights[f"transformer_layer_1/self_attention/{name}/kernel"] for name in ("key", "value"))
    both = np.concatenate([key.reshape(8, 8), value.reshape(8, 8)], axis=1)
    np.testing.assert_array_equal(values["decoder/layer_1/self_attention/key_value/kernel"], both)
    bert = _preset("encoder", BERT)
    model = _model(BERT, **alone, decoder_layers=2, decoder_style={**layer_kinds(GPT2)})
    report = take(model, {"encoder": bert, "decoder": preset}, PIECES, 0)
    np.testing.assert_array_equal(_values(model)["embedding/tokens"][2], bert.weights["token_embedding/embeddings"][1])
    left = _states(report, "left")
    assert left["gpt2: token_embedding/embeddings"].about == "the embeddings are those of the encoder"
    assert not {path for path in _states(report, "new") if "self_attention" in path}


def test_a_t5_gives_all_but_the_biases_that_it_has_not():
    model, preset = _model(T5, tied=False), _preset("whole", T5)
    report, values = take(model, {"whole": preset}, PIECES, 0), _values(model)
    new = {path for path in _states(report, "new") if path.startswith(("encoder/", "decoder/"))}
    assert new
    assert all(path.endswith("/bias") for path in new)
    assert not any(values[path].any() for path in new)
    projector = preset.weights["transformer_encoder_layer_0/self_attention/query_projector/kernel"]
    np.testing.assert_allclose(values["encoder/layer_0/attention/query/kernel"], 2 * projector, rtol=1e-6)
    np.testing.assert_allclose(
        values["embedding/tokens"][1] * 8**0.5, preset.weights["token_embedding/embeddings"][0], rtol=1e-6
    )
    reverse = preset.weights["token_embedding/reverse_embeddings"]
    np.testing.assert_array_equal(values["embedding/output_tokens"][1], reverse[:, 0])


def test_a_weight_that_is_missing_or_of_another_shape_changes_nothing():
    model, preset = _model(BERT, scaled=False), _preset("encoder", BERT)
    before = _values(model)
    other = dict(preset.weights)
    gone = other.pop("embeddings_layer_norm/beta")
    with pytest.raises(ValueError, match="bert has no weight embeddings_layer_norm/beta: is it of another version"):
        take(model, {"encoder": Preset("bert", BERT, other, KNOWN)}, PIECES, 0)
    other["embeddings_layer_norm/beta"] = gone[:3]
    with pytest.raises(ValueError, match=r"embedding/norm/beta: expected \(8,\), the presets give \(3,\)"):
        take(model, {"encoder": Preset("bert", BERT, other, KNOWN)}, PIECES, 0)
    assert all((value == before[path]).all() for path, value in _values(model).items())


def test_the_table_has_a_line_for_layers_of_one_kind():
    lines = [Line(f"encoder/layer_{i}/x", (2, 3), "taken", f"bert: layer_{i}/y") for i in range(3)]
    report = Report((*lines, Line("z", (), "new", "drawn"), Line("bert: p", (4,), "left", "not used")))
    assert report.summary.startswith("18 of the weights begin as those of others, 1 are new; 4 of theirs")
    assert report.markdown.splitlines()[4:] == [
        "| encoder/layer_*/x, 3 times | 2 x 3 | taken | bert: layer_*/y |",
        "| z | 1 | new | drawn |",
        "| bert: p | 4 | left | not used |",
    ]
