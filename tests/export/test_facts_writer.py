"""Writers of facts: the same on both engines, and what the model itself finds likeliest."""

import numpy as np
import pytest

from persona_tf.decoding.config import DecodeConfig
from persona_tf.export.onnx.files import write_onnx
from persona_tf.export.onnx.writer import OnnxWriter
from persona_tf.export.writer import Writer
from persona_tf.export.written import MADE_UP, MAX_FACTS_TOKENS, STATED
from persona_tf.model.heads import next_token_log_probs
from persona_tf.text.vocabulary import FACT_MARKS, REPLY, SPECIALS, fact_ids

DECODE = DecodeConfig(max_reply_tokens=6, max_action_tokens=3)
SAME = 16
"""So many tokens are compared between engines."""
MODELS = {"concat": {}, "soft": {"fusion": "soft"}, "select": {"fusion": "select"}}


@pytest.fixture(scope="module")
def turns(cast):
    """Number of the turn of each target, int32 [B, Q], 0 where there is none."""
    most = max(len(example.targets) for example in cast)
    rows = [[t.turn + 1 for t in example.targets] for example in cast]
    return np.array([row + [0] * (most - len(row)) for row in rows], np.int32)


@pytest.fixture(scope="module")
def marks(tokenizer):
    return fact_ids(tokenizer.size)


@pytest.fixture(scope="module")
def make(shaken, tokenizer):
    def make(name):
        size = tokenizer.size + len(FACT_MARKS)
        return shaken(0.5, vocabulary_size=size, fact_marks=len(FACT_MARKS), **MODELS[name])

    return make


def run(writer, features, turns, **first):
    seeds = np.broadcast_to(np.arange(writer.hypotheses, dtype=np.int32), (*turns.shape, writer.hypotheses))
    return writer.write(writer.read_knowledge(features), writer.read_history(features), turns, seeds, **first)


def log_probs(model, features, row, turn, fed):
    """Of what comes after each token of one target: float [L, V]."""
    fed = np.array([fed], np.int32)
    known = {n: v[row : row + 1] for n, v in features.items() if n[0] in "kh"}
    spots = np.arange(fed.shape[1], dtype=np.int32)[None]
    target = {"target_ids": fed, "target_position": spots, "target_index": 0 * fed, "target_turn": 0 * fed + turn}
    return np.asarray(next_token_log_probs(model(known | target)))[0]


@pytest.mark.parametrize("name", MODELS)
def test_both_engines_write_what_the_model_finds_likeliest(name, make, features, turns, marks, tmp_path):
    model = make(name)
    write_onnx(model, tmp_path / "onnx", "float32")
    plain, onnx = Writer(model, DECODE), OnnxWriter(tmp_path / "onnx", DECODE)
    facts = plain.of_facts(STATED)
    words = range(len(SPECIALS), marks.extract)
    allowed = [*words, *marks.owners, marks.end]
    for first in (marks.extract, marks.invent):
        written = run(facts, features, turns, first=first)
        other = run(onnx.of_facts(STATED), features, turns, first=first)
        # What comes after a word that two engines find nearly as likely as another is for neither to say.
        np.testing.assert_array_equal(written.ids[..., :SAME], other.ids[..., :SAME])
        assert not written.ids[turns == 0].any()
        for row, place in np.argwhere(turns)[:6]:
            ids = written.ids[row, place, 0]
            ids = ids[ids != 0].tolist()
            assert set(ids) <= set(allowed)
            assert ids.index(marks.end) == len(ids) - 1 <= MAX_FACTS_TOKENS
            found = log_probs(model, features, row, turns[row, place], [first, *ids[:-1]])
            for step, token in enumerate(ids[:MAX_FACTS_TOKENS]):
                assert found[step][token] > found[step][allowed].max() - 1e-3
    replies = run(plain, features, turns)
    assert replies.ids.max() < marks.extract, "a reply holds no mark of facts"
    np.testing.assert_array_equal(replies.ids, run(onnx, features, turns).ids)


def test_both_engines_draw_the_same_to_make_up(make, features, turns, marks, tmp_path):
    model = make("soft")
    write_onnx(model, tmp_path / "onnx", "float32")
    writers = Writer(model, DECODE), OnnxWriter(tmp_path / "onnx", DECODE)
    plain, onnx = (run(w.of_facts(MADE_UP), features, turns, first=marks.invent) for w in writers)
    there = turns > 0
    assert plain.ids.shape[2] == MADE_UP.hypotheses
    np.testing.assert_array_equal(plain.ids[there][..., :SAME], onnx.ids[there][..., :SAME])
    np.testing.assert_allclose(plain.log_probs[there], onnx.log_probs[there], rtol=1e-3)
    assert len(np.unique(plain.ids[0, 0], axis=0)) > 1


def test_what_a_turn_states_does_not_depend_on_what_a_reply_would_need(make, features, turns, marks):
    """Under soft, the sources that a reply needs are found by a selector; what is made up is what they lack."""
    model = make("soft")
    before = log_probs(model, features, 0, turns[0, 0], [marks.extract])
    others = {first: log_probs(model, features, 0, turns[0, 0], [first]) for first in (REPLY, marks.invent)}
    kernel = model.selector.query.kernel
    kept = kernel.numpy()
    try:
        kernel.assign(kept * 5)
        np.testing.assert_allclose(log_probs(model, features, 0, turns[0, 0], [marks.extract]), before, atol=1e-4)
        for first, found in others.items():
            assert np.abs(log_probs(model, features, 0, turns[0, 0], [first]) - found).max() > 1e-3
    finally:
        kernel.assign(kept)


def test_who_never_learned_it_says_so(shaken, tmp_path):
    model = shaken(0.5)
    write_onnx(model, tmp_path / "onnx", "float32")
    for writer in (Writer(model, DECODE), OnnxWriter(tmp_path / "onnx", DECODE)):
        with pytest.raises(ValueError, match="never learned to write down facts"):
            writer.of_facts(STATED)
