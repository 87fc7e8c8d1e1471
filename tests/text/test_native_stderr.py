import os
import subprocess
import sys
import tempfile

import pytest

from persona_tf.text.native_stderr import everything_shown, without_lines


def test_lines_that_match_are_left_out_and_the_others_follow(capfd):
    with without_lines(rb"chat \d"):
        os.write(2, b"chat 1\nchat no\nand chat 2\nchat 3\n")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "chat no\nand chat 2\n"
    os.write(2, b"chat 4\n")
    assert capfd.readouterr().err == "chat 4\n"


def test_a_failure_shows_every_line(capfd):
    with pytest.raises(KeyError), without_lines(b""):  # noqa: PT012
        os.write(2, b"chat 1\n")
        raise KeyError
    assert capfd.readouterr().err == "chat 1\n"


def test_nothing_is_held_back_where_everything_is_to_be_shown(capfd):
    with everything_shown(), without_lines(b""):
        os.write(2, b"chat 1\n")
        assert capfd.readouterr().err == "chat 1\n"
    with without_lines(b""):
        os.write(2, b"chat 2\n")
    assert capfd.readouterr().err == ""


def test_no_file_descriptor_is_left_open():
    before = os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else pytest.skip("no /proc")
    with without_lines(b""):
        pass
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_where_nothing_can_be_held_back_all_is_shown(capfd, monkeypatch):
    def full():
        raise FileNotFoundError("no usable temporary directory")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with without_lines(b""):
        os.write(2, b"chat 1\n")
    assert capfd.readouterr().err == "chat 1\n"


def test_without_a_standard_error_it_does_nothing():
    program = "from persona_tf.text.native_stderr import without_lines\nwith without_lines(b''): print('went well')"
    shell = 'exec "$0" -c "$1" 2>&-'
    done = subprocess.run(["bash", "-c", shell, sys.executable, program], capture_output=True, text=True)
    assert done.stdout == "went well\n"
