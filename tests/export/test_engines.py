import pytest
import tensorflow as tf

from persona_tf.decoding.config import DecodeConfig
from persona_tf.export.engines import beyond_onnx, chosen, open_writer
from persona_tf.export.onnx.writer import OnnxWriter
from persona_tf.export.writer import Writer


@pytest.fixture(autouse=True)
def devices(monkeypatch):
    """The GPUs that there are: none at first, also where the tests have one."""
    found = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: found if kind == "GPU" else [])
    return found


@pytest.mark.parametrize(
    ("fields", "banned", "forced", "beyond"),
    [
        ({}, (), (), []),
        ({"method": "sample", "top_p": 0.9, "hypotheses": 3}, ((7,),), (), []),
        ({}, ((7, 8),), (), ["banned_words of several tokens"]),
        ({}, ((),), (), ["banned_words of several tokens"]),
        ({"method": "beam", "hypotheses": 4}, (), (), ["method beam"]),
        ({"guidance": 1.0}, (), (), ["guidance"]),
        ({"forced_words": ("bread",)}, (), ((8, 9),), ["forced_words"]),
        ({}, (), ((8, 9),), ["forced_words"]),
    ],
)
def test_auto_takes_onnx_where_that_will_do(fields, banned, forced, beyond, shaken):
    decode = DecodeConfig(**fields)
    assert beyond_onnx(decode, banned, forced) == beyond
    writer = open_writer("auto", shaken(0.5), decode, banned=banned, forced=forced)
    assert writer.engine == ("tensorflow" if beyond else "onnx")


def test_where_there_is_a_gpu_auto_takes_tensorflow(devices):
    assert chosen([]) == "onnx"
    devices.append("one")
    assert chosen([]) == "tensorflow"


@pytest.mark.parametrize(
    ("engine", "kind"), [("auto", OnnxWriter), ("tensorflow", Writer), ("onnx", OnnxWriter), ("onnx_int8", OnnxWriter)]
)
def test_each_engine_has_its_writer(engine, kind, shaken):
    writer = open_writer(engine, shaken(0.5), DecodeConfig(max_reply_tokens=4))
    assert isinstance(writer, kind)
    assert writer.engine == (engine if engine != "auto" else "onnx")


def test_what_the_graphs_do_not_do_tensorflow_does(shaken):
    model = shaken(0.5, fusion="average", copy_head=False, positions="rotary")
    assert open_writer("auto", model, DecodeConfig(max_reply_tokens=4)).engine == "tensorflow"
    beyond = "the engine onnx_int8 does not do fusion average, rotary positions: take auto or tensorflow"
    with pytest.raises(ValueError, match=beyond):
        open_writer("onnx_int8", model, DecodeConfig())
    begun = {"norm_epsilon": 1e-5, "embedding_norm": True, "activation": "gelu_tanh", "scaled": False}
    model = shaken(0.5, positions="learned", target_positions=True, **begun, decoder_style={"norm": "rms"})
    beyond = "activation gelu_tanh, norms .* 1e-05, .* is embedded, .* as they are, .* targets .*, a decoder"
    with pytest.raises(ValueError, match=beyond):
        open_writer("onnx", model, DecodeConfig())


def test_what_there_is_not(shaken):
    with pytest.raises(ValueError, match="expected one of the engines auto, tensorflow, onnx, onnx_int8, got 'torch'"):
        open_writer("torch", shaken(0.5), DecodeConfig())
    with pytest.raises(ValueError, match="the engine onnx does not do guidance: take auto or tensorflow"):
        open_writer("onnx", shaken(0.5), DecodeConfig(guidance=1.0))
