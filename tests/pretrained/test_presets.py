"""On small presets of KerasHub that are made and saved here: the same ids give the same states."""

import dataclasses
import importlib.util
import io
import json
import re
import shutil
import threading

import numpy as np
import pytest

from persona_tf import __main__ as command
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.pretrained import hub
from persona_tf.pretrained.config import PretrainedConfig
from persona_tf.pretrained.rows import BLANK, parts_of
from persona_tf.pretrained.taking import take
from persona_tf.text import vocabulary

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("keras_hub") is None, reason="needs pip install '.[pretrained]'"),
]

SIZES = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "intermediate_dim": 24}
TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture(scope="module")
def texts(vocabulary_model):
    """Our pieces that have a text and are no bytes."""
    return [piece for piece in vocabulary.pieces(vocabulary_model) if piece not in ("", BLANK) and piece[:3] != "<0x"]


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    """Name, backbone and tokenizer -> the folder of a preset whose weights are none of zero or one."""

    def made(name, backbone, tokenizer):
        rng = np.random.default_rng(len(name))
        for weight in backbone.weights:
            weight.assign(weight.numpy() + rng.normal(0, 0.3, weight.shape).astype(np.float32))
        folder = tmp_path_factory.mktemp("presets") / name
        backbone.save_to_preset(str(folder))
        tokenizer.save_to_preset(str(folder))
        return folder

    return made


@pytest.fixture(scope="module")
def bert(texts, save):
    from keras_hub import models, tokenizers

    words = [text[1:] if text[0] == BLANK else f"##{text}" for text in texts]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *dict.fromkeys(words)]
    backbone = models.BertBackbone(len(words), **SIZES, max_sequence_length=64)
    return save("bert", backbone, tokenizers.BertTokenizer(vocabulary=words))


def _byte_pairs(texts, *special):
    letters = {byte: letter for letter, byte in hub._BYTES.items()}
    written = ("".join(letters[byte] for byte in text.replace(BLANK, " ").encode()) for text in texts)
    words = {piece: number for number, piece in enumerate(dict.fromkeys([*special, *written]))}
    pairs = [f"{word[0]} {word[1]}" for word in words if len(word) == 2 and set(word) <= words.keys()]
    return {"vocabulary": words, "merges": pairs}


@pytest.fixture(scope="module")
def gpt2(texts, save):
    from keras_hub import models, tokenizers

    words = _byte_pairs(texts, "<|endoftext|>")
    backbone = models.GPT2Backbone(len(words["vocabulary"]), **SIZES, max_sequence_length=48)
    return save("gpt2", backbone, tokenizers.GPT2Tokenizer(**words))


@pytest.fixture(scope="module")
def bart(texts, save):
    from keras_hub import models, tokenizers

    words = _byte_pairs(texts, "<s>", "<pad>", "</s>", "<unk>", "<mask>")
    backbone = models.BartBackbone(len(words["vocabulary"]), **SIZES, max_sequence_length=64)
    return save("bart", backbone, tokenizers.BartTokenizer(**words))


@pytest.fixture(scope="module")
def sentence_piece(texts):
    import sentencepiece

    model = io.BytesIO()
    lines = iter([text.replace(BLANK, " ") for text in texts] * 3)
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=lines, model_writer=model, vocab_size=120, model_type="unigram", pad_id=0, eos_id=1, unk_id=2,
        bos_id=-1, hard_vocab_limit=False, minloglevel=2,
    )  # fmt: skip
    return model.getvalue()


@pytest.fixture(scope="module", params=["first", "gated and free"])
def t5(request, sentence_piece, save):
    from keras_hub import models, tokenizers
    from keras_hub.src.utils.keras_utils import gelu_approximate

    kinds = {"use_gated_activation": False}
    if request.param != "first":
        kinds = {"activation": gelu_approximate, "tie_embedding_weights": False}
    tokenizer = tokenizers.T5Tokenizer(proto=sentence_piece)
    return save("t5", models.T5Backbone(tokenizer.vocabulary_size(), **SIZES, **kinds), tokenizer)


@pytest.fixture(scope="module")
def begin(tiny_config, vocabulary_model):
    """Parts and folders -> a model that begins with these presets, the presets, and the table."""

    def begun(**asked):
        wanted = PretrainedConfig(**{part: str(folder) for part, folder in asked.items()})
        with pytest.raises(ValueError, match="These lines of gin fit:") as caught:
            hub.open_presets(wanted, tiny_config())
        lines = re.findall(r"ModelConfig\.(\w+) = (.*)", str(caught.value).partition("gin fit:")[2])
        config = dataclasses.replace(tiny_config(), **{name: eval(value) for name, value in lines})
        model = PersonaTransformer(config)
        model.build()
        presets = hub.open_presets(wanted, config)
        return model, presets, take(model, presets, vocabulary.pieces(vocabulary_model), 0)

    return begun


def _backbone(folder):
    from keras_hub.models import Backbone

    return Backbone.from_preset(str(folder))


