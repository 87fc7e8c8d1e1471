"""A run that is really killed, in processes of its own."""

import json
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from persona_tf.npz_file import read_npz
from persona_tf.training.loop import LAST

SCRIPT = pathlib.Path(__file__).parent / "run_to_be_killed.py"
ROOT = pathlib.Path(__file__).parents[2]


def _start(inputs, run):
    command = [sys.executable, SCRIPT, inputs, run]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # What is started in the background by a shell ignores Ctrl-C, and so would the run.
    hears = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    return subprocess.Popen(command, cwd=ROOT, preexec_fn=hears, **pipes)


def _kill_at(inputs, run, step, how):
    """Starts the run, sends the signal when it has told of the step, and returns its exit status."""
    process = _start(inputs, run)
    for line in process.stdout:
        if line.strip() == f"step {step}":
            process.send_signal(how)
            break
    else:
        pytest.fail(f"the run ended before step {step}: {process.stderr.read()[-2000:]}")
    process.communicate(timeout=60)
    return process.returncode


def _finish(inputs, run):
    """Runs to the end; the steps that were taken."""
    process = _start(inputs, run)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err[-2000:]
    return [int(line.split()[1]) for line in out.splitlines() if line.startswith("step ")]


@pytest.mark.slow
def test_a_run_that_is_killed_ends_as_if_nothing_had_been(episodes, vocabulary_model, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    (tmp_path / "vocabulary.model").write_bytes(vocabulary_model)
    (tmp_path / "episodes.json").write_text(json.dumps([episode.to_json() for episode in episodes]))
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert _finish(tmp_path, whole) == list(range(1, 61))
    for step in (7, 24, 41):
        assert _kill_at(tmp_path, broken, step, signal.SIGKILL) == -signal.SIGKILL
    assert _kill_at(tmp_path, broken, 52, signal.SIGINT) not in (0, -signal.SIGKILL)
    steps = _finish(tmp_path, broken)
    assert steps[-1] == 60
    assert steps[0] >= 53, "Ctrl-C had saved"
    one, other = read_npz(whole / LAST, ""), read_npz(broken / LAST, "")
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert [path.name for path in broken.glob(".*")] == [], "no temporary file is left"
    curves = []
    for run in (whole, broken):
        read = EventAccumulator(str(run / "summaries"))
        read.Reload()
        curves.append({point.step: point.value for point in read.Scalars("valid/loss")})
    assert curves[0] == curves[1]
