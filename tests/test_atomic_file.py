import errno
import os

import pytest

from persona_tf.atomic_file import atomic_file, atomic_text_file, check_writable, write_atomically


def test_write_atomically_makes_folders_and_replaces(tmp_path):
    path = tmp_path / "a" / "b.bin"
    for content in (b"one", b"two"):
        write_atomically(path, content)
        assert path.read_bytes() == content
    assert os.listdir(path.parent) == ["b.bin"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path, monkeypatch, failing):
    path = tmp_path / "b.bin"
    write_atomically(path, b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(OSError, match="No space left on device") as caught:
        write_atomically(path, b"new")
    assert caught.value.errno == errno.ENOSPC
    assert str(path) in str(caught.value)
    assert "unchanged" in str(caught.value)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["b.bin"]


def test_a_disk_that_fills_while_writing_is_named(tmp_path):
    path = tmp_path / "b.bin"
    with pytest.raises(OSError, match=r"cannot write \(No space left on device\).*b\.bin"), atomic_file(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert os.listdir(tmp_path) == []


def test_another_files_error_is_not_taken_for_ours(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"source\.txt"), atomic_file(tmp_path / "b.bin"):
        open(tmp_path / "source.txt")  # noqa: SIM115
    assert os.listdir(tmp_path) == []


def test_a_failure_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    with atomic_text_file(path) as file:
        file.write("old")
    with pytest.raises(KeyError), atomic_text_file(path) as file:  # noqa: PT012
        file.write("half of the n")
        raise KeyError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_can_be_written_is_left_as_it_is(tmp_path):
    check_writable(tmp_path, tmp_path / "new" / "deeper")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("below", ["", "deeper/still"])
def test_a_file_where_a_folder_should_be_is_named(tmp_path, below):
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match=rf"expected a folder.*{tmp_path / 'file'}'") as caught:
        check_writable(tmp_path, tmp_path / "file" / below)
    assert caught.value.errno == errno.ENOTDIR


def test_a_folder_that_can_only_be_read_is_named(tmp_path, monkeypatch):
    # Root may write everywhere, so the system's word is put in.
    monkeypatch.setattr(os, "access", lambda path, mode, **_: path != tmp_path)
    with pytest.raises(PermissionError, match=rf"nothing can be written there.*{tmp_path}'") as caught:
        check_writable(tmp_path / "new" / "deeper")
    assert caught.value.errno == errno.EACCES
