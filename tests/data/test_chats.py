"""Conversations of the server, as data to train on."""

import dataclasses
import types

import pytest

from persona_tf.chat.answer import Answer
from persona_tf.chat.session import Session
from persona_tf.chat_file import ChatFile
from persona_tf.data import commands
from persona_tf.data.chats import SPLITS, _split, export_chats
from persona_tf.data.errors import DataError
from persona_tf.data.sources import read_split
from persona_tf.data.verify import episode_problems
from persona_tf.episode import Character, Fact, Setting
from persona_tf.example import ExampleConfig
from persona_tf.learner import examples


class FakeBot:
    bundle = types.SimpleNamespace(example=ExampleConfig())

    def answer(self, batch, seed=0):
        return [[Answer(f"I saw {len(batch[0].history)}.", "wave", "smile", {"persona/0": 1.0}, 3)]]


def talk(*said):
    session = Session(FakeBot(), Setting("Mill"), Character("Mira", (Fact("I bake."),)), Character("Tam"))
    for text in said:
        session.say(text)
    return session


@pytest.fixture
def file(tmp_path):
    """Makes a server's file of sessions by name."""

    def make(**sessions):
        kept = ChatFile(tmp_path / "chats.sqlite")
        for name, session in sessions.items():
            kept.add(name, {}, session.state())
        kept.close()
        return kept.path

    return make


def exported(path, data_dir, **options):
    export_chats(path, data_dir, **options)
    return {episode.id: episode for split in SPLITS for episode in read_split("chats", split, data_dir)}


def test_a_conversation_ends_before_what_was_found_offensive(file, tmp_path):
    class Rude(FakeBot):
        def answer(self, batch, seed=0):
            [[said]] = super().answer(batch)
            return [[dataclasses.replace(said, offence="marked" if "3" in said.reply else "")]]

    session = Session(Rude(), None, Character("Mira"), Character("Tam"))
    for text in ("Hi", "How?"):
        session.say(text)
    path = file(one=session)
    assert len(exported(path, tmp_path)["one"].turns) == 3
    assert len(exported(path, tmp_path, keep="all")["one"].turns) == 4


def test_a_conversation_is_an_episode_with_its_ticks(file, tmp_path):
    session = talk("Hi", "How?")
    session.tick(3, ["persona/0", "turn/0"])
    [episode] = exported(file(one=session), tmp_path).values()
    assert (episode.id, episode.source, episode.learners) == ("one", "chats", (1,))
    assert [turn.speech for turn in episode.turns] == ["Hi", "I saw 1.", "How?", "I saw 3."]
    assert episode.turns[3].grounding == ("persona/0", "turn/0")
    assert list(episode_problems(episode)) == []
    [example] = examples(episode, ExampleConfig())
    [_, target] = example.targets
    assert [example.items[i].key for i in target.gold] == ["persona/0"]
    assert target.gold_turns == (0,)


def test_what_is_rated_badly_is_not_learned_from(file, tmp_path):
    good, bad, late, empty = talk("a", "b"), talk("a"), talk("a", "b", "c"), talk()
    good.rate(3, {"logical": True, "personal": True})
    bad.rate(1, {"specific": False, "logical": True})
    late.rate(1, {"logical": True})
    late.rate(5, {"personal": False})
    path = file(good=good, bad=bad, late=late, empty=empty, plain=talk("a"))

    def counts(**options):
        return {name: len(episode.turns) for name, episode in exported(path, tmp_path, **options).items()}

    assert counts() == {"good": 4, "late": 5, "plain": 2}
    assert counts(keep="rated") == {"good": 4, "late": 2}
    assert counts(keep="all") == {"good": 4, "bad": 2, "late": 6, "plain": 2}
    with pytest.raises(DataError, match="keep: expected one of good, rated, all, got 'some'"):
        export_chats(path, tmp_path, keep="some")


def test_a_conversation_stays_in_its_split_and_most_are_for_training():
    names = [f"name {number}" for number in range(1000)]
    counts = {split: sum(_split(name) == split for name in names) for split in SPLITS}
    assert sum(counts.values()) == 1000
    assert 750 < counts["train"] < 850
    assert min(counts["valid"], counts["test"]) > 60


def test_the_verb_says_what_it_wrote(file, tmp_path, capsys):
    request = commands.Request(str(file(one=talk("a"))), tmp_path / "data", options={"keep": "all"})
    commands.ACTIONS["export-chats"](request)
    out = capsys.readouterr().out
    assert sum(f"{split}: 1 conversations" in out for split in SPLITS) == 1
    assert (tmp_path / "data" / "chats" / "train.jsonl.gz").is_file()


def test_a_damaged_conversation_is_named(tmp_path):
    kept = ChatFile(tmp_path / "c")
    kept.add("bad", {}, {"episode": {}, "choices": []})
    kept.close()
    with pytest.raises(DataError, match="conversation bad is damaged"):
        export_chats(tmp_path / "c", tmp_path)


def test_before_an_export_it_says_what_makes_one(tmp_path):
    with pytest.raises(OSError, match="data export-chats"):
        list(read_split("chats", "train", tmp_path))
