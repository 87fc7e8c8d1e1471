import gzip
import logging

import pytest

from persona_tf.data import world_cache
from persona_tf.data.errors import DataError
from persona_tf.data.sources import read_split
from persona_tf.data.world.config import WorldConfig
from persona_tf.data.world_cache import fingerprint, prepare_world, world_path
from persona_tf.episode import Character, Episode, Turn


@pytest.fixture
def calls(monkeypatch):
    """The splits that were generated, by a generator that needs no lexicon."""
    made = []

    def generate(split, config, realm=None):
        made.append(split)
        for i in range(config.size(split)):
            yield Episode(f"world/{split}/{i}", "world", None, (Character("a"), Character("b")), (Turn(0, str(i)),))

    monkeypatch.setattr(world_cache, "_generate", generate)
    return made


def test_a_split_is_generated_once_with_progress(tmp_path, calls):
    said = []
    options = {"valid": 5, "say": said.append}
    first = list(read_split("world", "valid", tmp_path, options))
    assert [e.turns[0].speech for e in first] == list("01234")
    assert list(read_split("world", "valid", tmp_path, options)) == first
    assert calls == ["valid"]
    assert said[-1] == "world valid: 5 of 5 dialogues (100 %)"
    (path,) = tmp_path.rglob("*.gz")
    assert path == world_path("valid", tmp_path, WorldConfig(valid=5))
    assert path.relative_to(tmp_path).parts == ("world", fingerprint(WorldConfig(valid=5)), "valid.jsonl.gz")


def test_another_world_has_another_place(tmp_path, calls):
    prints = {fingerprint(WorldConfig(**fields)) for fields in ({}, {"seed": 1}, {"typos": 0.0}, {"turns": (8, 12)})}
    assert len(prints) == 4
    assert fingerprint(WorldConfig(turns=[8, 16])) == fingerprint(WorldConfig())
    list(read_split("world", "valid", tmp_path, {"valid": 2}))
    list(read_split("world", "valid", tmp_path, {"valid": 3}))
    assert calls == ["valid", "valid"]


def test_a_generator_that_dies_leaves_nothing(tmp_path, monkeypatch):
    def dies(split, config, realm=None):
        yield from ()
        raise RuntimeError("no")

    monkeypatch.setattr(world_cache, "_generate", dies)
    with pytest.raises(RuntimeError, match="no"):
        prepare_world("valid", tmp_path, WorldConfig())
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == []


def test_a_broken_file_is_an_error_not_a_shorter_world(tmp_path, calls):
    path = prepare_world("valid", tmp_path, WorldConfig(valid=50))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"valid\.jsonl\.gz: the gzip stream is broken"):
        list(read_split("world", "valid", tmp_path, {"valid": 50}))
    path.write_bytes(gzip.compress(b"{}\n"))
    with pytest.raises(DataError, match=r"valid\.jsonl\.gz:1: no episode"):
        list(read_split("world", "valid", tmp_path, {"valid": 50}))


def test_a_folder_that_cannot_be_written_still_gives_the_world(tmp_path, calls, caplog):
    (tmp_path / "file").write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        assert len(list(read_split("world", "valid", tmp_path / "file", {"valid": 4}))) == 4
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize(
    ("options", "named"),
    [({"valid": -1}, "WorldConfig.valid"), ({"turns": (9, 8)}, "turns"), ({"people": "dark"}, "WorldConfig.people")],
)
def test_values_out_of_bounds(tmp_path, options, named):
    with pytest.raises(DataError, match=named):
        list(read_split("world", "valid", tmp_path, options))
