import json
import sqlite3
import threading

import pytest

from persona_tf.chat_file import ChatFile

ABOUT, STATE = {"bot": "Mira"}, {"turns": ["héllo", "\ufffd\u0000"]}


@pytest.fixture
def file(tmp_path):
    made = ChatFile(tmp_path / "a" / "chats.sqlite")
    yield made
    made.close()


def test_what_is_added_is_there_and_changes_count(file):
    one = file.add("one", ABOUT, STATE)
    assert file.get("one") == one
    two = file.save(one, {"bot": "M"}, {})
    assert (two.revision, two.state, two.created) == (2, {}, one.created)
    assert file.get("one") == two
    assert file.save(one, ABOUT, STATE) is None, "it was changed since"
    assert file.get("none") is None
    with pytest.raises(ValueError, match="a conversation one already"):
        file.add("one", {}, {})


def test_the_newest_come_first_and_all_come(file):
    kept = [file.add(f"{number:03}", {"n": number}, STATE) for number in range(230)]
    file.save(kept[5], {"n": "changed"}, {})
    newest = file.newest(3)
    assert [one.about["n"] for one in newest] == ["changed", 229, 228]
    assert newest[0].state == {}
    assert [one.about["n"] for one in file.newest(2, skip=2)] == [228, 227]
    assert [one.id for one in file.all()] == [one.id for one in kept]
    assert file.delete("000")
    assert not file.delete("000")
    assert file.count() == 229


def test_it_is_written_ahead_and_waits_for_the_disk(file):
    connection = file._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert file.path.stat().st_mode & 0o077 == 0


def test_many_threads_and_two_openings_lose_nothing(file):
    other = ChatFile(file.path)

    def add(opened, name):
        for number in range(20):
            opened.add(f"{name}{number}", {}, {})

    threads = [
        threading.Thread(target=add, args=(opened, name)) for opened, name in ((file, "a"), (file, "b"), (other, "c"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert other.count() == 60
    other.close()


def test_of_two_changes_of_the_same_one_is_refused(file):
    one = file.add("one", {}, {})
    done = []

    def save(number):
        done.append(file.save(one, {}, {"n": number}))

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(one is not None for one in done) == 1


@pytest.mark.parametrize("content", [b"no database at all, but long enough " * 9, "foreign"])
def test_another_file_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "x"
    if content == "foreign":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE a (b)")
        connection.close()
    else:
        path.write_bytes(content)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"no file of conversations .* --chat_file"):
        ChatFile(path)
    assert path.read_bytes() == before


def test_what_is_not_there_is_not_read(tmp_path):
    with pytest.raises(FileNotFoundError, match="persona_tf serve"):
        ChatFile(tmp_path / "x", read_only=True)


def test_it_can_be_read_beside_a_server(file):
    file.add("one", {}, STATE)
    reader = ChatFile(file.path, read_only=True)
    assert [one.state for one in reader.all()] == [json.loads(json.dumps(STATE))]
    with pytest.raises(OSError, match="cannot be written"):
        reader.add("two", {}, {})
    reader.close()
