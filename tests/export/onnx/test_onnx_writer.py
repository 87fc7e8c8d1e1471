"""The float32 engine writes what `Writer` writes; the int8 one nearly that."""

import dataclasses
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.numpy_search import NumpySearch
from persona_tf.export.onnx import group, reader, tables
from persona_tf.export.onnx import writer as onnx_writer
from persona_tf.export.onnx.files import write_onnx
from persona_tf.export.onnx.writer import OnnxWriter
from persona_tf.export.writer import Writer
from persona_tf.model.heads import CopyHead
from persona_tf.model.layers import MASKED
from persona_tf.text.vocabulary import SPECIALS

DECODE = DecodeConfig(max_reply_tokens=6, max_action_tokens=3)
MODELS = {
    "concat": {},
    "concat without copying": {"copy_head": False},
    "soft": {"fusion": "soft"},
    "soft without copying": {"fusion": "soft", "copy_head": False},
    "select": {"fusion": "select"},
    "two selected": {"fusion": "select", "selected": 2},
    "apart, narrow heads": {"history": "apart", "heads": 4},
    "norms after": {"norm_place": "after", "activation": "gelu", "positions": "learned", "most_positions": 5},
    "plain norms": {"norm": "rms", "activation": "swiglu", "heads": 4, "kv_heads": 2, "tied": False, "fusion": "soft"},
    "whole, deep": {"history": "whole", "encoder_layers": 2, "decoder_layers": 2, "fusion": "soft"},
}
DECODES = {
    "greedy": {},
    "sampled": {"method": "sample", "top_p": 0.9, "hypotheses": 2},
    "filtered": {"method": "sample", "top_k": 40, "min_p": 0.01, "typical": 0.9, "temperature": 0.8},
    "ruled": {"repetition_penalty": 1.5, "no_repeat_ngram": 2, "min_reply_tokens": 4},
}


@pytest.fixture(scope="module")
def turns(cast):
    """Number of the turn of each target, int32 [B, Q], 0 where there is none."""
    most = max(len(example.targets) for example in cast)
    rows = [[t.turn + 1 for t in example.targets] for example in cast]
    return np.array([row + [0] * (most - len(row)) for row in rows], np.int32)


@pytest.fixture(scope="module")
def folder(shaken, tmp_path_factory):
    """Name of a model and precision -> the folder of its graphs, written once."""
    parent, known = tmp_path_factory.mktemp("onnx"), {}

    def make(name, precision="float32"):
        if (name, precision) not in known:
            known[name, precision] = parent / f"{len(known)}"
            write_onnx(shaken(0.5, **MODELS[name]), known[name, precision], precision)
        return known[name, precision]

    return make


def run(writer, features, turns, rows=slice(None)):
    mine = {name: value[rows] for name, value in features.items()}
    seeds = np.arange(turns.size * writer.hypotheses, dtype=np.int32).reshape(*turns.shape, -1)
    return writer.write(writer.read_knowledge(mine), writer.read_history(mine), turns[rows], seeds[rows])


def by_source(written):
    """Attention [B, Q, K] to each item and turn, whatever the places of the memory."""
    sums = np.zeros((*written.attention.shape[:3], 200))
    for row in range(len(sums)):
        number = np.where(written.turn[row] > 0, 100 + written.turn[row], written.item[row] + 2)
        for k in np.unique(number):
            sums[row, ..., k] = written.attention[row][..., number == k].sum(-1)
    return sums


def assert_same(one, other):
    np.testing.assert_array_equal(one.ids, other.ids)
    np.testing.assert_allclose(one.log_probs, other.log_probs, atol=1e-3)
    np.testing.assert_allclose(one.emote_logits, other.emote_logits, atol=1e-3)
    wrote = one.ids.any(-1)  # where there is no target nothing is seen, and attention means nothing
    np.testing.assert_allclose(by_source(one)[wrote], by_source(other)[wrote], atol=1e-3)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("decode", ["greedy", "sampled"])
def test_it_writes_what_the_writer_writes(name, decode, folder, shaken, features, turns):
    config = dataclasses.replace(DECODE, **DECODES[decode])
    expected = run(Writer(shaken(0.5, **MODELS[name]), config), features, turns)
    written = run(OnnxWriter(folder(name), config), features, turns)
    assert_same(written, expected)
    tokens = np.maximum((expected.ids != 0).sum(-1), 1)
    assert (np.abs(written.log_probs - expected.log_probs) / tokens).max() < 1e-4


