import errno
import json
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

from persona_tf import __main__ as command
from persona_tf import config
from persona_tf.episode import Character, Episode, Turn
from persona_tf.flag_table import CHOICES
from persona_tf.run_dir import RunDir
from persona_tf.text import vocabulary
from persona_tf.verbs import asked

ROOT = pathlib.Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], []])
def test_help_is_instant(words):
    # Importing what the verbs import would be seen here: TensorFlow alone takes seconds.
    program = (
        "import sys; from persona_tf.__main__ import main; code = main(sys.argv[1:]);"
        "sys.exit(code or any(m.split('.')[0] in ('tensorflow', 'keras', 'numpy') for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program, *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "usage: python -m persona_tf" in done.stdout


@pytest.mark.parametrize("verb", command.VERBS)
def test_help_of_a_verb_lists_its_flags(verb, capsys):
    assert command.main([verb, "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"--{flag}" in out for flag in (*command.VERBS[verb].flags, "debug"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["trian"], "did you mean train?"),
        (["train", "--expriment=x"], "'expriment'. Did you mean: experiment"),
        (["train", "quickstart"], "unexpected 'quickstart'"),
        (["chat", "--seed=x"], "flag --seed=x: expected a whole number. See"),
        (["self_chat", "--turns=1.5"], "flag --turns=1.5: expected a whole number. See"),
        (["compare", "a", "b", "--splits=test,"], "flag --splits=test,: expected different names with commas"),
        (["evaluate", "--splits=test,test"], "flag --splits=test,test: expected different names with commas"),
        (["decoders", "--ways=,"], "flag --ways=,: expected different names with commas"),
        (
            ["serve", "--engine=onx"],
            "flag --engine=onx: expected one of auto, tensorflow, onnx, onnx_int8; did you mean",
        ),
        (["telegram", "--offensive=loud"], "flag --offensive=loud: expected one of off, mark, block. See"),
        (["serve", "--each_minute=-1"], "flag --each_minute=-1: expected 0, for no limit, or more. See"),
        (["chat", "--splits=x"], "splits"),
        (["data", "stats", "world", "--gin.SEED=2"], "this verb reads no gin"),
    ],
)
def test_a_wrong_command_line_exits_2_with_one_line(words, expected, capsys):
    assert command.main(words) == 2
    err = capsys.readouterr().err
    assert expected in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("verb", ["train", "evaluate", "chat"])
def test_an_unknown_experiment_lists_those_that_exist(verb, capsys):
    assert command.main([verb, "--experiment=quikstart"]) == 1
    err = capsys.readouterr().err
    assert "did you mean quickstart?" in err
    assert all(name in err for name in config.experiments())


def test_no_experiment_and_no_run_says_how_to_name_one(capsys):
    assert command.main(["chat"]) == 1
    err = capsys.readouterr().err
    assert "--experiment=NAME" in err
    assert "quickstart" in err


@pytest.mark.parametrize("verb", ["evaluate", "override", "chat"])
def test_without_a_run_it_says_what_makes_one_and_how_long_it_takes(verb, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(asked, "run_dir", lambda *_: RunDir(tmp_path / "none"))
    assert command.main([verb, "--experiment=quickstart", "--gin.SEED=987"]) == 1
    err = capsys.readouterr().err
    assert 'make train EXP=quickstart GIN="SEED=987"' in err
    assert f"about {config.load('quickstart').experiment.minutes:g} minutes" in err
    assert "Traceback" not in err


def test_a_run_folder_without_a_run_is_named(tmp_path, capsys):
    assert command.main(["chat", f"--run={tmp_path}"]) == 1
    assert f"no trained bot in {tmp_path}" in capsys.readouterr().err


def test_a_file_of_predictions_is_scored_without_a_run(tmp_path, capsys):
    line = {"id": "a/1", "episode": "a", "gold_reply": "good day", "reply": "good day"}
    path = tmp_path / "theirs.jsonl"
    path.write_text(json.dumps(line) + "\n")
    assert command.main(["evaluate", f"--predictions={path}"]) == 0
    assert "reply_f1" in capsys.readouterr().out
    path.write_text("")
    assert command.main(["evaluate", f"--predictions={path}"]) == 1


@pytest.mark.parametrize(
    "idle", ["--run=nowhere", "--experiment=quickstart", "--splits=test", "--gin.MAX_EXAMPLES=3"], ids=lambda f: f[:6]
)
def test_what_a_file_of_predictions_has_no_use_for_is_refused(idle, tmp_path, capsys):
    path = tmp_path / "theirs.jsonl"
    path.write_text('{"id": "a/1", "episode": "a", "gold_reply": "good day", "reply": "good day"}\n')
    assert command.main(["evaluate", f"--predictions={path}", idle]) == 1
    left_out = idle if idle.startswith("--gin") else idle.partition("=")[0]
    assert f"is scored without a run: leave out {left_out}\n" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["predictions", "references"])
def test_a_file_that_is_none_is_told_with_its_flag(flag, tmp_path, capsys):
    (tmp_path / "a").write_text('{"id": "a/1", "reply": "good day"}\n')
    for path, expected in ((tmp_path / "b", "there is no file"), (tmp_path, "expected a file, such as")):
        files = {"predictions": tmp_path / "a", flag: path}
        assert command.main(["evaluate", *(f"--{name}={file}" for name, file in files.items())]) == 1
        err = capsys.readouterr().err
        assert f"--{flag}: {expected}" in err
        assert str(path) in err


def test_answers_alone_without_references(tmp_path, capsys):
    (tmp_path / "a.jsonl").write_text('{"id": "a/1", "reply": "good day"}\n')
    assert command.main(["evaluate", f"--predictions={tmp_path / 'a.jsonl'}"]) == 1
    assert "a.jsonl:1: field 'episode' is missing: answers of id and reply alone need --ref" in capsys.readouterr().err


def test_answers_alone_are_scored_beside_references(tmp_path, capsys):
    theirs, references = tmp_path / "theirs.jsonl", tmp_path / "test.jsonl"
    theirs.write_text('{"id": "a/1", "reply": "good day"}\n')
    references.write_text('{"id": "a/1", "episode": "a", "gold_reply": "good day", "gold_action": "nod"}\n')
    words = ["evaluate", f"--predictions={theirs}", f"--references={references}"]
    assert command.main(words) == 0
    out = capsys.readouterr().out
    assert re.search(r"reply_exact +\| 100.0 %", out)
    assert "reply_corpus_bleu: sacreBLEU nrefs:1" in out
    assert "action_accuracy, action_accuracy_per_token, action_decision_f1 (the bot chooses no action)" in out
    references.write_text('{"id": "a/2", "episode": "a", "gold_reply": "good day"}\n')
    assert command.main(words) == 1
    assert "1 without an answer: 'a/2'; 1 unknown: 'a/1'" in capsys.readouterr().err
    assert command.main(["evaluate", f"--references={references}"]) == 1
    assert "--predictions" in capsys.readouterr().err


def test_a_vocabulary_alone_is_that_of_the_training(tmp_path, monkeypatch):
    """Also where dialogues are held out, and the training's options are others."""
    from persona_tf.training import experiment

    data = "DataConfig.source=convai2", "DataConfig.options={'persona': 'self'}", "DataConfig.held_out=3"
    words = ["--experiment=personachat_small", *(f"--gin.{binding}" for binding in (*data, "VOCABULARY_SIZE=330"))]
    words += ["--gin.DataConfig.train_options={'persona': 'both'}"]
    made = []

    def read_split(source, split, data_dir, options):
        made.append((source, split, options))
        for number in range(9):
            talk = (Turn(0, f"Said in dialogue {number}."), Turn(1, "Fine, the bread is in the oven."))
            yield Episode(f"e{number}", source, None, (Character("A"), Character("B")), talk)

    seen = []
    monkeypatch.setattr(experiment, "read_split", read_split)
    monkeypatch.setattr(vocabulary, "train_vocabulary", lambda texts, size, path: seen.append((sorted(texts), size)))
    assert command.main(["vocab", *words, f"--out={tmp_path / 'v.model'}", f"--data_dir={tmp_path}"]) == 0
    settings = config.load("personachat_small", [word.removeprefix("--gin.") for word in words[1:]])
    experiment.run_vocabulary(settings, RunDir(tmp_path / "run"), tmp_path)
    assert seen[0] == seen[1]
    assert [options["persona"] for _, _, options in made] == ["both", "both"]
    said = "".join(seen[0][0])
    assert [number for number in range(9) if f"dialogue {number}." in said] == [1, 2, 4, 5, 7, 8]


def test_data_verbs_reach_the_data_room(tmp_path, capsys):
    splits = ("train", "valid", "test", "test_unseen", "test_novel")
    words = [f"--data_dir={tmp_path}", *(f"--option={split}=2" for split in splits)]
    assert command.main(["data", "prepare", "world", *words]) == 0
    assert command.main(["data", "display", "world", "--n=1", *words]) == 0
    assert command.main(["data", "stats", "world", "--split=train", *words]) == 0
    assert command.main(["data", "verify", "world", *words]) == 0
    out = capsys.readouterr().out
    assert "===" in out
    assert "dialogues" in out
    assert "all is well" in out


@pytest.mark.parametrize("words", [["data"], ["data", "stats"], ["data", "eat", "world"], ["data", "stats", "nope"]])
def test_a_wrong_data_command_says_what_is_expected(words, capsys):
    assert command.main(words) == 1
    err = capsys.readouterr().err
    assert "display" in err or "choose from" in err


@pytest.mark.parametrize(
    ("error", "code"), [(ValueError("so"), 1), (OSError(28, "so", "f"), 1), (KeyboardInterrupt(), 130)]
)
def test_errors_end_with_one_line_and_a_code(error, code, capsys, monkeypatch):
    def fails(_):
        raise error

    monkeypatch.setattr(command, "VERBS", {"train": command.Verb("", fails, ())})
    assert command.main(["train"]) == code
    err = capsys.readouterr().err
    assert err.startswith("persona_tf train: ")
    assert err.count("\n") == 1
    if isinstance(error, Exception):
        with pytest.raises(type(error)):
            command.main(["train", "--debug"])


@pytest.mark.parametrize("flag", ["", "--debug"])
def test_debug_shows_why_native_code_aborts(flag):
    program = (
        "import os, sys; from persona_tf import __main__ as command\n"
        "from persona_tf.text.native_stderr import tensorflow_quiet\n"
        "def aborts(_):\n"
        "    with tensorflow_quiet():\n"
        "        os.write(2, b'no such instruction\\n'); os.abort()\n"
        "command.VERBS = {'train': command.Verb('', aborts, ())}\n"
        "command.main(['train', *sys.argv[1:]])"
    )
    done = subprocess.run([sys.executable, "-c", program, *flag.split()], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode < 0
    assert ("no such instruction" in done.stderr) == bool(flag)


def test_a_stop_waits_for_no_thread():
    """Whoever presses Ctrl-C again and again meanwhile would see a traceback."""
    program = (
        "import concurrent.futures, time; from persona_tf import __main__ as command\n"
        "def stopped(_):\n"
        "    concurrent.futures.ThreadPoolExecutor(1).submit(time.sleep, 60)\n"
        "    raise KeyboardInterrupt\n"
        "command.VERBS = {'override': command.Verb('', stopped, ())}\n"
        "import sys; sys.argv = ['persona_tf', 'override']; command.entry_point()"
    )
    start = time.monotonic()
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert time.monotonic() - start < 40
    assert (done.returncode, done.stderr) == (130, "persona_tf override: stopped\n")


@pytest.mark.parametrize(
    ("number", "todo"),
    [
        (errno.ENOSPC, "Make room"),
        (errno.EACCES, "Change its permissions"),
        (errno.EROFS, "can only be read"),
        (errno.ENOTDIR, "a file where a folder should be"),
        (errno.EEXIST, "a file where a folder should be"),
        (errno.EISDIR, "A folder is there where a file should be"),
        (errno.ENOENT, "Look whether that path is right"),
        (errno.ENAMETOOLONG, "Take a shorter name"),
    ],
)
@pytest.mark.parametrize("path", [("/disk/file",), ()])
def test_where_the_system_refuses_the_path_and_the_next_step_are_told(number, todo, path, capsys, monkeypatch):
    def fails(_):
        raise OSError(number, os.strerror(number), *path)

    verb = command.Verb("", fails, ("run", "data_dir"))
    monkeypatch.setattr(command, "VERBS", {"train": verb})
    assert command.main(["train"]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"persona_tf train: {''.join(f'{p}: ' for p in path)}{os.strerror(number)}. ")
    assert todo in err
    assert err.endswith(", or choose another place with RUN= (--run) or DATA_DIR= (--data_dir)\n")


def test_a_run_that_cannot_be_written_is_named_with_the_next_step(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert command.main(["train", "--experiment=quickstart", f"--run={tmp_path / 'file' / 'run'}"]) == 1
    err = capsys.readouterr().err
    assert str(tmp_path / "file" / "run") in err
    assert "a file where a folder should be: move it away, or choose another place with RUN=" in err


def test_training_without_data_leaves_nothing_behind(tmp_path, capsys):
    folder = tmp_path / "runs" / "light"
    words = ["train", "--experiment=light_base", f"--data_dir={tmp_path}", f"--run={folder}"]
    assert command.main(words) == 1
    assert "data prepare light" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    settings = config.load("light_base")
    run = RunDir.create(folder, "light_base", settings.config_text, "before")
    before = {p: p.read_bytes() for p in folder.rglob("*")}
    assert command.main(words) == 1
    assert {p: p.read_bytes() for p in folder.rglob("*")} == before
    assert run.command.read_text() == "before\n"


def test_flags_offer_what_there_is():
    from persona_tf.chat.watched_bot import WAYS
    from persona_tf.export.engines import ENGINES

    assert {"engine": ENGINES, "offensive": WAYS} == CHOICES


def test_a_talk_leaves_standard_error_empty(bundle_dir, tmp_path):
    (tmp_path / "bundle").symlink_to(bundle_dir)
    line = [sys.executable, "-m", "persona_tf", "chat", f"--run={tmp_path}"]
    env = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    done = subprocess.run(line, cwd=ROOT, input="", capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("Farewell.\n")


@pytest.mark.parametrize("words", ["--help", "train --help"])
def test_help_into_a_pipe_that_closes_is_no_error(words):
    shell = f"set -o pipefail; {sys.executable} -m persona_tf {words} | true"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    small = " ".join(f"--option={name}=0" for name in ("valid", "test", "test_unseen", "test_novel"))
    line = f"data display world --n=40 --split=train --option=train=40 {small} --data_dir={tmp_path}"
    shell = f"set -o pipefail; {sys.executable} -m persona_tf {line} | head -n 1"
    done = subprocess.run(["bash", "-c", shell], cwd=ROOT, capture_output=True, text=True)
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr
    assert done.stdout.startswith("===")


def test_compare_and_sweep_check_what_they_are_given(tmp_path, capsys):
    for words, expected in (
        (["compare"], "expected two runs or more"),
        (["compare", str(tmp_path), str(tmp_path / "none")], "holds no run"),
        (["sweep"], "--experiments: expected different names"),
        (["sweep", "--experiments=../experiments/quickstart"], "expected names of folders of experiments/, got '../"),
        (["sweep", "--experiments=/a/b.gin"], "expected names of folders of experiments/, got '/a/b.gin'"),
        (["sweep", "--experiments=quickstart", f"--seeds={2**32}"], "TrainConfig.seed must be below 2 ** 32"),
        (["sweep", "--experiments=quickstart", "--gin.TrainConfig.seed=2"], "name the seeds of a sweep with --seeds"),
        (["sweep", "--experiments=quikstart", "--seeds=0"], "did you mean quickstart?"),
        (["sweep", "--experiments=quickstart", "--seeds=0,0"], "0 stands there twice"),
        (["sweep", "--experiments=quickstart", "--gin.SEED=2"], "name the seeds of a sweep with --seeds"),
        (["sweep", "--experiments=quickstart", "--gin.STEPZ=2"], "did you mean STEPS"),
    ):
        assert command.main([*words, *([f"--runs={tmp_path}"] if words[0] == "sweep" else [])]) == 1
        assert expected in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_that_was_stopped_says_that_it_goes_on(monkeypatch, tmp_path, capsys):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("persona_tf.evaluation.comparison.sweep._call", stopped)
    assert command.main(["sweep", "--experiments=quickstart", "--seeds=0", f"--runs={tmp_path}"]) == 130
    done = capsys.readouterr()
    assert "the same command goes on" in done.err
    assert f"--run={tmp_path}/quickstart/0" in done.out
