import errno
import json
import os
import types
import zipfile

import keras
import numpy as np
import pytest

from persona_tf.npz_file import read_npz
from persona_tf.training import checkpoint
from persona_tf.training.checkpoint import Progress, load_checkpoint, named_variables, save_checkpoint
from persona_tf.training.config import TrainConfig
from persona_tf.training.optimizers import make_optimizer

PROGRESS = Progress(step=7, epoch=2, batch=3, validated=6, best_loss=1.25, stale=1, vocabulary="abc")


@pytest.fixture
def variables():
    """Variables of several kinds, by name."""
    values = {
        "model/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
        "model/scalar": np.float32(0.1),
        "seeds/0": np.array([1, 2**32 - 1], np.uint32),
        "optimizer/iteration": np.int64(7),
    }
    return {name: keras.Variable(value, dtype=str(value.dtype)) for name, value in values.items()}


def _values(variables):
    return {name: variable.numpy() for name, variable in variables.items()}


def _assert_equal(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
        assert one[name].dtype == other[name].dtype


def _spoil(variables):
    for variable in variables.values():
        variable.assign(variable.numpy() + 1)
    return _values(variables)


@pytest.fixture
def saved(variables, tmp_path):
    path = tmp_path / "last.npz"
    save_checkpoint(path, variables, PROGRESS)
    return path


def test_round_trip(variables, saved):
    before = _values(variables)
    _spoil(variables)
    assert load_checkpoint(saved, variables, "abc") == PROGRESS
    _assert_equal(_values(variables), before)


def test_round_trip_of_a_run_that_was_never_validated(variables, tmp_path):
    save_checkpoint(tmp_path / "a.npz", variables, Progress(vocabulary="abc"))
    assert load_checkpoint(tmp_path / "a.npz", variables, "abc").best_loss == float("inf")


def test_round_trip_of_a_model_with_its_optimizer_and_seeds(make_model, tmp_path):
    def parts(seed):
        model = make_model(seed=seed, dropout=0.1, fusion="soft")
        optimizer = make_optimizer(TrainConfig())
        optimizer.build(model.trainable_variables)
        return named_variables(model, optimizer)

    first, second = parts(0), parts(1)
    assert len(first) > 100
    _spoil(first)
    save_checkpoint(tmp_path / "a.npz", first, PROGRESS)
    load_checkpoint(tmp_path / "a.npz", second, "abc")
    _assert_equal(_values(first), _values(second))


@pytest.mark.parametrize("keep", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_file(variables, saved, keep):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(keep * len(content)) if keep < 1 else keep])
    before = _spoil(variables)
    with pytest.raises(ValueError, match=r"last.npz: damaged .*; delete it"):
        load_checkpoint(saved, variables, "abc")
    _assert_equal(_values(variables), before)


@pytest.mark.parametrize("content", [b"not a zip file at all", b"\x93NUMPY", b"PK\x03\x04" + b"\0" * 60])
def test_something_else(variables, saved, content):
    saved.write_bytes(content)
    with pytest.raises(ValueError, match=r"last.npz: damaged"):
        load_checkpoint(saved, variables, "abc")


@pytest.mark.parametrize("where", ["a weight", "encryption", "compression"])
def test_flipped_bits_are_noticed(variables, saved, where):
    content = bytearray(saved.read_bytes())
    weight, entry = content.index(np.arange(6, dtype=np.float32).tobytes()), content.index(b"PK\x01\x02")
    content[{"a weight": weight + 3, "encryption": entry + 8, "compression": entry + 10}[where]] ^= 1
    saved.write_bytes(bytes(content))
    before = _spoil(variables)
    with pytest.raises(ValueError, match=r"last.npz: damaged"):
        load_checkpoint(saved, variables, "abc")
    _assert_equal(_values(variables), before)


def _refused(variables, path, message, vocabulary="abc"):
    before = _spoil(variables)
    with pytest.raises(ValueError, match=message):
        load_checkpoint(path, variables, vocabulary)
    _assert_equal(_values(variables), before)


def test_another_vocabulary(variables, saved):
    _refused(variables, saved, r"last.npz: .*trained with vocabulary abc, this run has xyz; use", "xyz")


def test_another_shape(variables, saved):
    variables["model/kernel"] = keras.Variable(np.zeros((2, 4), np.float32))
    _refused(variables, saved, r"model/kernel has shape \(2, 3\), the model expects \(2, 4\)")


def test_a_variable_that_is_missing(variables, saved):
    variables["model/copy"] = keras.Variable(np.zeros(3, np.float32))
    _refused(variables, saved, r"another model: 1 variables missing \['model/copy'\], 0 unknown")


def test_a_variable_too_many(variables, saved):
    del variables["model/scalar"]
    _refused(variables, saved, r"0 variables missing \[\], 1 unknown \['model/scalar'\]")


def test_arrays_that_are_no_checkpoint(variables, tmp_path):
    np.savez(tmp_path / "weights.npz", **_values(variables))
    _refused(variables, tmp_path / "weights.npz", "weights.npz: is no checkpoint")


def test_a_checkpoint_of_another_version_is_refused(variables, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "FORMAT", checkpoint.FORMAT - 1)
    save_checkpoint(tmp_path / "last.npz", variables, PROGRESS)
    monkeypatch.undo()
    _refused(variables, tmp_path / "last.npz", r"is no checkpoint of this version \(format 1, this version has 2\)")


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_full_disk_keeps_the_old_one(variables, saved, monkeypatch, call):
    old = saved.read_bytes()
    _spoil(variables)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match=r"cannot write .*No space left on device.* unchanged"):
        save_checkpoint(saved, variables, PROGRESS)
    assert saved.read_bytes() == old
    assert os.listdir(saved.parent) == ["last.npz"]


def test_the_file_is_plain_numpy(saved):
    arrays = read_npz(saved, "")
    assert json.loads(arrays["__progress__"].tobytes())["step"] == 7
    assert zipfile.is_zipfile(saved)


def test_names_that_stand_for_two_variables_are_refused():
    twins = [keras.Variable(np.zeros(1), name="gamma") for _ in range(2)]
    with pytest.raises(ValueError, match=r"several variables are called \['model/gamma'\]"):
        named_variables(types.SimpleNamespace(weights=twins, variables=twins))
