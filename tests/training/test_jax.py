"""Training on JAX, in a process of its own: Keras chooses its backend when it is imported."""

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from persona_tf.npz_file import read_npz
from persona_tf.training.checkpoint import LAST, Progress, named_variables, save_checkpoint

SCRIPT = pathlib.Path(__file__).parent / "on_jax.py"
ROOT = pathlib.Path(__file__).parents[2]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="needs pip install '.[jax]'"),
]


@pytest.fixture(scope="module")
def script():
    """The module on_jax.py, on TensorFlow here."""
    spec = importlib.util.spec_from_file_location("on_jax", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(script, episodes, vocabulary_model, tmp_path_factory):
    """What TensorFlow left after a step, and what JAX found."""
    folder = tmp_path_factory.mktemp("jax")
    (folder / "vocabulary.model").write_bytes(vocabulary_model)
    (folder / "episodes.json").write_text(json.dumps([episode.to_json() for episode in episodes]))
    corpus, model, step = script.make(folder)
    everything = corpus.rows(np.arange(len(corpus)))
    step._train(everything)
    save_checkpoint(folder / LAST, named_variables(model, step.optimizer), Progress(step=1, vocabulary="tiny"))
    wanted = script.outputs(model, everything)
    result = step._train(everything)
    np.savez(folder / "wanted.npz", **wanted, large=[float(result["loss"]), float(result["gradient_norm"])])
    environment = {**os.environ, "KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, SCRIPT, folder]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def wanted(folder):
    return read_npz(folder / "wanted.npz", "")


@pytest.fixture(scope="module")
def found(folder):
    return read_npz(folder / "found.npz", "")


@pytest.mark.parametrize("name", ["vocabulary_logits", "emote_logits", "copy_attention", "copy_gate"])
def test_a_checkpoint_of_tensorflow_says_the_same_on_jax(wanted, found, name):
    np.testing.assert_allclose(found[name], wanted[name], atol=1e-5)


def test_it_goes_on_as_on_tensorflow(wanted, found):
    np.testing.assert_allclose(found["large"], wanted["large"], rtol=1e-4)


def test_several_batches_are_one_large_one(found):
    np.testing.assert_allclose(found["parts"], found["large"], rtol=1e-4)
    assert found["momenta"] < 1e-6


def test_a_run_that_is_killed_goes_on_as_if_nothing_had_been(folder):
    one, other = read_npz(folder / "whole" / LAST, ""), read_npz(folder / "broken" / LAST, "")
    assert one.keys() == other.keys()
    assert json.loads(one["__progress__"].tobytes())["step"] == 8
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert any("average" in name for name in one)


def test_a_checkpoint_of_jax_goes_on_under_tensorflow(script, folder):
    from persona_tf.training.checkpoint import load_checkpoint

    _, model, step = script.make(folder, dropout=0.2)
    variables = named_variables(model, step.optimizer)
    assert load_checkpoint(folder / "whole" / LAST, variables, "tiny").step == 8
    arrays = read_npz(folder / "whole" / LAST, "")
    for name, variable in variables.items():
        np.testing.assert_array_equal(variable.numpy(), arrays[name], err_msg=name)
