import dataclasses
import errno
import hashlib
import io
import os
import tarfile
import zipfile

import pytest

from persona_tf.data import download as download_module
from persona_tf.data import prepare as prepare_module
from persona_tf.data import toloka, wow
from persona_tf.data.errors import DataError
from persona_tf.data.prepare import CONVAI2_FILES, prepare, unpack_convai2, unpack_toloka, unpack_wow
from persona_tf.data.source_file import SourceFile
from persona_tf.data.sources import SOURCES


def archive(path, members):
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def test_unpacking_takes_known_names_only_and_keeps_what_is_there(tmp_path):
    path = tmp_path / "a.tgz"
    archive(
        path,
        {
            "valid_self_original.txt": b"new",
            "deep/train_self_original.txt": b"new",
            "../../train_both_revised.txt": b"new",
            "../evil.txt": b"evil",
            "readme.txt": b"no",
        },
    )
    folder = tmp_path / "convai2"
    folder.mkdir()
    (folder / "valid_self_original.txt").write_bytes(b"old")
    written = unpack_convai2(path, folder)
    assert sorted(p.name for p in written) == ["train_both_revised.txt", "train_self_original.txt"]
    assert sorted(p.name for p in folder.iterdir()) == [
        "train_both_revised.txt",
        "train_self_original.txt",
        "valid_self_original.txt",
    ]
    assert (folder / "valid_self_original.txt").read_bytes() == b"old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.tgz", "convai2"]


def test_a_broken_archive_and_one_of_something_else(tmp_path):
    path = tmp_path / "a.tgz"
    archive(path, {"valid_self_original.txt": bytes(range(256)) * 50})
    path.write_bytes(path.read_bytes()[:-200])
    (tmp_path / "convai2").mkdir()
    with pytest.raises(DataError, match=r"a\.tgz: the archive is broken"):
        unpack_convai2(path, tmp_path / "convai2")
    archive(path, {"x.txt": b"x"})
    with pytest.raises(DataError, match=r"a\.tgz: none of .*valid_self_original\.txt"):
        unpack_convai2(path, tmp_path / "convai2")
    assert list((tmp_path / "convai2").iterdir()) == []


def test_preparing_downloads_each_file_and_tells(tmp_path, monkeypatch):
    fetched, said = [], []
    content = b"pickle"

    def fake(url, part, sha256, progress, attempts, timeout_s):
        fetched.append(url)
        part.write_bytes(content)
        progress(len(content), len(content))

    monkeypatch.setattr(download_module, "_fetch_all", fake)
    digest = hashlib.sha256(content).hexdigest()
    files = (SourceFile("light/a.pkl", "http://x/a", digest), SourceFile("light/b.pkl", "http://x/b", digest))
    source = dataclasses.replace(SOURCES["light"], files=files)
    prepare(source, tmp_path, said.append)
    prepare(source, tmp_path, said.append)
    assert fetched == ["http://x/a", "http://x/b"]
    assert (tmp_path / "light" / "b.pkl").read_bytes() == content
    assert any("a.pkl: 0.0 of 0.0 MB (100 %)" in line for line in said)
    assert sum("its hash is right" in line for line in said) == 4


def test_convai2_is_not_fetched_when_it_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module, "download", lambda *a, **k: pytest.fail("fetched"))
    (tmp_path / "convai2").mkdir()
    for name in CONVAI2_FILES:
        if "_no_cands" in name:
            (tmp_path / "convai2" / name).touch()
    said = []
    prepare("convai2", tmp_path, said.append)
    assert "nothing to do" in said[0]


def test_what_cannot_be_downloaded_says_where_to_put_it(tmp_path):
    said = []
    prepare("light_text", str(tmp_path), said.append)
    assert str(tmp_path / "light_text" / "train.txt") in said[0]


def test_wizard_of_wikipedia_is_unpacked_by_known_names(tmp_path, monkeypatch):
    members = dict.fromkeys(wow.FILES.values(), b"[]")
    archive(tmp_path / "a.tgz", {**members, "data.json": b"all", "../evil.json": b"evil"})
    written = unpack_wow(tmp_path / "a.tgz", tmp_path / "wow")
    assert sorted(path.name for path in written) == sorted(wow.FILES.values())
    assert sorted(path.name for path in (tmp_path / "wow").iterdir()) == sorted(wow.FILES.values())
    monkeypatch.setattr(prepare_module, "download", lambda *a, **k: pytest.fail("fetched"))
    said = []
    prepare("wow", tmp_path, said.append)
    assert "all files are there" in said[0]
    archive(tmp_path / "a.tgz", {"x.json": b"[]"})
    with pytest.raises(DataError, match=r"a\.tgz: none of .*train\.json"):
        unpack_wow(tmp_path / "a.tgz", tmp_path / "other")


def test_what_is_put_by_hand_is_looked_for(tmp_path):
    said = []
    prepare("crd3", tmp_path, said.append)
    (tmp_path / "crd3").mkdir()
    (tmp_path / "crd3" / "crd3_turns.jsonl.gz").touch()
    prepare("crd3", tmp_path, said.append)
    assert [line.rpartition("(")[2] for line in said] == ["it is missing).", "it is there)."]


