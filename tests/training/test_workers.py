"""Training in several processes, really started, on loopback."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from persona_tf.npz_file import read_npz
from persona_tf.training.checkpoint import LAST
from persona_tf.training.launcher import launch

SCRIPT = pathlib.Path(__file__).parent / "on_workers.py"
ROOT = pathlib.Path(__file__).parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture
def make_inputs(episodes, vocabulary_model, tmp_path, monkeypatch):
    """TrainConfig fields -> the folder of inputs of `on_workers.py`."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def make(dropout=0.0, **train):
        (tmp_path / "vocabulary.model").write_bytes(vocabulary_model)
        inputs = {"episodes": [episode.to_json() for episode in episodes], "train": train, "dropout": dropout}
        (tmp_path / "inputs.json").write_text(json.dumps(inputs))
        return tmp_path

    return make


def _alone(inputs, name, *more):
    command = [sys.executable, SCRIPT, inputs, inputs / name, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return _losses(inputs / name)


def _losses(run):
    """The losses by step; those of steps that were taken twice are those of the last time."""
    pairs = [line.split() for line in (run / "losses.txt").read_text().splitlines()]
    return {int(step): float(loss) for step, loss in pairs}


def _assert_close(found, wanted):
    assert list(found) == list(wanted) == list(range(1, len(wanted) + 1))
    np.testing.assert_allclose(list(found.values()), list(wanted.values()), atol=1e-3)


def test_two_workers_learn_as_one_process_does(make_inputs):
    """Batches are of several lengths, and of one to five rows: one worker often has a row more, or none at all."""
    inputs = make_inputs()
    launch([sys.executable, str(SCRIPT), str(inputs), str(inputs / "two")], 2)
    alone = _alone(inputs, "alone")
    assert len(alone) == 50
    _assert_close(_losses(inputs / "two"), alone)
    progress = [json.loads(read_npz(inputs / name / LAST, "")["__progress__"].tobytes()) for name in ("two", "alone")]
    assert progress[0] == {**progress[1], "best_loss": pytest.approx(progress[1]["best_loss"], abs=1e-3)}


def test_two_replicas_in_one_process_learn_as_one_does_also_from_several_batches(make_inputs):
    inputs = make_inputs(steps=6, accumulate=3, validate_every_steps=6)
    _assert_close(_alone(inputs, "two", "2"), _alone(inputs, "alone"))


def test_all_start_again_when_one_is_killed(make_inputs, caplog):
    inputs = make_inputs(dropout=0.2, steps=24, validate_every_steps=12, checkpoint_every_steps=4)
    command = lambda name: [sys.executable, str(SCRIPT), str(inputs), str(inputs / name)]  # noqa: E731
    launch(command("whole"), 2)
    killer = threading.Thread(target=_kill_at, args=(inputs / "broken", 10))
    killer.start()
    launch(command("broken"), 2, lambda: _written(inputs / "broken" / LAST))
    killer.join()
    assert [r.getMessage() for r in caplog.records if "killed by signal 9" in r.getMessage()]
    assert _losses(inputs / "broken") == _losses(inputs / "whole")
    one, other = (read_npz(inputs / name / LAST, "") for name in ("whole", "broken"))
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def _written(path):
    return path.stat().st_mtime_ns if path.is_file() else 0


def _kill_at(run, step):
    """Kills the second worker of a run when the first has told of the step."""
    path = run / "losses.txt"
    while not path.is_file() or f"{step} " not in path.read_text():
        time.sleep(0.05)
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command, environment = (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(run).encode() in command and b'"index": 1' in environment:
            os.kill(int(folder.name), signal.SIGKILL)
