import os
import pathlib
import shutil
import stat
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[1]
TARGETS = ("train", "eval", "chat", "serve", "telegram", "sweep", "board", "bench", "test", "test-slow", "lint")

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


@pytest.fixture
def clone(tmp_path):
    """What `make` reads, without .venv."""
    for name in ("Makefile", "setup.cfg", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    shutil.copytree(ROOT / "experiments", tmp_path / "experiments")
    return tmp_path


def make(folder: pathlib.Path, *words: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(["make", *words], cwd=folder, capture_output=True, text=True, env=env, timeout=60)


def python(folder: pathlib.Path, body: str) -> str:
    """A Python that is none."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return f"PYTHON={path}"


def test_make_alone_prints_the_targets_and_installs_nothing(clone):
    done = make(clone)
    assert done.returncode == 0
    assert all(f"make {target}" in done.stdout for target in TARGETS)
    assert "quickstart" in done.stdout
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("target", ["train", "eval", "chat", "serve", "telegram"])
@pytest.mark.parametrize("exp", ["EXP=quikstart", "EXP="])
def test_an_unknown_experiment_lists_those_that_exist_and_installs_nothing(clone, target, exp):
    done = make(clone, target, exp)
    assert done.returncode != 0
    assert "quickstart" in done.stderr
    assert "personachat_small" in done.stderr
    assert f"make {target} EXP=quickstart" in done.stderr
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize(
    ("exp", "near"),
    [
        ("quikstart", "quickstart"),
        ("QuickStart", "quickstart"),
        ("light base", "light_base"),
        ("it's (a, b)", ""),
        ("", ""),
    ],
)
def test_an_experiment_that_is_nearly_right_is_suggested(clone, exp, near):
    done = make(clone, "train", f"EXP={exp}")
    assert f"No experiment '{exp}'" + (f"; did you mean {near}? There" if near else ". There") in done.stderr
    assert f"Try: make train EXP={near or 'quickstart'}\n" in done.stderr


def test_where_there_is_no_python_the_experiments_are_listed_nonetheless(clone):
    done = make(clone, "train", "EXP=quikstart", "PYTHON=/nowhere/python3")
    assert "No experiment 'quikstart'. There are: " in done.stderr
    assert "/nowhere" not in done.stderr


def test_options_pass_through(clone):
    options = ("GIN=BATCH_TOKENS=4096 SEED=2", "RUN=my runs/a", "DATA_DIR=/data")
    last = make(clone, "-n", "train", "EXP=quickstart", *options).stdout.splitlines()[-1]
    assert "persona_tf train --experiment 'quickstart'" in last
    assert all(part in last for part in ("'--gin.BATCH_TOKENS=4096'", "'--gin.SEED=2'", "--run 'my runs/a'"))
    assert "--data_dir '/data'" in last
    assert "--splits 'test,valid'" in make(clone, "-n", "eval", "EXP=quickstart", "SPLITS=test,valid").stdout
    chat = make(
        clone, "-n", "chat", "EXP=quickstart", "SEED=3", "PLACE=the tower", "PERSONA=I'm old.", "CARD=my card.png",
        "RETRIEVER=runs/retrieval_world/0", "MEMORY=my mind.sqlite",
    ).stdout  # fmt: skip
    serve = make(clone, "-n", "serve", "EXP=quickstart", "RETRIEVER=runs/retrieval_world/0").stdout
    assert "serve --experiment 'quickstart' --retriever 'runs/retrieval_world/0'" in serve
    swept = make(clone, "-n", "sweep", "EXP=a,b", "SEEDS=0,1", "RUN=there", "GIN=STEPS=9").stdout
    assert "sweep --experiments 'a,b' --seeds '0,1' --runs 'there' '--gin.STEPS=9'" in swept
    assert "--seed '3' --place 'the tower' --persona 'I'\\''m old.' --card 'my card.png'" in chat
    assert "--retriever 'runs/retrieval_world/0' --memory 'my mind.sqlite'" in chat


def test_variables_of_the_shell_do_not_get_in(clone, monkeypatch):
    monkeypatch.setenv("NAME", "laptop")
    monkeypatch.setenv("RUN", "elsewhere")
    last = make(clone, "-n", "chat", "EXP=quickstart").stdout.splitlines()[-1]
    assert last.endswith("chat --experiment 'quickstart'")


def test_a_run_can_be_evaluated_without_its_experiment(clone):
    assert "evaluate --run 'there'" in make(clone, "-n", "eval", "RUN=there").stdout


def test_too_old_a_python_gets_a_clear_word(clone):
    fake = python(clone, '[ "$1" = --version ] && echo "Python 3.9.1" && exit 0; exit 1')
    done = make(clone, "train", "EXP=quickstart", fake)
    assert done.returncode != 0
    assert "needs Python 3.11" in done.stderr
    assert "Python 3.9.1" in done.stderr
    assert not (clone / ".venv").exists()


def test_a_missing_python_gets_a_clear_word(clone):
    done = make(clone, "train", "EXP=quickstart", "PYTHON=/nowhere/python3")
    assert done.returncode != 0
    assert "needs Python 3.11" in done.stderr


def test_a_missing_venv_module_gets_a_clear_word(clone):
    done = make(clone, "test", python(clone, 'case "$2" in *venv*) exit 1;; esac; exit 0'))
    assert done.returncode != 0
    assert "lacks its venv module" in done.stderr
    assert "python3-venv" in done.stderr
    assert not (clone / ".venv").exists()


def fake_venv(clone: pathlib.Path, installs: str) -> str:
    """A PYTHON whose venv holds a python that logs its arguments, and fails at `pip install` if told so."""
    inner = f'echo "$@" >> {clone}/log; case "$*" in *install*) {installs};; esac'
    script = f"printf '%s\\n' '#!/bin/sh' '{inner}'"
    made = f"mkdir -p .venv/bin; {script} > .venv/bin/python; chmod +x .venv/bin/python"
    return python(clone, f'case "$*" in "-m venv .venv") {made};; esac')


def test_installs_once_and_again_when_the_dependencies_change(clone):
    fake = fake_venv(clone, "exit 0")
    done = make(clone, "train", "EXP=quickstart", fake)
    assert done.returncode == 0, done.stderr
    assert "Installing TensorFlow" in done.stdout
    assert "Installing" not in make(clone, "train", "EXP=quickstart", fake).stdout
    (clone / "setup.cfg").write_text((clone / "setup.cfg").read_text() + "# more\n")
    assert "Installing" in make(clone, "train", "EXP=quickstart", fake).stdout
    log = (clone / "log").read_text()
    assert log.count("-m pip install") == 2
    assert log.count("-m persona_tf train --experiment quickstart") == 3


def test_an_installation_that_fails_says_so_and_is_tried_again(clone):
    fake = fake_venv(clone, "exit 1")
    for _ in range(2):
        done = make(clone, "test", fake)
        assert done.returncode != 0
        assert "The installation failed" in done.stderr
    assert "pytest" not in (clone / "log").read_text()


def test_ci_runs_all_tiers_and_finds_the_data(clone):
    ci = clone / "work" / ".ci"
    ci.mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", ci)
    (clone / "work" / "Makefile").write_text("lint test test-slow:\n\t@echo $@ $$PERSONA_TF_DATA_DIR\n")
    env = {n: v for n, v in os.environ.items() if n != "PERSONA_TF_DATA_DIR" and not n.startswith("MAKE")}
    for there in (False, True):
        data = clone / "shared" / "data"
        data.mkdir(parents=True) if there else None
        done = subprocess.run([ci / "run"], cwd="/", capture_output=True, text=True, env=env)
        where = f" {data}" if there else ""
        assert done.stdout.splitlines() == [f"{tier}{where}" for tier in ("lint", "test", "test-slow")]
