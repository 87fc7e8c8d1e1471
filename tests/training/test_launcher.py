"""The launcher, with workers that are no trainings."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from persona_tf.training import launcher
from persona_tf.training.launcher import launch


def _worker(tmp_path, body):
    """A command that runs ``body``, which knows ``index``, ``folder`` and ``note(text)``."""
    code = f"""
    import json, os, pathlib, signal, sys, time
    folder = pathlib.Path({str(tmp_path)!r})
    index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
    def note(text):
        with (folder / f"{{index}}.txt").open("a") as file:
            file.write(text + "\\n")
    """
    return [sys.executable, "-c", textwrap.dedent(code) + textwrap.dedent(body)]


def _notes(tmp_path, index):
    path = tmp_path / f"{index}.txt"
    return path.read_text().splitlines() if path.is_file() else []


def test_each_worker_is_told_who_it_is(tmp_path):
    launch(_worker(tmp_path, "note(os.environ['TF_CONFIG'])"), 3)
    configs = [json.loads(note) for index in range(3) for note in _notes(tmp_path, index)]
    assert [config["task"] for config in configs] == [{"type": "worker", "index": index} for index in range(3)]
    [addresses] = {tuple(config["cluster"]["worker"]) for config in configs}
    assert len(set(addresses)) == 3


def test_all_start_again_when_one_is_killed(tmp_path):
    body = """
    note("begin")
    begun = len((folder / f"{index}.txt").read_text().split())
    if index == 1 and begun == 1:
        while not (folder / "0.txt").exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60 if begun == 1 else 0)
    """
    begin = time.monotonic()
    launch(_worker(tmp_path, body), 2)
    assert _notes(tmp_path, 0)[-2:] == ["begin"] * 2, "the first was killed too, and did not wait"
    assert time.monotonic() - begin < 50


def test_it_gives_up_where_nothing_gets_further(tmp_path):
    with pytest.raises(ChildProcessError, match="killed by signal 9, 3 times without a checkpoint in between"):
        launch(_worker(tmp_path, "note('x'); os.kill(os.getpid(), signal.SIGKILL)"), 1)
    assert len(_notes(tmp_path, 0)) == 3


def test_it_goes_on_as_long_as_there_are_checkpoints(tmp_path):
    body = """
    note("x")
    if len((folder / "0.txt").read_text().split()) < 6:
        os.kill(os.getpid(), signal.SIGKILL)
    """
    launch(_worker(tmp_path, body), 1, lambda: len(_notes(tmp_path, 0)))
    assert len(_notes(tmp_path, 0)) == 6


def test_a_worker_that_fails_with_a_reason_is_not_started_again(tmp_path):
    with pytest.raises(ChildProcessError, match="a worker has failed; what it said stands above"):
        launch(_worker(tmp_path, "note('x'); time.sleep(60 if index else 0); sys.exit(1)"), 2)
    assert len(_notes(tmp_path, 0)) == 1


LAUNCHING = """
import sys
from persona_tf.training.launcher import launch
try:
    launch(sys.argv[1:], 2)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""
SAVING = """
sys.path.insert(0, os.getcwd())
from persona_tf.training.launcher import die_with_launcher
assert die_with_launcher()
try:
    note(str(os.getpid()))
    time.sleep(60)
except KeyboardInterrupt:
    note("saved")
"""


def _launched(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", LAUNCHING, *_worker(tmp_path, SAVING)], stdout=subprocess.PIPE)
    until = time.monotonic() + 60
    while not (_notes(tmp_path, 0) and _notes(tmp_path, 1)):
        assert time.monotonic() < until
        time.sleep(0.05)
    return process, [int(_notes(tmp_path, index)[0]) for index in range(2)]


def _are_gone(numbers):
    until = time.monotonic() + 30
    while any(os.path.exists(f"/proc/{number}") for number in numbers):
        assert time.monotonic() < until, "workers are left behind"
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_first_worker_saves_when_it_is_stopped(tmp_path, how):
    process, workers = _launched(tmp_path)
    process.send_signal(how)
    assert process.communicate(timeout=60)[0] == b"stopped\n"
    assert (_notes(tmp_path, 0)[1:], _notes(tmp_path, 1)[1:]) == (["saved"], [])
    _are_gone(workers)


def test_workers_end_when_the_launcher_is_killed(tmp_path):
    process, workers = _launched(tmp_path)
    process.kill()
    process.communicate(timeout=60)
    _are_gone(workers)


def test_the_first_worker_need_not_save_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(launcher, "_SAVE_S", 0.2)
    monkeypatch.setattr(launcher.time, "sleep", _interrupt_once_there(tmp_path))
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        launch(_worker(tmp_path, "signal.signal(signal.SIGINT, signal.SIG_IGN); note('x'); time.sleep(60)"), 1)
    assert time.monotonic() - begin < 30


def _interrupt_once_there(tmp_path):
    wait = time.sleep

    def sleep(seconds):
        wait(seconds)
        if _notes(tmp_path, 0):
            raise KeyboardInterrupt

    return sleep
