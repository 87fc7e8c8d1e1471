import json
import os
import zipfile
from pathlib import Path

import pytest

from persona_tf.data.dailydialog import ACTS, EMOTIONS, MEMBER, read_dailydialog
from persona_tf.data.errors import DataError, MissingFileError
from persona_tf.data.skips import Skips
from persona_tf.data.verify import verify
from persona_tf.episode import Character, Episode, Turn


def turn(speaker, text, emotion="no emotion", act="inform"):
    acts = {"binary": [{"intent": act, "domain": "", "slot": ""}], "categorical": [], "non-categorical": []}
    return {"speaker": speaker, "utterance": text, "utt_idx": 0, "dialogue_acts": acts, "emotion": emotion}


def dialogue(split, *turns):
    return {"dataset": "dailydialog", "data_split": split, "dialogue_id": "x", "domains": ["Work"], "turns": turns}


GOOD = [
    dialogue("train", turn("user", " Where  is my hat ? ", act="question"), turn("system", "Ha!", "happiness")),
    dialogue("test", turn("user", "Sit.", "anger", "directive"), turn("system", "I will.", act="commissive")),
    dialogue("validation", turn("user", "Good day.")),
    dialogue("train", turn("user", "It rains.", "sadness")),
]


def write(folder, data, member=MEMBER):
    (folder / "dailydialog").mkdir(exist_ok=True)
    path = folder / "dailydialog" / "dailydialog.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, data if isinstance(data, (str, bytes)) else json.dumps(data))
    return path


def read(folder, split="train", **options):
    skips = Skips()
    return list(read_dailydialog(split, folder, check_hash=False, skips=skips, **options)), skips


def test_the_splits_word_for_word(tmp_path):
    write(tmp_path, GOOD)
    nobody = (Character(""), Character(""))
    episodes, skips = read(tmp_path)
    assert episodes == [
        Episode(
            "dailydialog/train/0",
            "dailydialog",
            None,
            nobody,
            (Turn(0, "Where is my hat ?"), Turn(1, "Ha!", emote="happiness")),
        ),
        Episode("dailydialog/train/1", "dailydialog", None, nobody, (Turn(0, "It rains.", emote="sadness"),)),
    ]
    assert skips.count == 0
    assert [e.turns for e in read(tmp_path, "valid")[0]] == [(Turn(0, "Good day."),)]
    assert [t.emote for t in read(tmp_path, "test")[0][0].turns] == ["anger", ""]


def test_labels_are_those_that_were_asked_for(tmp_path):
    write(tmp_path, GOOD)
    assert [t.emote for t in read(tmp_path, "test", emote="act")[0][0].turns] == ["directive", "commissive"]
    assert [t.emote for t in read(tmp_path, "test", emote="none")[0][0].turns] == ["", ""]
    with pytest.raises(DataError, match=r"emote must be one of .*, got 'mood'"):
        read(tmp_path, emote="mood")


def test_bad_turns_and_dialogues_are_counted_and_left_out(tmp_path):
    bad = [
        {"data_split": "train"},
        dialogue("training", turn("user", "Hi.")),
        dialogue("train", turn("cat", "Miaow."), turn("user", "Hi.", "glee"), {"speaker": "user"}, turn("user", "Ho.")),
        dialogue("train", turn("user", "  ")),
        17,
    ]
    write(tmp_path, [*bad[:2], *GOOD, *bad[2:]])
    episodes, skips = read(tmp_path)
    assert [[t.speech for t in e.turns] for e in episodes] == [["Where is my hat ?", "Ha!"], ["It rains."], ["Ho."]]
    assert skips.count == 7
    for part in ("dialogue 0: expected an object with the key turns", "dialogue 1: key data_split: expected one of"):
        assert part in skips.report()
    assert "dialogue 6 turn 0: key speaker: expected one of ['user', 'system'], got 'cat'" in skips.report()
    assert "turn 1: key emotion: expected one of" in skips.report()


def test_a_missing_another_and_a_broken_file_are_named(tmp_path):
    with pytest.raises(MissingFileError, match=r"dailydialog\.zip is missing.*data prepare dailydialog.*b1f38f3"):
        list(read_dailydialog("train", tmp_path))
    path = write(tmp_path, GOOD)
    with pytest.raises(DataError, match=r"dailydialog\.zip: expected SHA-256 b1f38f3"):
        list(read_dailydialog("train", tmp_path))
    assert any("expected SHA-256" in problem for problem in verify("dailydialog", tmp_path))
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    with pytest.raises(DataError, match="the archive is broken"):
        read(tmp_path)
    write(tmp_path, GOOD, "data/other.json")
    with pytest.raises(DataError, match=r"no data/dialogues\.json in it"):
        read(tmp_path)
    write(tmp_path, json.dumps(GOOD)[:-30])
    with pytest.raises(DataError, match=r"dialogues\.json: element 3 is broken"):
        read(tmp_path)
    write(tmp_path, GOOD[:1])
    with pytest.raises(DataError, match="no dialogue of split 'test'"):
        read(tmp_path, "test")


DATA = Path(os.environ.get("PERSONA_TF_DATA_DIR", ""))


@pytest.mark.skipif(not (DATA / "dailydialog/dailydialog.zip").is_file(), reason="needs dailydialog.zip")
def test_real_counts():
    skips = Skips()
    episodes = list(read_dailydialog("test", DATA, skips=skips))
    assert (len(episodes), sum(len(e.turns) for e in episodes), skips.count) == (1000, 7740, 0)
    assert {t.emote for e in episodes for t in e.turns} == {"", *EMOTIONS}
    assert {t.emote for e in read_dailydialog("valid", DATA, emote="act") for t in e.turns} == set(ACTS)