@pytest.mark.parametrize("decode", ["filtered", "ruled"])
def test_filters_and_rules_are_the_same(decode, folder, shaken, features, turns):
    config = dataclasses.replace(DECODE, **DECODES[decode])
    expected = run(Writer(shaken(0.5), config), features, turns)
    assert_same(run(OnnxWriter(folder("concat"), config), features, turns), expected)


def test_banned_ids_are_not_written(folder, shaken, features, turns):
    plain = run(OnnxWriter(folder("concat"), DECODE), features, turns)
    banned = tuple((int(token),) for token in np.unique(plain.ids) if token >= len(SPECIALS))
    expected = run(Writer(shaken(0.5), DECODE, banned=banned), features, turns)
    assert_same(run(OnnxWriter(folder("concat"), DECODE, banned=banned), features, turns), expected)
    assert not np.isin(expected.ids, banned).any()


def test_where_nothing_follows_a_reply(folder, shaken, features, turns):
    expected = run(Writer(shaken(0.5), DECODE, speaks_only=True), features, turns)
    assert_same(run(OnnxWriter(folder("concat"), DECODE, speaks_only=True), features, turns), expected)


def test_a_row_alone_is_as_among_others(folder, features, turns):
    writer = OnnxWriter(folder("soft"), dataclasses.replace(DECODE, method="sample"))
    together = run(writer, features, turns)
    for row in range(len(turns)):
        np.testing.assert_array_equal(run(writer, features, turns, slice(row, row + 1)).ids[0], together.ids[row])


def test_pieces_come_to_the_whole(folder, features, turns):
    writer = OnnxWriter(folder("concat"), DECODE)
    knowledge, history = writer.read_knowledge(features), writer.read_history(features)
    seeds = np.zeros((*turns.shape, 1), np.int32)
    pieces = list(writer.stream(knowledge, history, turns, seeds, 2))
    assert len(pieces) > 2
    whole = writer.write(knowledge, history, turns, seeds)
    assert_same(pieces[-1], whole)
    for count, piece in enumerate(pieces, 1):
        np.testing.assert_array_equal(piece.ids[..., : 2 * count], whole.ids[..., : 2 * count])
        assert not piece.ids[..., 2 * count :].any()


@pytest.mark.parametrize("name", ["concat", "soft", "apart, narrow heads"])
def test_what_is_read_on_is_as_if_read_at_once(name, folder, features, turns):
    writer = OnnxWriter(folder(name), DECODE)
    row = {part: value[:1] for part, value in features.items()}
    at_once = writer.read_history(row)
    cut = int(np.flatnonzero(row["history_turn"][0] == 3)[0])
    pieces = [{part: v[:, a:b] for part, v in row.items()} for a, b in ((0, cut), (cut, None))]
    read_on = writer.read_history(pieces[1], writer.read_history(pieces[0]))
    assert writer.tokens_read(read_on) == writer.tokens_read(at_once)
    knowledge, seeds = writer.read_knowledge(row), np.zeros((*turns[:1].shape, 1), np.int32)
    one, other = (writer.write(knowledge, history, turns[:1], seeds) for history in (at_once, read_on))
    assert_same(one, other)


@pytest.mark.parametrize("name", ["concat", "soft", "concat without copying"])
@pytest.mark.parametrize("rows", [1, 1000], ids=["absorbed", "by heads"])
def test_int8_is_near(name, rows, folder, features, turns, monkeypatch):
    """Probabilities of the same sampled words are near where the words before them are the same."""
    monkeypatch.setattr(onnx_writer, "ABSORBED_ROWS", rows)
    exact = run(OnnxWriter(folder(name), DECODE), features, turns)
    near = run(OnnxWriter(folder(name, "int8"), DECODE), features, turns)
    same = (exact.ids == near.ids).all(-1)
    assert same[turns > 0].mean() >= 0.5
    assert np.abs(exact.log_probs - near.log_probs)[same].max() < 1.5
    assert np.abs(exact.log_probs - near.log_probs)[same & (turns > 0)[..., None]].mean() < 0.4
    assert (exact.ids == near.ids)[exact.ids > 0].mean() > 0.7


