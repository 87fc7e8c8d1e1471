import subprocess
import sys

import pytest

from persona_tf.data.commands import ACTIONS, Request, read_options

SMALL = dict.fromkeys(("train", "valid", "test", "test_unseen", "test_novel"), 2)


def test_options_are_literals_or_strings():
    texts = ["persona=both", "learners=(0, 1)", "check_hash=False", "say=a=b", "empty="]
    assert read_options(texts) == {
        "persona": "both",
        "learners": (0, 1),
        "check_hash": False,
        "say": "a=b",
        "empty": "",
    }


@pytest.mark.parametrize("text", ["persona", "=3", " =3", ""])
def test_an_option_without_a_name_or_value_is_named(text):
    with pytest.raises(ValueError, match=f"--option {text}: expected NAME=VALUE"):
        read_options([text])


@pytest.mark.parametrize("value", ["{[]: 1}", "(" * 5_000, "1 +", "-'a'", "f()", "\0"])
def test_what_is_no_literal_is_a_string(value):
    assert read_options([f"a={value}"]) == {"a": value}


def test_the_actions_do_what_they_are_named_for(tmp_path, capsys):
    asked = Request("world", tmp_path, ("test",), 1, SMALL)
    shown = {}
    for name in ("prepare", "display", "stats", "verify"):
        ACTIONS[name](asked)
        shown[name] = capsys.readouterr().out
    assert "test.jsonl.gz: 2 dialogues" in shown["prepare"]
    assert shown["display"].count("===") == 1
    assert "dialogues" in shown["stats"]
    assert shown["verify"] == "world: all is well\n"


def test_what_is_wrong_is_listed(tmp_path):
    with pytest.raises(ValueError, match=r"light: \d problems\n  .*is missing"):
        ACTIONS["verify"](Request("light", tmp_path, ("valid",)))


@pytest.mark.parametrize("fields", [{"splits": ("train", "test")}, {"count": -1}])
def test_one_split_is_displayed(tmp_path, fields):
    with pytest.raises(ValueError, match="takes one --split, and an --n of 0 or more"):
        ACTIONS["display"](Request("world", tmp_path, **fields))


def test_importing_is_instant():
    program = "import sys, persona_tf.data.commands; sys.exit(any('persona_tf.data.sources' in m for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
