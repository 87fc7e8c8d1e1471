"""Sweeps of processes that stand in for training: what is skipped, what goes on, what is told."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import types

import pytest

from persona_tf.evaluation.commands import Sweep, sweep, sweep_jobs
from persona_tf.evaluation.comparison.sweep import Job, run_jobs, seeds_of, sweep_table
from persona_tf.run_dir import RunDir
from persona_tf.training.checkpoint import Progress, is_trained, save_checkpoint

TRAIN = """
import json, pathlib, sys
run, value, code = pathlib.Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
print(run, file=open(run.parent.parent / "log", "a"))
if code: sys.exit(code)
def write(name, text):
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).write_text(text)
write("trained", "")
write("bundle/bundle.json", json.dumps({"step": 5}))
write("predictions/test.jsonl", "")
metrics = {"reply_f1": {"value": value}, "reply_ppl": {"value": None}}
write("evaluation/test.json", json.dumps({"step": 5, "metrics": metrics}))
write("evaluation/test.md", "")
"""


def job(root, seed, value=0.5, code=0, experiment="demo", program=TRAIN):
    run = RunDir(root / experiment / str(seed))
    run.path.mkdir(parents=True, exist_ok=True)
    command = (sys.executable, "-c", program, str(run.path), str(value), str(code))
    return Job(experiment, seed, run, ("test",), command, lambda: (run.path / "trained").is_file(), 1)


def begun(root):
    log = root / "log"
    return [line.rsplit("/", 2)[-2:] for line in log.read_text().splitlines()] if log.is_file() else []


def test_runs_are_made_one_after_the_other_and_not_twice(tmp_path):
    jobs, said = [job(tmp_path, 0, 0.4), job(tmp_path, 1, 0.6)], []
    assert run_jobs(jobs, said.append) == {}
    assert begun(tmp_path) == [["demo", "0"], ["demo", "1"]]
    assert run_jobs(jobs, said.append) == {}
    assert len(begun(tmp_path)) == 2
    assert "[2/2] demo, seed 1: complete" in said[-1]


@pytest.mark.parametrize(
    "missing", ["trained", "evaluation/test.md", "evaluation/test.json", "predictions/test.jsonl", "bundle/bundle.json"]
)
def test_what_was_stopped_goes_on(tmp_path, missing):
    one = job(tmp_path, 0)
    run_jobs([one])
    (one.run.path / missing).unlink()
    assert not one.is_complete
    run_jobs([one])
    assert one.is_complete
    assert len(begun(tmp_path)) == 2


def test_an_evaluation_of_an_older_bundle_does_not_count(tmp_path):
    one = job(tmp_path, 0)
    run_jobs([one])
    (one.run.bundle / "bundle.json").write_text(json.dumps({"step": 6}))
    assert not one.is_complete


def test_a_run_that_fails_keeps_no_other_from_being_made(tmp_path):
    jobs = [job(tmp_path, 0, code=3), job(tmp_path, 1, program="pass"), job(tmp_path, 2)]
    killed = job(tmp_path, 3, program="import os; os.kill(os.getpid(), 9)")
    failed = run_jobs([*jobs, killed], lambda text: None)
    assert [failed.get(str(j.run.path), "") for j in (*jobs, killed)] == [
        "exit code 3: see above",
        "it ended, but its training is not over",
        "",
        "killed by signal 9",
    ]
    text, data = sweep_table([*jobs, killed], failed)
    assert "demo (1 seed)" in text
    assert "Not in the table:" in text
    assert data["seeds"] == {"demo": [2]}


def test_the_table_has_mean_and_deviation_for_each_experiment(tmp_path):
    jobs = [job(tmp_path, 0, 0.4), job(tmp_path, 1, 0.6), job(tmp_path, 0, 0.7, experiment="other")]
    run_jobs(jobs, lambda text: None)
    text, data = sweep_table(jobs, {})
    assert "| metric    | demo (2 seeds) | other (1 seed) |" in text
    assert "no number ±" not in text
    assert "50.0 ± 14.1 %" in text
    assert "70.0 %" in text
    assert data["splits"]["test"]["demo"]["reply_f1"] == {
        "mean": pytest.approx(0.5),
        "sd": pytest.approx(0.02**0.5),
        "values": [0.4, 0.6],
    }
    assert data["splits"]["test"]["other"]["reply_f1"]["sd"] is None
    assert data["splits"]["test"]["other"]["reply_ppl"]["mean"] is None
    json.dumps(data, allow_nan=False)


def test_what_stops_the_child_stops_the_sweep(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run_jobs([job(tmp_path, 0, code=130), job(tmp_path, 1)], lambda text: None)
    assert len(begun(tmp_path)) == 1


SAVES = """
import pathlib, sys, time
run = pathlib.Path(sys.argv[1])
try:
    (run / "begun").write_text("")
    time.sleep(60)