@pytest.mark.parametrize("name", ["concat", "soft", "concat without copying"])
@pytest.mark.parametrize("rows", [1, 1000], ids=["absorbed", "by heads"])
def test_int8_finds_the_same_words_about_as_likely(name, rows, folder, features, turns, monkeypatch):
    """Made to write what float32 wrote, it says of each reply nearly the same."""
    monkeypatch.setattr(onnx_writer, "ABSORBED_ROWS", rows)
    exact = run(OnnxWriter(folder(name), DECODE, threads=1), features, turns)
    ids = exact.ids.reshape(-1, exact.ids.shape[-1])
    monkeypatch.setattr(NumpySearch, "_choose", lambda self, allowed, live: ids[live, self.index])
    near = run(OnnxWriter(folder(name, "int8"), DECODE, threads=1), features, turns)
    np.testing.assert_array_equal(near.ids, exact.ids)
    apart = (near.log_probs - exact.log_probs)[turns > 0] / (exact.ids != 0).sum(-1)[turns > 0]
    assert np.abs(apart).mean() < 0.05, "nats a token"
    assert np.abs(apart).max() < 0.12, "nats a token"


def test_what_it_cannot_do_it_says_at_once(folder):
    place = folder("concat")
    wrong = {
        "method beam": {"method": "beam", "hypotheses": 2},
        "guidance": {"guidance": 1.0},
        "mutual_information": {"method": "sample", "hypotheses": 2, "mutual_information": 0.5},
        "forced_words": {"forced_words": ("bread",)},
        "no_repeat_history_ngram": {"no_repeat_history_ngram": 2},
    }
    for name, fields in wrong.items():
        with pytest.raises(ValueError, match=f"does not do {name}"):
            OnnxWriter(place, dataclasses.replace(DECODE, **fields))
    with pytest.raises(ValueError, match=r"bans single ids, got \(20, 21\)"):
        OnnxWriter(place, DECODE, banned=((19,), (20, 21)))


def test_a_reading_that_was_broken_off_is_not_taken_for_done(folder, features, turns, monkeypatch):
    writer = OnnxWriter(folder("concat"), DECODE)
    knowledge, history = writer.read_knowledge(features), writer.read_history(features)
    seeds = np.zeros((*turns.shape, 1), np.int32)
    knowledge.done()
    settle = reader._Later(lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    knowledge.work.append(settle)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            writer.write(knowledge, history, turns, seeds)


def test_two_threads_may_use_what_one_has_read(folder, features, turns):
    writer = OnnxWriter(folder("soft"), DECODE)
    seeds = np.zeros((*turns.shape, 1), np.int32)
    alone = writer.write(writer.read_knowledge(features), writer.read_history(features), turns, seeds)
    for _ in range(5):
        read = writer.read_knowledge(features), writer.read_history(features)
        with ThreadPoolExecutor(4) as pool:
            for written in pool.map(lambda _, read=read: writer.write(*read, turns, seeds), range(4)):
                np.testing.assert_array_equal(written.ids, alone.ids)


def test_constants_are_the_models():
    assert (group.CONTEXT, float(tables.MASKED)) == (CopyHead.CONTEXT, MASKED)
    assert keras.layers.LayerNormalization(center=False, scale=False).epsilon == tables._EPSILON


def test_several_conversations_or_whole_ones_are_not_read_on(folder, features):
    writer = OnnxWriter(folder("concat"), DECODE)
    with pytest.raises(ValueError, match="one conversation can be read on, got 6 rows"):
        writer.read_history(features, writer.read_history(features))
    writer = OnnxWriter(folder("whole, deep"), DECODE)
    row = {name: value[:1] for name, value in features.items()}
    with pytest.raises(ValueError, match="read all anew"):
        writer.read_history(row, writer.read_history(row))


def test_not_every_word_can_be_banned(folder, tokenizer):
    everything = tuple((token,) for token in range(len(SPECIALS), tokenizer.size))
    with pytest.raises(ValueError, match="every word is banned"):
        OnnxWriter(folder("concat"), DECODE, banned=everything)


def test_it_does_without_tensorflow():
    forbidden = "{'tensorflow', 'keras', 'onnx'}"
    code = f"import sys, persona_tf.export.onnx.writer; sys.exit(bool({forbidden} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
