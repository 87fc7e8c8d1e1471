import dataclasses
import json
import shutil

import numpy as np
import pytest

from persona_tf.decoding.config import DecodeConfig
from persona_tf.example import ExampleConfig
from persona_tf.export.bundle import load_bundle, save_bundle
from persona_tf.text.config import TextConfig

DECODE = DecodeConfig(method="sample", top_p=0.9, temperature=0.7, max_reply_tokens=5)
EXAMPLE = ExampleConfig(kinds=("persona", "object"), learn_emote=False, max_targets=3)


@pytest.fixture(scope="module")
def text():
    return TextConfig(vocabulary_size=330, item_tokens=9)


@pytest.fixture(scope="module")
def model(shaken):
    return shaken(fusion="soft", encoder_layers=2, decoder_layers=2)


@pytest.fixture(scope="module")
def whole(model, text, vocabulary_model, tmp_path_factory):
    """The folder of a bundle; do not change it."""
    folder = tmp_path_factory.mktemp("bundle") / "bundle"
    configs = {"text": text, "example": EXAMPLE, "model": model.config, "decode": DECODE}
    save_bundle(folder, "demo", 42, configs, model, vocabulary_model)
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    """A copy that may be broken."""
    return shutil.copytree(whole, tmp_path / "bundle")


def test_a_bundle_holds_just_these_files(whole):
    assert sorted(path.name for path in whole.iterdir()) == ["bundle.json", "vocabulary.model", "weights.npz"]


def test_round_trip(whole, model, text, features):
    bundle = load_bundle(whole)
    assert (bundle.experiment, bundle.step) == ("demo", 42)
    assert (bundle.text, bundle.example, bundle.decode) == (text, EXAMPLE, DECODE)
    assert bundle.model.config == model.config
    packer = bundle.packer
    assert (packer.config, packer.learn_action, packer.learn_emote) == (text, True, False)
    before, after = model(features), bundle.model(features)
    for name in ("vocabulary_logits", "emote_logits", "copy_gate", "copy_attention", "source_log_probs"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), err_msg=name)


def test_every_weight_comes_back(whole, model):
    loaded = load_bundle(whole).model
    for one, other in zip(model.weights, loaded.weights, strict=True):
        assert one.path == other.path
        np.testing.assert_array_equal(one.numpy(), other.numpy(), err_msg=one.path)


def test_a_bundle_is_overwritten_whole(folder, model, text, vocabulary_model):
    configs = {"text": text, "example": EXAMPLE, "model": model.config, "decode": DecodeConfig()}
    save_bundle(folder, "demo", 43, configs, model, vocabulary_model)
    bundle = load_bundle(folder)
    assert (bundle.step, bundle.decode) == (43, DecodeConfig())
    assert len(list(folder.iterdir())) == 3


@pytest.mark.parametrize("name", ["bundle.json", "vocabulary.model", "weights.npz"])
def test_a_file_is_missing(folder, name):
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=rf"{name}: not there.*make train"):
        load_bundle(folder)


def test_there_is_no_bundle(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"bundle.json: not there.*make train"):
        load_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize("part", [0.0, 0.5, 0.98])
@pytest.mark.parametrize(
    ("name", "message"),
    [("bundle.json", "is no JSON"), ("vocabulary.model", "is vocabulary"), ("weights.npz", "damaged")],
)
def test_a_file_is_cut_short(folder, name, message, part):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: int(part * len(content))])
    with pytest.raises(ValueError, match=rf"{name}: {message}"):
        load_bundle(folder)


@pytest.mark.parametrize("where", ["a weight", "encryption", "compression"])
def test_flipped_bits_in_the_weights_are_noticed(folder, where):
    content = bytearray((folder / "weights.npz").read_bytes())
    entry = content.index(b"PK\x01\x02")  # of the list of contents
    content[{"a weight": len(content) // 2, "encryption": entry + 8, "compression": entry + 10}[where]] ^= 1
    (folder / "weights.npz").write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"weights.npz: damaged"):
        load_bundle(folder)


def test_another_vocabulary(folder, tmp_path):
    from persona_tf.text.vocabulary import train_vocabulary

    train_vocabulary(["Quite another text, with other words."], 300, folder / "vocabulary.model")
    with pytest.raises(ValueError, match=r"vocabulary.model: is vocabulary [0-9a-f]+, but .* put that one back"):
        load_bundle(folder)


def _change(folder, **fields):
    path = folder / "bundle.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in (about | fields).items() if v is not None}))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"format": 3}, "format 3, this version reads format 4"),
        ({"format": None}, "format None, this version reads format 4"),
        ({"vocabulary": None}, r"lacks \['vocabulary'\]"),
        ({"decode": None, "step": None}, r"lacks \['step', 'decode'\]"),
        ({"step": "many"}, "step: expected int, got 'many'; train again"),
        ({"step": True}, "step: expected int, got True"),
        ({"experiment": 3}, "experiment: expected str, got 3"),
        ({"text": []}, r"text: expected dict, got \[\]"),
        ({"decode": {"method": "best"}}, "decode: DecodeConfig.method must be one of"),
        ({"decode": {"methode": "greedy"}}, "decode: .*unexpected keyword argument 'methode'"),
        ({"text": {"item_tokens": "9"}}, "text: TextConfig.item_tokens must be a positive whole number"),
        ({"example": {"kinds": ["shoes"]}}, "example: ExampleConfig.kinds: unknown"),
    ],
)
def test_a_wrong_description(folder, fields, message):
    _change(folder, **fields)
    with pytest.raises(ValueError, match=rf"bundle.json: {message}"):
        load_bundle(folder)


@pytest.mark.parametrize("content", ["[]", "3", "null"])
def test_a_description_that_is_no_dict(folder, content):
    (folder / "bundle.json").write_text(content)
    with pytest.raises(ValueError, match=r"bundle.json: format None"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"width": 20}, r"has shape \(.*16.*\), the model expects \(.*20.*\); train again"),
        ({"decoder_layers": 3}, r"another model: \d+ variables missing .*, 0 unknown \[\]; train again"),
        ({"copy_head": False}, r"another model: 0 variables missing \[\], \d+ unknown .*copy_head"),
    ],
)
def test_weights_of_another_model(folder, model, fields, message):
    _change(folder, model=dataclasses.asdict(dataclasses.replace(model.config, **fields)))
    with pytest.raises(ValueError, match=rf"weights.npz: .*{message}"):
        load_bundle(folder)


def test_a_model_of_another_size_than_the_vocabulary(folder, make_model, text, vocabulary_model):
    """Weights and description fit each other, and only the vocabulary is too small for them."""
    model = make_model(vocabulary_size=331)
    configs = {"text": text, "example": EXAMPLE, "model": model.config, "decode": DECODE}
    save_bundle(folder, "demo", 42, configs, model, vocabulary_model)
    with pytest.raises(ValueError, match=r"bundle.json: model: vocabulary_size is 331, .*vocabulary.model .*330 ids"):
        load_bundle(folder)


def test_a_retriever_is_no_bot(tmp_path):
    (tmp_path / "retriever.json").write_text("{}")
    with pytest.raises(ValueError, match="holds a retriever, which finds facts and says nothing"):
        load_bundle(tmp_path)