except KeyboardInterrupt:
    time.sleep(0.3)
    (run / "saved").write_text("")
    sys.exit(130)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_lets_the_run_save_and_leaves_no_process(tmp_path, number):
    one = job(tmp_path, 0, program=SAVES)

    def stop():
        while not (one.run.path / "begun").is_file():
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    stops = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(n) for n in stops]
    thread = threading.Thread(target=stop)
    thread.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_jobs([one, job(tmp_path, 1)], lambda text: None)
    thread.join()
    assert time.monotonic() - start < 20
    assert (one.run.path / "saved").is_file()
    assert begun(tmp_path) == []
    assert [signal.getsignal(n) for n in stops] == before
    assert subprocess.run(["pgrep", "-P", str(os.getpid()), "-f", "time.sleep.60"], capture_output=True).stdout == b""


def test_a_sweep_in_the_background_of_a_script_can_be_stopped(tmp_path):
    # There SIGINT is ignored, and so it would be by what the sweep starts.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        test_a_stop_lets_the_run_save_and_leaves_no_process(tmp_path, signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("texts", [[], ["x"], ["1", ""], ["-1"], ["1.0"], ["²"]])
def test_seeds_are_whole_numbers(texts):
    with pytest.raises(ValueError, match="--seeds: expected whole numbers"):
        seeds_of(texts)


def test_a_seed_given_twice():
    assert seeds_of(["0", " 2"]) == (0, 2)
    with pytest.raises(ValueError, match="1 stands there twice"):
        seeds_of(["1", "0", "01"])


def load(experiment, bindings):
    evaluate, train = types.SimpleNamespace(splits=("test",)), types.SimpleNamespace(steps=5, patience=0)
    about = types.SimpleNamespace(minutes=8)
    return types.SimpleNamespace(evaluate=evaluate, train=train, experiment=about, config_text="\n".join(bindings))


def asked(root, **fields):
    words = {"experiments": ["a", "b"], "seeds": ["0", "1"], "bindings": ("STEPS=3",), "root": root}
    return Sweep(**{**words, "options": ("--data_dir=d",), **fields})


def test_jobs_are_experiments_times_seeds(tmp_path):
    jobs = sweep_jobs(asked(tmp_path), load, lambda *_: False)
    assert [(j.experiment, j.seed, j.run.path) for j in jobs] == [
        (e, s, tmp_path / e / str(s)) for e in ("a", "b") for s in (0, 1)
    ]
    assert jobs[3].command[1:] == (
        *("-m", "persona_tf", "train", "--experiment=b", f"--run={tmp_path / 'b' / '1'}", "--data_dir=d"),
        *("--gin.STEPS=3", "--gin.SEED=1"),
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"experiments": []}, "--experiments: expected different names"),
        ({"experiments": ["a", "a"]}, "--experiments: expected different names"),
        ({"bindings": ("SEED = 2",)}, "name the seeds of a sweep with --seeds"),
        ({"seeds": ["0", "0"]}, "stands there twice"),
    ],
)
def test_what_cannot_be_meant_is_said_before_anything_begins(tmp_path, fields, words):
    with pytest.raises(ValueError, match=words):
        sweep(asked(tmp_path, **fields), load, lambda *_: False)
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_of_which_all_failed_leaves_the_table_of_an_earlier_one(tmp_path, monkeypatch):
    table = tmp_path / "sweep" / "a-b.md"
    table.parent.mkdir()
    table.write_text("earlier")
    monkeypatch.setattr(
        "persona_tf.evaluation.comparison.sweep.run_jobs", lambda jobs: {str(j.run.path): "exit code 1" for j in jobs}
    )
    with pytest.raises(ValueError, match="4 of 4 runs failed"):
        sweep(asked(tmp_path), load, lambda *_: False)
    assert table.read_text() == "earlier"
    assert list(table.parent.iterdir()) == [table]


def test_runs_where_none_can_be_are_refused_before_anything_begins(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="expected a folder"):
        sweep(asked(tmp_path / "file"), load, lambda *_: False)


def test_a_folder_with_another_config_is_refused_before_anything_begins(tmp_path):
    RunDir.create(tmp_path / "b" / "1", "b", "STEPS=4\nSEED=1", "typed")
    with pytest.raises(ValueError, match=r"\+ STEPS=3[\s\S]*--runs=") as caught:
        sweep(asked(tmp_path), load, lambda *_: False)
    assert "- STEPS=4" in str(caught.value)
    assert not (tmp_path / "a").exists()


def test_training_is_over_at_its_last_step_or_when_patience_has_run_out(tmp_path):
    def left(**fields):
        save_checkpoint(tmp_path / "last.npz", {}, Progress(**fields))
        return is_trained(tmp_path, 10, 2)

    assert not is_trained(tmp_path / "nowhere", 10, 2)
    assert left(step=10, validated=10)
    assert not left(step=10, validated=5)
    assert not left(step=9, validated=9)
    assert left(step=6, validated=6, stale=2)
    assert not left(step=6, validated=6, stale=1)
    assert not is_trained(tmp_path, 10, 0)
    (tmp_path / "last.npz").write_bytes(b"PK")
    with pytest.raises(ValueError, match="damaged"):
        is_trained(tmp_path, 10, 2)
