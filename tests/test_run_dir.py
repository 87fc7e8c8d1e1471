import json
import os

import pytest

from persona_tf import run_dir
from persona_tf.run_dir import RunDir, versions


def test_create_names_all_that_a_run_leaves(tmp_path):
    run = RunDir.create(tmp_path / "runs" / "a" / "0", "a", "SEED = 0\n", "make it")
    assert run.config.read_text() == "# Experiment: a\nSEED = 0\n"
    assert run.command.read_text() == "make it\n"
    assert json.loads(run.versions.read_text())["python"].startswith("3.")
    assert run.evaluation("test", "md") == run.path / "evaluation" / "test.md"
    assert run.predictions("test") == run.path / "predictions" / "test.jsonl"
    paths = (run.operative_config, run.summaries, run.checkpoints, run.bundle)
    assert [p.name for p in paths] == ["operative_config.gin", "summaries", "checkpoints", "bundle"]
    assert sorted(p.name for p in run.path.iterdir()) == ["command.txt", "config.gin", "versions.json"]


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
