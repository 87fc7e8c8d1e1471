import json

import numpy as np
import pytest

from persona_tf.decoding.config import DecodeConfig
from persona_tf.export.onnx.files import read_manifest, write_onnx
from persona_tf.export.onnx.graph import Map, quantized
from persona_tf.export.onnx.reader import blocks
from persona_tf.export.onnx.sessions import Sessions
from persona_tf.export.onnx.writer import OnnxWriter


@pytest.fixture
def folder(make_model, tmp_path):
    write_onnx(make_model(), tmp_path / "deep" / "bot", "int8", source="a test")
    return tmp_path / "deep" / "bot"


def test_the_manifest_says_what_it_is(folder, make_model):
    manifest = read_manifest(folder)
    assert (manifest.precision, manifest.source, manifest.model) == ("int8", "a test", make_model().config)
    assert manifest.checksums.keys() == {path.name for path in folder.iterdir()} - {"manifest.json"}
    assert [path.name for path in folder.parent.iterdir()] == ["bot"], "nothing temporary is left"


def test_it_is_exchanged_as_a_whole(folder, make_model):
    write_onnx(make_model(), folder, "float32")
    assert read_manifest(folder).precision == "float32"
    assert not (folder / "step_absorbed.onnx").exists()


def test_an_unknown_precision_is_refused(make_model, tmp_path):
    with pytest.raises(ValueError, match="expected one of the precisions float32, int8, got 'int4'"):
        write_onnx(make_model(), tmp_path / "bot", "int4")
    assert not list(tmp_path.iterdir())


def test_what_belongs_to_others_is_left(make_model, tmp_path):
    (tmp_path / "letter").write_text("dear")
    # Other programs have a manifest.json, too.
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(FileExistsError, match="holds something else"):
        write_onnx(make_model(), tmp_path, "int8")
    other = tmp_path / "other"
    other.mkdir()
    (other / "step.onnx").write_text("somebody's")
    with pytest.raises(FileExistsError, match="holds something else"):
        write_onnx(make_model(), other, "int8")


def test_a_graph_that_is_refused_is_refused_again(folder):
    (folder / "step.onnx").write_bytes(b"no graph")
    sessions = Sessions(folder)
    for _ in range(2):
        with pytest.raises(ValueError, match=r"step\.onnx: not for onnxruntime"):
            sessions.get("step")


def test_a_wrong_folder_is_refused(folder):
    path = folder / "manifest.json"
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"format": 99}))
    with pytest.raises(ValueError, match="format 99, this version reads format 1"):
        OnnxWriter(folder, DecodeConfig())
    path.write_text(json.dumps(about | {"precision": "int4"}))
    with pytest.raises(ValueError, match="got 'int4'; write the folder anew"):
        OnnxWriter(folder, DecodeConfig())
    path.write_text("{")
    with pytest.raises(ValueError, match="is no JSON"):
        OnnxWriter(folder, DecodeConfig())
    path.unlink()
    with pytest.raises(FileNotFoundError, match=r"manifest\.json: not there"):
        OnnxWriter(folder, DecodeConfig())


@pytest.mark.parametrize("name", ["step.onnx", "tables.npz"])
def test_a_damaged_or_missing_file_is_named(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ValueError, match=f"{name}: damaged"):
        OnnxWriter(folder, DecodeConfig())
    (folder / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"{name}: not there"):
        OnnxWriter(folder, DecodeConfig())


def test_items_share_blocks():
    item = np.repeat([[0, 1, 2, 3]], [3, 30, 2, 5], axis=1)
    mask = np.ones(item.shape, bool)
    mask[0, -1] = False
    places, owners = blocks(item, mask)
    assert places.tolist() == [0, 1, 2, *range(32, 64), *range(64, 68)]
    assert owners[1].tolist() == [1] * 30 + [2] * 2
    places, owners = blocks(np.zeros((2, 40), int), np.ones((2, 40), bool))
    assert owners.shape == (2, 40), "as long as the longest item; rows are apart"
    assert blocks(np.zeros((1, 4), int), np.zeros((1, 4), bool))[1].max() == -1


def test_quantised_weights_are_near():
    kernel = np.random.default_rng(0).normal(size=(64, 8)).astype(np.float32)
    whole, scale = quantized(kernel, 127)
    assert np.abs(whole * scale - kernel).max() <= scale.max() / 2 + 1e-6


def test_padded_heads_do_not_change_a_product():
    rng = np.random.default_rng(0)
    one, other = (Map(rng.normal(size=(6, 6)).astype(np.float32), np.zeros(6, np.float32)) for _ in range(2))
    x = rng.normal(size=(3, 6)).astype(np.float32)
    padded = x @ one.heads_out(2).kernel @ other.heads_in(2).kernel
    np.testing.assert_allclose(padded, x @ one.kernel @ other.kernel, rtol=1e-5)