def test_an_unknown_source():
    with pytest.raises(DataError, match=r"unknown source 'darkness'; choose from world, light"):
        prepare("darkness", "x")


def test_a_disk_that_fills_while_unpacking_leaves_whole_files_and_the_next_run_goes_on(tmp_path, monkeypatch):
    members = {f"train_self_{version}.txt": version.encode() * 1000 for version in ("original", "revised")}
    archive(tmp_path / "a.tgz", members)
    left = [None, OSError(errno.ENOSPC, "No space left on device")]

    def fsync(_):
        if left and (error := left.pop(0)):
            raise error

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=r"cannot write \(No space left on device\).*train_self_revised\.txt") as caught:
        unpack_convai2(tmp_path / "a.tgz", tmp_path / "convai2")
    assert caught.value.errno == errno.ENOSPC
    assert {p.name: p.read_bytes() for p in (tmp_path / "convai2").iterdir()} == dict([*members.items()][:1])
    assert [p.name for p in unpack_convai2(tmp_path / "a.tgz", tmp_path / "convai2")] == ["train_self_revised.txt"]
    assert {p.name: p.read_bytes() for p in (tmp_path / "convai2").iterdir()} == members


PROFILES = "characteristic_1\tcharacteristic_2\nЯ пеку хлеб.\tУ меня есть кот.\t\nЯ боюсь гусей.\tЯ пою.\t\n".encode()
TABLE = (
    "persona_1_profile\tpersona_2_profile\tdialogue\n"
    "<span class=participant_1>Я пеку хлеб.<br />У меня есть кот.<br /></span>\t"
    "<span class=participant_2>Я боюсь гусей.<br />Я пою.<br /></span>\t"
    "<span class=participant_1>Пользователь 1: Привет!<br /></span><span class=participant_2>Привет.<br /></span>\n"
).encode()


@pytest.fixture
def toloka_zip(tmp_path, monkeypatch):
    """Members -> an archive at its place, whose profiles are the published ones."""
    digest = hashlib.sha256(PROFILES).hexdigest()
    monkeypatch.setattr(toloka, "PROFILES", dataclasses.replace(toloka.PROFILES, sha256=digest))
    monkeypatch.setattr(toloka, "PUBLISHED", {toloka.TABLE: 10_013, toloka.PROFILES: 1_505})

    def make(**members):
        path = toloka.ARCHIVE.path(tmp_path)
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as zip:
            for name, content in members.items():
                zip.writestr(f"../TlkPersonaChatRus/{name}.tsv", content)
            zip.writestr("../../evil.tsv", b"evil")
        return path

    return make


def test_tolokas_archive_is_unpacked_and_counted(tmp_path, toloka_zip):
    toloka_zip(profiles=PROFILES, dialogues=TABLE)
    said = []
    prepare("toloka", tmp_path, said.append)
    folder = tmp_path / "toloka"
    assert sorted(p.name for p in tmp_path.rglob("*")) == [
        "TlkPersonaChatRus.zip",
        "dialogues.tsv",
        "profiles.tsv",
        "toloka",
    ]
    assert (folder / "dialogues.tsv").read_bytes() == TABLE
    assert said == [
        f"{folder / 'TlkPersonaChatRus.zip'}: was there, nobody publishes its hash",
        f"{folder}: unpacked profiles.tsv, dialogues.tsv",
        f"{folder / 'dialogues.tsv'}: 1 of the 10,013 dialogues published.",
        f"{folder / 'profiles.tsv'}: 2 of the 1,505 profiles published; its hash is right",
    ]
    (folder / "TlkPersonaChatRus.zip").unlink()
    (folder / "profiles.tsv").write_bytes(PROFILES[:-20])
    prepare("toloka", tmp_path, said.append)
    assert said[4] == said[2]
    assert said[5].endswith("2 of the 1,505 profiles published; its hash is another")


def test_tolokas_json_lines_will_do(tmp_path, monkeypatch):
    monkeypatch.setattr(prepare_module, "download", lambda *a, **k: pytest.fail("fetched"))
    (tmp_path / "toloka").mkdir()
    (tmp_path / "toloka" / "mine.jsonl").write_text("nonsense\n", encoding="utf-8")
    said = []
    prepare("toloka", tmp_path, said.append)
    assert "mine.jsonl: 0 of the 10,013 dialogues published. 1 skipped:" in said[0]


def test_a_broken_archive_of_toloka_and_one_of_something_else(tmp_path, toloka_zip):
    path = toloka_zip(profiles=PROFILES)
    with pytest.raises(DataError, match=r"TlkPersonaChatRus\.zip: no dialogues\.tsv in it"):
        unpack_toloka(path, tmp_path / "a")
    whole = toloka_zip(profiles=PROFILES, dialogues=TABLE).read_bytes()
    path.write_bytes(whole[:-60])
    with pytest.raises(DataError, match=r"TlkPersonaChatRus\.zip: the archive is broken"):
        unpack_toloka(path, tmp_path / "c")
    path.write_bytes(whole.replace(PROFILES[:9], b"different", 1))
    with pytest.raises(DataError, match="the archive is broken: Bad CRC-32"):
        unpack_toloka(path, tmp_path / "d")
    assert not (tmp_path / "d").exists()
