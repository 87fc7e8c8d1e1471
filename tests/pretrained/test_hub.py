import importlib.util

import pytest

from persona_tf import config
from persona_tf.pretrained import hub
from persona_tf.pretrained.config import PretrainedConfig
from persona_tf.run_dir import RunDir
from persona_tf.training import experiment


def test_without_keras_hub_it_says_how_to_install_it(tiny_config, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"to read some/folder, gpt2_base_en: pip install '\.\[pretrained\]'"):
        hub.open_presets(PretrainedConfig("some/folder", "gpt2_base_en"), tiny_config())
    assert hub.open_presets(PretrainedConfig(), tiny_config()) == {}


def test_pieces_of_bytes_are_read_as_text():
    found = [hub._bytes_as_text(piece) for piece in ("Ġbread", "ing", "Ã©", "Ã", "Ċ", "<|x|>", "\u4e00")]
    assert found == ["▁bread", "ing", "é", "", "\n", "<|x|>", ""]


def test_a_retriever_begins_with_nobodys_weights(tmp_path):
    settings = config.load("retrieval_world", ("PretrainedConfig.encoder=some",))
    with pytest.raises(ValueError, match="bots begin with the weights of others, retrievers do not"):
        experiment.train(settings, RunDir(tmp_path), tmp_path)


def test_a_preset_is_looked_at_before_any_data(tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    settings = config.load("quickstart", ("PretrainedConfig.encoder=some",))
    with pytest.raises(ValueError, match="pip install"):
        experiment.train(settings, RunDir(tmp_path), tmp_path)
    assert not list(tmp_path.iterdir())
