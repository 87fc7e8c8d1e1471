"""The file: what outlives a kill, and what is refused."""

import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys

import pytest

from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.facts import KnownFact, NewFact
from persona_tf.retrieval.memory.store import FactStore, SessionState, StoredFact

SCRIPT = pathlib.Path(__file__).with_name("memory_to_be_killed.py")
ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "facts.sqlite"


def fill(path, encoder, count=400):
    with FactStore(path) as store:
        FactMemory(store, "a", encoder).add([NewFact(f"Tale{i} is of q{i}.", turn=i) for i in range(count)])


def test_what_was_written_is_read(path, encoder):
    with FactStore(path) as store:
        memory = FactMemory(store, "a", encoder)
        memory.add(
            [
                NewFact("Ёжик 🦔 \udc80", "partner", "given", pinned=True),
                NewFact("My cat is Fig.", "world", "invented", 1 << 40, slot="pet_name", value="Fig"),
            ]
        )
        before = memory.facts()
        assert store.state("a").encoder == "topics"
    with FactStore(path) as store:
        again = FactMemory(store, "a", encoder)
        assert again.facts() == before
        assert again.add([NewFact("I sing.")])[0].number == 3
    assert sorted(file.name for file in path.parent.iterdir()) == ["facts.sqlite"], "no temporary file is left"


@pytest.mark.parametrize("lines", [1, 7, 20])
def test_what_was_acknowledged_outlives_a_kill(path, lines):
    def start():
        command = [sys.executable, SCRIPT, path]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)

    told = []
    for _ in range(2):
        process = start()
        told += [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        rest, error = process.communicate(timeout=60)
        assert (process.returncode, error) == (-signal.SIGKILL, "")
        told += [line for line in rest.splitlines(keepends=True) if line.endswith("\n")]
        last = {number: [text, pinned] for number, text, pinned in json.loads(told[-1])}
        with FactStore(path) as store:
            kept = {s.fact.number: [s.fact.text, s.fact.pinned] for s in store.facts("a")}
        # What was told is there, but for the one change, of three facts at most, that may have been under way.
        differ = {number for number in kept.keys() | last.keys() if kept.get(number) != last.get(number)}
        assert len(differ) <= 3, (last, kept)
        assert not [number for number in differ if number in last and number != max(last)]


def test_a_change_is_whole_or_not_at_all(path, encoder, monkeypatch):
    with FactStore(path) as store:
        memory = FactMemory(store, "a", encoder)
        memory.add([NewFact("My name is Ann.", turn=1)])

        def broken(*args):
            original(*args)
            raise OSError("no more disk")

        original = store.change
        monkeypatch.setattr(store, "change", broken)
        with pytest.raises(OSError, match="no more disk"):
            memory.add([NewFact("My name is Bea.", turn=2), NewFact("I sing.")])
        monkeypatch.undo()
        assert [fact.text for fact in memory.facts()] == ["My name is Ann."]
        assert memory.add([NewFact("I sing.")])[0].number == 2


def test_a_locked_store(path, encoder):
    with FactStore(path, timeout_s=0.05) as store:
        memory = FactMemory(store, "a", encoder)
        memory.add([NewFact("I sing.")])
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TimeoutError, match=r"keeps these facts locked; nothing was changed.*facts.sqlite"):
            memory.add([NewFact("I bake bread.")])
        assert [fact.text for fact in memory.facts()] == ["I sing."], "reading goes on"
        other.execute("ROLLBACK")
        assert memory.add([NewFact("I bake bread.")])[0].kind == "kept"
        other.close()
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("PRAGMA locking_mode = EXCLUSIVE")
    other.execute("BEGIN EXCLUSIVE")
    before = path.read_bytes()
    with pytest.raises(TimeoutError, match=r"close it, or try again.*facts.sqlite"):
        FactStore(path, timeout_s=0.05)
    assert path.read_bytes() == before
    other.close()
    with FactStore(path) as store:
        assert len(store.facts("a")) == 2


def test_files_that_are_no_store(path, encoder):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE facts (x)")
    other.commit()
    other.close()
    fill(path.with_name("whole"), encoder)
    whole = path.with_name("whole").read_bytes()
    contents = {
        "is a database of something else": path.read_bytes(),
        "is no SQLite database": b"Dear diary, " * 1000,
        "is a database of something else, not": b"",
        "database is damaged": whole[: len(whole) // 2],
        "damaged|no SQLite": whole[:100],
        "damaged": whole[: len(whole) // 2] + bytes(len(whole) // 4) + whole[len(whole) * 3 // 4 :],
    }
    for message, content in contents.items():
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf"facts.sqlite: .*({message}).*Nothing was written to it"):
            FactStore(path)
        assert path.read_bytes() == content, message
        assert sorted(file.name for file in path.parent.iterdir()) == ["facts.sqlite", "whole"]


def test_another_version_and_odd_contents(path, encoder):
    fill(path, encoder, 2)
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 9")
    with pytest.raises(ValueError, match="format 9, this version reads format 1: open it with the version"):
        FactStore(path)
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 1")
        other.execute("UPDATE facts SET owner = 'me' WHERE number = 2")
    with FactStore(path) as store:
        with pytest.raises(ValueError, match=r"session 'a', fact 2: owner: expected one of .* got 'me'"):
            FactMemory(store, "a", encoder).facts()
        with sqlite3.connect(path) as other:
            other.execute("UPDATE facts SET owner = 'self', vector = x'00'")
        with pytest.raises(ValueError, match=r"session 'a', fact 1: expected a vector of 16 bytes, got 1[.] .*recover"):
            FactMemory(store, "a", encoder).facts()


def test_places_that_cannot_hold_a_store(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"make it first.*nowhere"):
        FactStore(tmp_path / "nowhere" / "facts.sqlite")
    with pytest.raises(OSError, match="cannot be opened or written"):
        FactStore(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_closed_store():
    store = FactStore(None)
    store.close()
    with pytest.raises(ValueError, match="was closed: open it again"):
        store.sessions()


def test_rows(store):
    fact = StoredFact(KnownFact("I sing.", number=3), 7, b"\0\1")
    with store.writing():
        store.change("a", SessionState("e", 5, 8), [fact], ())
    assert (store.state("a"), store.facts("a"), store.state("b")) == (SessionState("e", 5, 8), [fact], SessionState())
    with store.writing():
        store.change("a", SessionState("e", 6, 8), [], [3])
    assert store.facts("a") == []


def test_a_file_of_before_there_were_notes_can_be_opened(path, encoder):
    fill(path, encoder, 2)
    with sqlite3.connect(path) as other:
        other.execute("DROP TABLE notes")
    with FactStore(path) as store:
        memory = FactMemory(store, "a", encoder)
        memory.note(0, "a note")
        assert (len(memory), memory.notes()) == (2, ["a note"])
        store.forget("a")
        assert store.notes("a") == []
