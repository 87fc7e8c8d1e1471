import json
import os

import pytest

from persona_tf import run_dir
from persona_tf.atomic_file import write_atomically
from persona_tf.run_dir import RunDir, versions


def test_create_names_all_that_a_run_leaves(tmp_path):
    run = RunDir.create(tmp_path / "runs" / "a" / "0", "a", "SEED = 0\n", "make it")
    assert run.config.read_text() == "# Experiment: a\nSEED = 0\n"
    assert run.command.read_text() == "make it\n"
    assert json.loads(run.versions.read_text())["python"].startswith("3.")
    assert run.evaluation("test", "md") == run.path / "evaluation" / "test.md"
    assert run.predictions("test") == run.path / "predictions" / "test.jsonl"
    paths = (run.operative_config, run.summaries, run.checkpoints, run.bundle)
    assert run.leant_on("test") == run.path / "evaluation" / "leant_on_test.png"
    assert run.self_chat == run.path / "self_chat"
    assert [p.name for p in paths] == ["operative_config.gin", "summaries", "checkpoints", "bundle"]
    assert sorted(p.name for p in run.path.iterdir()) == ["command.txt", "config.gin", "versions.json"]


def test_what_a_folder_holds_can_be_checked_without_beginning(tmp_path):
    run = RunDir(tmp_path / "r")
    run.check_holds("a", "SEED = 0\n")
    assert not run.path.exists()
    RunDir.create(run.path, "a", "SEED = 0\n", "first")
    run.check_holds("a", "SEED = 0\n")
    with pytest.raises(ValueError, match=r"\+ SEED = 1"):
        run.check_holds("a", "SEED = 1\n")
    with pytest.raises(ValueError, match="experiment a, not of b"):
        run.check_holds("b", "SEED = 0\n")


def test_the_default_place(tmp_path):
    assert RunDir.default(tmp_path, "quickstart", 3).path == tmp_path / "runs" / "quickstart" / "3"


def test_the_same_run_goes_on(tmp_path):
    RunDir.create(tmp_path / "r", "a", "SEED = 0\n", "first")
    run = RunDir.create(tmp_path / "r", "a", "SEED = 0\n", "second")
    assert run.command.read_text() == "first\nsecond\n"


def test_another_config_is_refused_and_left_as_it_was(tmp_path):
    run = RunDir.create(tmp_path / "r", "a", "SEED = 0\nSTEPS = 3\n", "first")
    with pytest.raises(ValueError, match="another config") as caught:
        RunDir.create(tmp_path / "r", "a", "SEED = 0\nSTEPS = 4\n", "second")
    assert "- STEPS = 3" in str(caught.value)
    assert "+ STEPS = 4" in str(caught.value)
    assert "SEED" not in str(caught.value)
    assert "RUN=" in str(caught.value)
    assert run.command.read_text() == "first\n"


def test_another_experiment_is_refused(tmp_path):
    RunDir.create(tmp_path / "r", "a", "SEED = 0\n", "first")
    with pytest.raises(ValueError, match="holds a run of experiment a, not of b"):
        RunDir.create(tmp_path / "r", "b", "SEED = 0\n", "second")


def test_a_folder_with_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("dear")
    with pytest.raises(ValueError, match="holds no run"):
        RunDir.create(tmp_path, "a", "", "c")
    with pytest.raises(ValueError, match="holds no run"):
        RunDir.create(tmp_path / "thesis.txt", "a", "", "c")
    assert os.listdir(tmp_path) == ["thesis.txt"]


def test_versions_name_what_a_result_depends_on():
    found = versions()
    assert {"python", "cores", "tensorflow", "keras", "numpy"} <= found.keys()
    assert all(isinstance(value, str) for value in found.values())


def test_versions_do_without_git(monkeypatch):
    def absent(*_, **__):
        raise FileNotFoundError("git")

    monkeypatch.setattr(run_dir.subprocess, "run", absent)
    assert "commit" not in versions()


def _tree(folder):
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


def _start(run, command="first"):
    RunDir.create(run.path, "a", "SEED = 0\n", command)
    write_atomically(run.operative_config, b"SEED = 0\n")
    write_atomically(run.checkpoints / "vocabulary.model", b"v")


@pytest.mark.parametrize("error", [ValueError("no such split"), FileNotFoundError("no data"), OSError(28, "full")])
def test_a_new_run_that_fails_before_training_is_gone_with_its_folders(tmp_path, error):
    (tmp_path / "mine").mkdir()
    run = RunDir(tmp_path / "mine" / "runs" / "a" / "0")
    with pytest.raises(type(error)), run.as_it_was_unless_begun():  # noqa: PT012
        _start(run)
        run.summaries.mkdir()
        raise error
    assert _tree(tmp_path) == {"mine": None}


def test_a_folder_that_was_there_stays(tmp_path):
    (tmp_path / "r").mkdir()
    with pytest.raises(ValueError, match="no"), RunDir(tmp_path / "r").as_it_was_unless_begun():  # noqa: PT012
        _start(RunDir(tmp_path / "r"))
        raise ValueError("no")
    assert _tree(tmp_path) == {"r": None}


def test_an_old_run_that_fails_before_training_is_as_it_was(tmp_path):
    run = RunDir(tmp_path / "r")
    _start(run)
    for path in (run.summaries / "events", run.bundle / "bundle.json", run.checkpoints / "last.npz"):
        write_atomically(path, b"x")
    write_atomically(run.versions, b"{}")
    before = _tree(tmp_path)
    with pytest.raises(ValueError, match="no"), run.as_it_was_unless_begun():  # noqa: PT012
        _start(run, "second")
        raise ValueError("no")
    assert _tree(tmp_path) == before


def test_what_was_trained_stays_whatever_fails(tmp_path):
    run = RunDir(tmp_path / "r")
    with pytest.raises(ValueError, match="late"), run.as_it_was_unless_begun():  # noqa: PT012
        _start(run)
        write_atomically(run.summaries / "events", b"x")
        raise ValueError("late")
    assert run.experiment == "a"
    assert (run.checkpoints / "vocabulary.model").is_file()


def test_an_interrupted_start_stays(tmp_path):
    run = RunDir(tmp_path / "r")
    with pytest.raises(KeyboardInterrupt), run.as_it_was_unless_begun():  # noqa: PT012
        _start(run)
        raise KeyboardInterrupt
    assert run.experiment == "a"


def test_a_folder_with_something_else_stays_when_it_is_refused(tmp_path):
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "mine").write_text("x")
    before = _tree(tmp_path)
    with pytest.raises(ValueError, match="holds no run"), RunDir(tmp_path).as_it_was_unless_begun():
        RunDir.create(tmp_path, "a", "", "c")
    assert _tree(tmp_path) == before
