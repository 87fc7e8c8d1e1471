import pytest
import tensorflow as tf

from persona_tf.decoding.config import DecodeConfig
from persona_tf.export.engines import chosen, open_writer
from persona_tf.export.onnx.writer import OnnxWriter
from persona_tf.export.writer import Writer


@pytest.mark.parametrize(
    ("fields", "banned", "engine"),
    [
        ({}, (), "onnx"),
        ({"method": "sample", "top_p": 0.9, "hypotheses": 3}, ((7,),), "onnx"),
        ({}, ((7, 8),), "tensorflow"),
        ({"method": "beam", "hypotheses": 4}, (), "tensorflow"),
        ({"guidance": 1.0}, (), "tensorflow"),
        ({"forced_words": ("bread",)}, (), "tensorflow"),
    ],
)
def test_auto_takes_onnx_where_that_will_do(fields, banned, engine):
    assert chosen(DecodeConfig(**fields), banned) == engine


def test_where_there_is_a_gpu_auto_takes_tensorflow(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["one"] if kind == "GPU" else [])
    assert chosen(DecodeConfig()) == "tensorflow"


@pytest.mark.parametrize(
    ("engine", "kind"), [("auto", OnnxWriter), ("tensorflow", Writer), ("onnx", OnnxWriter), ("onnx_int8", OnnxWriter)]
)
def test_each_engine_has_its_writer(engine, kind, shaken):
    writer = open_writer(engine, shaken(0.5), DecodeConfig(max_reply_tokens=4))
    assert isinstance(writer, kind)
    assert getattr(writer, "precision", "") == {"onnx_int8": "int8", "tensorflow": ""}.get(engine, "float32")


def test_what_there_is_not(shaken):
    with pytest.raises(ValueError, match="expected one of the engines auto, tensorflow, onnx, onnx_int8, got 'torch'"):
        open_writer("torch", shaken(0.5), DecodeConfig())
    with pytest.raises(ValueError, match="does not do guidance"):
        open_writer("onnx", shaken(0.5), DecodeConfig(guidance=1.0))
