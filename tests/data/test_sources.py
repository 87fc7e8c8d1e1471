from pathlib import Path

import pytest

from persona_tf.data.errors import DataError
from persona_tf.data.skips import Skips
from persona_tf.data.source_file import default_data_dir
from persona_tf.data.sources import SOURCES, read_split
from persona_tf.episode import EMOTES, Episode


def test_every_source_is_named_as_it_is_listed():
    assert list(SOURCES) == ["world", "light", "light_text", "convai2", "toloka", "wow", "dailydialog", "crd3", "chats"]
    assert all(name == source.name for name, source in SOURCES.items())
    assert all(source.about and source.licence and source.splits for source in SOURCES.values())


def test_all_published_files_lie_below_their_source_and_have_hashes():
    for source in SOURCES.values():
        for file in source.files:
            assert file.name.startswith(f"{source.name}/")
            assert len(file.sha256) == 64
            assert file.url.startswith("http")


def test_reading_passes_options_and_skips(light_dir):
    options = {"check_hash": False, "splits": "proportional"}
    episodes = list(read_split("light", "valid", str(light_dir), options, Skips()))
    assert len(episodes) == 2
    assert all(isinstance(episode, Episode) for episode in episodes)


@pytest.mark.parametrize(
    ("source", "split", "options", "named"),
    [
        ("dark", "train", {}, "unknown source 'dark'; choose from world, light, light_text, convai2, toloka, wow"),
        ("light", "dev", {}, "light has no split 'dev'; choose from train, valid, test, test_unseen"),
        (
            "light",
            "train",
            {"chek": 1},
            r"light takes no option \['chek'\]; it takes \['check_hash', 'splits'\]",
        ),
        ("world", "train", {"turn": 1}, "world takes no option"),
    ],
)
def test_names_that_do_not_exist(tmp_path, source, split, options, named):
    with pytest.raises(DataError, match=named):
        read_split(source, split, tmp_path, options)


def test_the_data_folder(monkeypatch):
    monkeypatch.setenv("PERSONA_TF_DATA_DIR", "/somewhere")
    assert default_data_dir() == Path("/somewhere")
    monkeypatch.setenv("PERSONA_TF_DATA_DIR", "")
    assert default_data_dir() == Path("data")


def test_the_labels_of_a_source_are_its_own():
    assert SOURCES["light"].emotes == EMOTES
    assert SOURCES["dailydialog"].emotes == (
        *("anger", "disgust", "fear", "happiness", "sadness", "surprise"),
        *("commissive", "directive", "inform", "question"),
    )


def test_what_is_not_downloaded_has_a_place():
    assert [name for name, source in SOURCES.items() if source.by_hand] == ["light_text", "crd3"]
    assert all(source.by_hand.startswith(f"{source.name}/") for source in SOURCES.values() if source.by_hand)