def _ids(preset, vocabulary_model, length=20):
    """Ids of ours that are one of theirs each, and these: two rows [2, L], one with padding; and what is real."""
    found = [parts_of(piece, preset.pieces, preset.lowercase) for piece in vocabulary.pieces(vocabulary_model)]
    ours = [number for number, ids in enumerate(found) if len(ids) == 1]
    chosen = np.random.default_rng(3).choice(ours, (2, length))
    real = np.arange(length) < np.array([[length], [length - 6]])
    theirs = np.vectorize(lambda number: found[number][0])(chosen)
    return (chosen * real).astype(np.int32), (theirs * real).astype(np.int32), real


def _encoded(model, ids, real):
    position = np.arange(ids.shape[1], dtype=np.int32) * real
    features = {"knowledge_ids": ids, "knowledge_item": ids * 0, "knowledge_kind": ids * 0 + 1}
    return model.encode_knowledge({**features, "knowledge_position": position.astype(np.int32)}).states


def _decoded(model, ids, real, memory, shown):
    """Decoder states of one target a row, [B, T, D]."""
    length = ids.shape[1]
    position = np.tile(np.arange(length, dtype=np.int32), (len(ids), 1))
    x = model.embedding(ids, position, turn=ids * 0 + 1)
    mask = np.tril(np.ones((length, length), bool)) & real[:, None, :]
    shown = np.repeat(shown[:, None, :], length, axis=1)
    return model.decoder(x, mask, memory, shown, np.zeros(shown.shape, np.float32), position)[0]


def _same(ours, theirs, real):
    np.testing.assert_allclose(np.asarray(ours)[real], np.asarray(theirs)[real], **TOLERANCE)


def test_the_encoder_of_a_bert(begin, bert, vocabulary_model):
    model, presets, report = begin(encoder=bert)
    ours, theirs, real = _ids(presets["encoder"], vocabulary_model)
    inputs = {"token_ids": theirs, "segment_ids": theirs * 0, "padding_mask": real.astype(np.int32)}
    wanted = _backbone(bert)(inputs)["sequence_output"]
    _same(_encoded(model, ours, real), wanted, real)
    assert "pooled_dense/kernel | 16 x 16 | left" in report.markdown


def test_the_decoder_of_a_gpt2(begin, gpt2, vocabulary_model):
    model, presets, _ = begin(decoder=gpt2)
    ours, theirs, real = _ids(presets["decoder"], vocabulary_model)
    backbone = _backbone(gpt2)
    wanted = backbone({"token_ids": theirs, "padding_mask": real.astype(np.int32)})
    memory = np.random.default_rng(0).normal(size=(2, 7, 16)).astype(np.float32)
    found = _decoded(model, ours, real, memory, np.ones((2, 7), bool))
    _same(found, wanted, real)
    logits = backbone.token_embedding(wanted, reverse=True)
    one = np.asarray(model.embedding.logits(found))[0, :, ours[0, 0]]
    np.testing.assert_allclose(one, np.asarray(logits)[0, :, theirs[0, 0]], **TOLERANCE)


def test_a_bert_and_a_gpt2(begin, bert, gpt2, vocabulary_model):
    model, presets, _ = begin(encoder=bert, decoder=gpt2)
    ours, theirs, real = _ids(presets["encoder"], vocabulary_model)
    inputs = {"token_ids": theirs, "segment_ids": theirs * 0, "padding_mask": real.astype(np.int32)}
    _same(_encoded(model, ours, real), _backbone(bert)(inputs)["sequence_output"], real)
    backbone = _backbone(gpt2)
    x = wanted = np.random.default_rng(0).normal(size=(2, 9, 16)).astype(np.float32)
    for layer in backbone.transformer_layers:
        wanted = layer(wanted)
    memory, shown = np.ones((2, 7, 16), np.float32), np.ones((2, 9, 7), bool)
    mask = np.tile(np.tril(np.ones((9, 9), bool)), (2, 1, 1))
    found = model.decoder(x, mask, memory, shown, np.zeros(shown.shape, np.float32))[0]
    np.testing.assert_allclose(np.asarray(found), np.asarray(backbone.layer_norm(wanted)), **TOLERANCE)


def _whole(begin, folder, vocabulary_model):
    model, presets, report = begin(whole=folder)
    ours, theirs, real = _ids(presets["whole"], vocabulary_model)
    backbone, mask = _backbone(folder), real.astype(np.int32)
    named = {f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in
             (("token_ids", theirs), ("padding_mask", mask))}  # fmt: skip
    wanted = backbone(named)
    states = _encoded(model, ours, real)
    _same(states, wanted["encoder_sequence_output"], real)
    found = _decoded(model, ours, real, states, real)
    _same(found, wanted["decoder_sequence_output"], real)
    scaled = 16**-0.5 if model.config.scaled and model.config.tied else 1.0
    logits = np.asarray(backbone.token_embedding(wanted["decoder_sequence_output"], reverse=True)) * scaled
    one = np.asarray(model.embedding.logits(found))[0, :, ours[0, 0]]
    np.testing.assert_allclose(one, logits[0, :, theirs[0, 0]], **TOLERANCE)
    return report


