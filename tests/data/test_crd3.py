import doctest
import gzip
import itertools
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data import crd3
from persona_tf.data.crd3 import joined, read_crd3, stretches
from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.skips import Skips
from persona_tf.data.toloka_splits import SPLITS, split_of
from persona_tf.episode import Character, Episode, Turn


def session_of(split):
    return next(name for n in itertools.count(1) if split_of(f"crd3/{(name := f'C1E{n:03}')}") == split)


def lines(session, *said):
    turns = (
        {"episode": session, "turn": i, "speakers": who.split(), "text": text} for i, (who, text) in enumerate(said)
    )
    return "".join(json.dumps(turn) + "\n" for turn in turns)


def write(folder, *parts):
    (folder / "crd3").mkdir(exist_ok=True)
    path = folder / "crd3" / "crd3_turns.jsonl.gz"
    path.write_bytes(gzip.compress("".join(parts).encode()))
    return path


def read(folder, split="train", **options):
    skips = Skips()
    return list(read_crd3(split, folder, skips=skips, **options)), skips


def test_doctests():
    assert doctest.testmod(crd3).failed == 0


def test_a_session_is_cut_where_a_third_one_speaks(tmp_path):
    one = session_of("train")
    talk = (
        ("MATT", "You see a  door."),
        ("SAM", "Is it open?"),
        ("MATT", "No."),
        ("MATT", "It is locked."),
        ("SAM", "Oh."),
        ("LAURA", "I kick it."),
        ("SAM", "I help."),
        ("LAURA SAM", "Yes!"),
        ("MATT", "It holds."),
        ("ALL", "No!"),
    )
    write(tmp_path, lines(one, *talk), lines(session_of("test"), ("SAM", "a"), ("LIAM", "b")))
    episodes, skips = read(tmp_path, least=3)
    assert episodes == [
        Episode(
            f"crd3/{one}/0",
            "crd3",
            None,
            (Character("Matt"), Character("Sam")),
            (Turn(0, "You see a door."), Turn(1, "Is it open?"), Turn(0, "No. It is locked."), Turn(1, "Oh.")),
        ),
        Episode(
            f"crd3/{one}/1",
            "crd3",
            None,
            (Character("Sam"), Character("Laura")),
            (Turn(0, "Oh."), Turn(1, "I kick it."), Turn(0, "I help.")),
        ),
    ]
    assert skips.count == 0
    assert [len(e.turns) for e in read(tmp_path)[0]] == [4]
    assert [len(e.turns) for e in read(tmp_path, "test", least=2)[0]] == [2]


TALK = st.lists(st.tuples(st.sampled_from(["", "a", "b", "c"]), st.text("xyz", min_size=1, max_size=2)), max_size=25)


@given(TALK, st.integers(2, 5))
def test_stretches_are_of_two_who_alternate_and_cannot_be_longer(talk, least):
    said = list(joined(talk))
    found = list(stretches(said, least))
    whole = list(stretches(said, 2))
    assert found == [stretch for stretch in whole if len(stretch) >= least]
    for stretch in whole:
        names = [who for who, _ in stretch]
        assert len(set(names)) == 2
        assert all(one != other for one, other in itertools.pairwise(names))
    answers = [pair for pair in itertools.pairwise(said) if pair[0][0] and pair[1][0]]
    assert [pair for stretch in whole for pair in itertools.pairwise(stretch)] == answers, "each answer stands once"


def test_sessions_are_in_one_split_each():
    sessions = [f"C{c}E{n:03}" for c in (1, 2) for n in range(1, 110)]
    counts = {split: sum(split_of(f"crd3/{session}") == split for session in sessions) for split in SPLITS}
    assert counts["train"] > 0.7 * len(sessions)
    assert min(counts.values()) > 10


def test_bad_lines_are_counted_and_left_out(tmp_path):
    one = session_of("train")
    bad = ('{"episode": 3}\n', "nonsense\n", json.dumps({"episode": one, "speakers": [], "text": "Hm."}) + "\n")
    good = lines(one, ("SAM", "a"), ("LIAM", "b"), ("SAM", "c"), ("LIAM", "d"))
    write(tmp_path, *bad, good)
    episodes, skips = read(tmp_path)
    assert [len(e.turns) for e in episodes] == [4]
    assert skips.count == 3
    assert "crd3_turns.jsonl.gz:1: expected an object with the keys episode, speakers, text" in skips.report()
    assert "key speakers: expected names, got []" in skips.report()


def test_a_missing_a_broken_and_an_empty_file_are_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"crd3_turns\.jsonl\.gz is missing. Put it at"):
        read(tmp_path)
    path = write(tmp_path, lines(session_of("train"), *[("SAM", "a"), ("LIAM", "b")] * 500))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="the gzip stream is broken after line"):
        read(tmp_path)
    write(tmp_path, lines(session_of("test"), ("SAM", "a")))
    with pytest.raises(DataError, match="no dialogue of split 'train'"):
        read(tmp_path)
    with pytest.raises(DataError, match="least must be a whole number of 2 or more, got 1"):
        read(tmp_path, least=1)


DATA = Path(os.environ.get("PERSONA_TF_DATA_DIR", ""))


@pytest.mark.skipif(not (DATA / crd3.FILE.name).is_file(), reason=f"needs {crd3.FILE.name}")
def test_real_counts():
    skips = Skips()
    episodes = list(read_crd3("test", DATA, skips=skips))
    assert (len(episodes), sum(len(e.turns) for e in episodes), skips.count) == (2153, 13538, 0)
