import errno
import os

import pytest
import sentencepiece

from persona_tf.text.vocabulary import (
    ACTION,
    EMOTE,
    HISTORY,
    PAD,
    PARTNER,
    REPLY,
    SELF,
    SPECIALS,
    train_vocabulary,
)

TEXTS = ["The old barn leaks.", "The old baker bakes old bread.\nAnd the goose?", "Привет, мир"] * 3


def test_special_ids():
    ids = (PAD, HISTORY, SELF, PARTNER, REPLY, ACTION, EMOTE)
    assert [SPECIALS[i] for i in ids] == [
        "<pad>",
        "<history>",
        "<self>",
        "<partner>",
        "<reply>",
        "<action>",
        "<emote>",
    ]


def test_training_is_deterministic_and_writes_what_it_returns(tmp_path):
    first = train_vocabulary(iter(TEXTS), 310, tmp_path / "a" / "first.model")
    second = train_vocabulary(TEXTS, 310, tmp_path / "second.model")
    assert first == second
    assert (tmp_path / "a" / "first.model").read_bytes() == first
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["first.model"]
    assert train_vocabulary(TEXTS[:2], 310, tmp_path / "third.model") != first


def test_the_size_counts_special_ids(tmp_path):
    model = train_vocabulary(TEXTS, 310, tmp_path / "v.model")
    assert sentencepiece.SentencePieceProcessor(model_proto=model).vocab_size() == 310 - len(SPECIALS)


@pytest.mark.parametrize("size", [0, 8, 264])
def test_too_small(tmp_path, size):
    with pytest.raises(ValueError, match=rf"vocabulary_size {size} is too small: .* need 265"):
        train_vocabulary(TEXTS, size, tmp_path / "v.model")


def test_too_large_for_the_texts(tmp_path):
    with pytest.raises(ValueError, match="cannot train a vocabulary of 5000 ids on these texts"):
        train_vocabulary(TEXTS, 5000, tmp_path / "v.model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("texts", [[], [""], ["\n"]])
def test_no_text_at_all(tmp_path, texts):
    with pytest.raises(ValueError, match="cannot train a vocabulary"):
        train_vocabulary(texts, 310, tmp_path / "v.model")


def test_a_very_long_line_is_learned_from_like_any_other(tmp_path):
    long = "The old barn leaks and the goose minds. " * 2000
    model = train_vocabulary([long], 320, tmp_path / "v.model")
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model)
    assert len(pieces.encode(" barn leaks")) < len(" barn leaks") / 2


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_full_disk_leaves_the_old_file_whole(tmp_path, monkeypatch, call):
    path = tmp_path / "v.model"
    old = train_vocabulary(TEXTS, 310, path)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(OSError, match=r"No space left on device.*the file that was there is unchanged"):
        train_vocabulary(TEXTS, 320, path)
    assert path.read_bytes() == old
    assert [p.name for p in tmp_path.iterdir()] == ["v.model"]