def test_all_of_a_bart(begin, bart, vocabulary_model):
    report = _whole(begin, bart, vocabulary_model)
    new = {line.path.partition("/")[0] for line in report.lines if line.state == "new"}
    assert new == {"embedding", "selector", "emote_head", "copy_head"}
    assert {line.about for line in report.lines if line.state == "left"} == {"rows of what we have not"}


def test_all_of_a_t5(begin, t5, vocabulary_model):
    report = _whole(begin, t5, vocabulary_model)
    assert {line.about for line in report.lines if line.state == "left"} == {"rows of what we have not"}


def test_distances_are_put_into_the_buckets_of_t5():
    from keras_hub.src.models.t5.t5_multi_head_attention import T5MultiHeadAttention

    from persona_tf.model.relative_bias import buckets

    apart = np.arange(-300, 301, dtype=np.int32)
    for both_ways in (True, False):
        wanted = T5MultiHeadAttention._relative_position_bucket(apart, both_ways)
        np.testing.assert_array_equal(np.asarray(buckets(apart, both_ways)), np.asarray(wanted))


def _error(tiny_config, **asked):
    with pytest.raises(ValueError, match=r"[Pp]reset") as caught:
        hub.open_presets(PretrainedConfig(**{part: str(name) for part, name in asked.items()}), tiny_config())
    return str(caught.value)


def test_a_preset_of_another_kind(tiny_config, bert, gpt2):
    assert "PretrainedConfig.encoder: expected a Bert" in _error(tiny_config, encoder=gpt2)
    assert "is a GPT2, which fits PretrainedConfig.decoder" in _error(tiny_config, encoder=gpt2)
    assert "PretrainedConfig.whole: expected a Bart or T5" in _error(tiny_config, whole=bert)


def test_a_name_that_there_is_not(tiny_config):
    message = _error(tiny_config, encoder="bert_tiny_uncased")
    assert "no folder and no preset of KerasHub is called 'bert_tiny_uncased'; did you mean bert_" in message
    assert "local folders" in message
    assert "no folder" in _error(tiny_config, encoder="presets/none")


def test_a_network_that_never_answers(tiny_config, monkeypatch):
    from keras_hub.models import Backbone

    answered = threading.Event()
    monkeypatch.setattr(Backbone, "from_preset", lambda *_, **__: answered.wait())
    monkeypatch.setattr(hub, "DEADLINE_S", 0.2)
    message = _error(tiny_config, encoder="bert_tiny_en_uncased")
    answered.set()
    assert "bert_tiny_en_uncased was not fetched within 0.2 seconds: is there a network? Presets can be" in message


def test_no_network(tiny_config, monkeypatch):
    from keras_hub.models import Backbone

    def fail(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(Backbone, "from_preset", fail)
    message = _error(tiny_config, decoder="gpt2_base_en")
    assert "the preset gpt2_base_en cannot be fetched; is there a network? (no route to host)" in message


@pytest.mark.parametrize("broken", ["no config", "no JSON", "no weights", "no tokenizer", "half of the weights"])
def test_a_broken_folder(begin, tiny_config, bert, tmp_path, broken):
    folder = tmp_path / "bert"
    shutil.copytree(bert, folder)
    model, _, _ = begin(encoder=bert)
    weights = folder / "model.weights.h5"
    if broken == "no config":
        (folder / "config.json").unlink()
    elif broken == "no JSON":
        (folder / "config.json").write_text("{")
    elif broken == "no weights":
        weights.unlink()
    elif broken == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    else:
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"the preset .*bert cannot be read \(.*local folders"):
        hub.open_presets(PretrainedConfig(encoder=str(folder)), model.config)


def test_a_run_begins_with_a_preset_and_goes_on_without_it(bert, tmp_path, capsys):
    folder, run = tmp_path / "bert", tmp_path / "run"
    shutil.copytree(bert, folder)
    bindings = (
        "STEPS=2", "VALIDATE_EVERY_STEPS=2", "BATCH_TOKENS=512", "VOCABULARY_SIZE=420", "MAX_EXAMPLES=6",
        "TRAIN_DIALOGUES=12", "ModelConfig.decoder_layers=1", "TrainConfig.validation_examples=4",
        "DecodeConfig.max_reply_tokens=4", "DecodeConfig.max_action_tokens=3", "ModelConfig.precision=float32",
        f"PretrainedConfig.encoder='{folder}'",
    )  # fmt: skip
    words = ["train", "--experiment=quickstart", f"--run={run}", f"--data_dir={tmp_path / 'data'}"]
    words += [f"--gin.{binding}" for binding in bindings]
    assert command.main(words) == 1
    lines = capsys.readouterr().err.partition("gin fit:\n")[2].splitlines()
    words += [f"--gin.{line.strip().replace(' = ', '=', 1)}" for line in lines]
    assert command.main(words) == 0
    table = (run / "pretrained.md").read_text()
    assert "| encoder/layer_*/attention/query/kernel, 2 times | 16 x 16 | taken | bert: transformer_layer_*" in table
    assert "emote_head/kernel" in table
    shutil.rmtree(folder)
    assert command.main(words) == 0
    assert (run / "pretrained.md").read_text() == table
    manifest = json.loads(next((run / "bundle").glob("*.json")).read_text())
    assert manifest
