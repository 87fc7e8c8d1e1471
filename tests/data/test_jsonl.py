import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.jsonl import read_episodes, write_episodes
from persona_tf.episode import Character, Episode, Fact, Probe, Setting, Swap, Thing, Turn

PROBE = Probe("persona", "pet", "Rex", ("Tom",), Swap("persona/0", "My dog is Tom.", "Tom"))
EPISODE = Episode(
    "e/0",
    "demo",
    Setting("Mill", "Countryside", ("It turns.",), (Thing("a sack", "Patched."),), ("a mouse",)),
    (Character("Tam"), Character("Mira", (Fact("My dog is Rex.", "pet", "Rex"),), (Thing("a spoon"),))),
    (
        Turn(0, "Your dog?\nIts name  "),
        Turn(1, "Rex!", "hug dog", "smile", ("hug dog",), ("Rex!",), ("turn/0",), PROBE),
    ),
    (1,),
)


def several(count=300):
    return [Episode(f"e/{i}", "demo", None, EPISODE.characters, (Turn(i % 2, f"line {i}"),)) for i in range(count)]


@pytest.mark.parametrize("name", ["x.jsonl", "x.jsonl.gz"])
def test_what_is_written_is_read_and_the_bytes_are_the_same_each_time(tmp_path, name):
    path = tmp_path / "new" / name
    assert write_episodes(path, [EPISODE, *several()]) == 301
    assert list(read_episodes(path)) == [EPISODE, *several()]
    first = path.read_bytes()
    write_episodes(path, [EPISODE, *several()])
    assert path.read_bytes() == first
    assert [p.name for p in path.parent.iterdir()] == [name]


@given(st.text())
def test_any_text_survives(tmp_path_factory, text):
    text = text.encode("utf-8", "ignore").decode()
    path = tmp_path_factory.mktemp("t") / "x.jsonl.gz"
    episode = Episode("e", "demo", None, EPISODE.characters, (Turn(0, text),))
    write_episodes(path, [episode])
    assert list(read_episodes(path)) == [episode]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_writer_that_dies_leaves_the_old_file(tmp_path, error):
    def dies():
        yield EPISODE
        raise error

    path = tmp_path / "x.jsonl.gz"
    write_episodes(path, [EPISODE])
    with pytest.raises(error):
        write_episodes(path, dies())
    assert list(read_episodes(path)) == [EPISODE]
    assert [p.name for p in tmp_path.iterdir()] == ["x.jsonl.gz"]


def test_every_truncation_of_a_gzip_is_noticed(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    write_episodes(path, several(50))
    whole = path.read_bytes()
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=r"x\.jsonl\.gz: the gzip stream is broken after line \d+"):
            list(read_episodes(path))


def test_a_flipped_byte_in_a_gzip_is_noticed(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    write_episodes(path, several())
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.jsonl\.gz.*prepare it again"):
        list(read_episodes(path))


def test_no_gzip_at_all_is_noticed(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(b'{"id": 1}\n')
    with pytest.raises(DataError, match=r"x\.jsonl\.gz: the gzip stream is broken"):
        list(read_episodes(path))


@pytest.mark.parametrize(
    ("line", "named"),
    [
        (b'{"id": "e/1", "sou', r"x\.jsonl:2: .*cut off"),
        (b"{}\n", r"x\.jsonl:2: no episode: key 'characters' is missing"),
        (b"[1]\n", r"x\.jsonl:2: no episode"),
        (
            b'{"id": "e", "source": "s", "characters": [{"name": "a"}], "turns": []}\n',
            r"x\.jsonl:2: no episode",
        ),
        (b"\xff\xfe\n", r"x\.jsonl:2"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, named):
    path = tmp_path / "x.jsonl"
    write_episodes(path, [EPISODE])
    path.write_bytes(path.read_bytes() + line)
    with pytest.raises(DataError, match=named):
        list(read_episodes(path))


def test_a_missing_file(tmp_path):
    with pytest.raises(MissingFileError, match="missing"):
        next(read_episodes(tmp_path / "x.jsonl"))


def test_a_blank_line_is_no_episode(tmp_path):
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n\n"))
    assert list(read_episodes(path)) == []
