import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from persona_tf.decoding.config import DecodeConfig
from persona_tf.episode import KEY_KINDS
from persona_tf.export.writer import Writer
from persona_tf.model.config import MIXING
from persona_tf.model.heads import next_token_log_probs
from persona_tf.text.vocabulary import ACTION, EMOTE, REPLY, SPECIALS

DECODE = DecodeConfig(max_reply_tokens=6, max_action_tokens=3)


@pytest.fixture(scope="module")
def model(shaken):
    return shaken(0.5, fusion="soft")


@pytest.fixture(scope="module")
def write(model, features, turns):
    """Fields of DecodeConfig (and arguments of Writer) -> what is written for all targets."""

    def run(jit_compile=False, rows=slice(None), **decode):
        writer = Writer(model, dataclasses.replace(DECODE, **decode), jit_compile=jit_compile)
        mine = {name: value[rows] for name, value in features.items()}
        seeds = np.arange(turns.size * writer.hypotheses, dtype=np.int32).reshape(*turns.shape, -1)
        return writer.write(writer.read_knowledge(mine), writer.read_history(mine), turns[rows], seeds[rows])

    return run


@pytest.fixture(scope="module")
def written(write):
    return write()


@pytest.fixture(scope="module")
def turns(cast):
    """Number of the turn of each target, int32 [B, Q], 0 where there is none."""
    most = max(len(example.targets) for example in cast)
    rows = [[t.turn + 1 for t in example.targets] for example in cast]
    return np.array([row + [0] * (most - len(row)) for row in rows], np.int32)


def _log_probs(model, features, row, turn, ids, hidden_kinds=()):
    """Of each token that was written, given those before it: float [L, V]."""
    fed = np.concatenate([[REPLY], ids[:-1]])[None].astype(np.int32)
    known = {n: v[row : row + 1] for n, v in features.items() if n[0] in "kh"}
    spots = np.arange(fed.shape[1], dtype=np.int32)[None]
    batch = known | {
        "target_ids": fed,
        "target_position": spots,
        "target_index": 0 * fed,
        "target_turn": 0 * fed + turn,
    }
    kinds = np.concatenate([known["knowledge_kind"], 0 * known["history_ids"]], axis=1)
    hidden = np.isin(kinds, hidden_kinds) if hidden_kinds else None
    return np.asarray(next_token_log_probs(model(batch, hidden=hidden)))[0]


def _targets(written, turns, hypothesis=0):
    """(row, number of the turn, ids, (row, target)) of each target that there is."""
    for row, target in np.argwhere(turns):
        ids = written.ids[row, target, hypothesis]
        yield row, turns[row, target], ids[ids != 0], (row, target)


@pytest.mark.parametrize("fusion", MIXING)
def test_from_a_mixture_it_writes_what_call_finds_likeliest(shaken, features, turns, fusion):
    model = shaken(0.5, fusion=fusion, copy_head=False)
    writer = Writer(model, DECODE)
    seeds = np.zeros((*turns.shape, 1), np.int32)
    written = writer.write(writer.read_knowledge(features), writer.read_history(features), turns, seeds)
    for row, turn, ids, place_of in _targets(written, turns):
        total = _log_probs(model, features, row, turn, ids)[np.arange(len(ids)), ids].sum()
        assert written.log_probs[place_of][0] == pytest.approx(total, abs=1e-2)


def test_what_is_written_is_what_call_finds_likeliest(model, features, turns, written):
    """Feeds each target that was written as a whole, and looks for a likelier word at each place."""
    for row, turn, ids, place_of in _targets(written, turns):
        log_probs = _log_probs(model, features, row, turn, ids)
        total = log_probs[np.arange(len(ids)), ids].sum()
        assert written.log_probs[place_of][0] == pytest.approx(total, abs=1e-2)
        end = list(ids).index(ACTION)
        for place, token in enumerate(ids):
            stop = ACTION if place <= end else EMOTE
            allowed = [*range(len(SPECIALS), log_probs.shape[1]), stop]
            best = log_probs[place][allowed].max()
            forced = (place == 6) if place <= end else (place == end + 4)
            assert forced or log_probs[place][token] > best - 1e-3


def test_what_is_written_ends_in_stops(written, turns):
    for _, _, ids, _ in _targets(written, turns):
        ids = ids.tolist()
        assert ids[-1] == EMOTE
        assert ids.count(ACTION) == ids.count(EMOTE) == 1
        assert ids.index(ACTION) <= 6
        assert len(ids) - ids.index(ACTION) - 2 <= 3


def test_where_there_is_no_target_nothing_is_written(written, turns):
    assert not written.ids[turns == 0].any()
    assert (turns == 0).any()


def test_attention_is_one_for_each_token_of_reply_and_action(written, turns):
    tokens = (written.ids >= len(SPECIALS)).sum(-1) + 1
    np.testing.assert_allclose(written.attention.sum(-1)[turns > 0], tokens[turns > 0], rtol=1e-4)


@pytest.mark.parametrize(
    "decode", [{}, {"method": "sample", "top_p": 0.9}, {"method": "beam", "hypotheses": 3}], ids=str
)
@pytest.mark.slow
def test_compiled_by_xla_it_is_the_same(write, decode):
    one, other = write(**decode), write(**decode, jit_compile=True)
    np.testing.assert_array_equal(one.ids, other.ids)
    for name in ("log_probs", "emote_logits", "attention"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-3, err_msg=name)


def test_samples_are_the_same_alone(write, turns):
    decode = {"method": "sample", "hypotheses": 2}
    together = write(**decode)
    assert (together.ids[:, :, 0] != together.ids[:, :, 1]).any()
    for row in range(len(turns)):
        np.testing.assert_array_equal(write(rows=slice(row, row + 1), **decode).ids[0], together.ids[row])


PERSONA = 1 + KEY_KINDS.index("persona")


def test_guidance_mixes_with_and_without_the_persona(write, model, features, turns):
    guided = write(guidance=1.5)
    assert (guided.ids != write().ids).any()
    for row, turn, ids, place_of in _targets(guided, turns):
        own = _log_probs(model, features, row, turn, ids)
        without = _log_probs(model, features, row, turn, ids, [PERSONA])
        plausible = own >= own.max(-1, keepdims=True) + np.log(0.1)
        mixed = np.asarray(tf.nn.log_softmax(np.where(plausible, 2.5 * own - 1.5 * without, own - 100)))
        total = mixed[np.arange(len(ids)), ids].sum()
        assert guided.log_probs[place_of][0] == pytest.approx(total, abs=2e-2)


def test_mutual_information_picks_what_needs_the_persona(write, model, features, turns):
    decode = {"method": "sample", "hypotheses": 4}
    plain, picked = write(**decode), write(**decode, mutual_information=0.7)
    assert (np.sort(plain.ids, axis=2) == np.sort(picked.ids, axis=2)).all()
    for row, target in np.argwhere(turns):
        values = []
        for ids in picked.ids[row, target]:
            ids = ids[ids != 0]
            at = np.arange(len(ids)), ids
            own = _log_probs(model, features, row, turns[row, target], ids)[at]
            without = _log_probs(model, features, row, turns[row, target], ids, [PERSONA])[at]
            values.append(own.sum() - 0.7 * without.sum())
        assert (np.diff(values) < 2e-2).all(), "best first"


def test_marks_in_the_history_do_not_keep_a_reply_from_ending(write, features, turns):
    """An action follows words in the history, and <action> also ends a reply."""
    assert (features["history_ids"] == ACTION).any()
    written = write(no_repeat_history_ngram=2, max_reply_tokens=12)
    for ids in written.ids[turns > 0][:, 0].tolist():
        assert [ids.count(ACTION), ids.count(EMOTE)] == [1, 1]
    words = written.ids[turns > 0][:, 0]
    assert (words != write(max_reply_tokens=12).ids[turns > 0][:, 0]).any()


def test_not_every_word_can_be_banned(model):
    everything = tuple((token,) for token in range(len(SPECIALS), model.config.vocabulary_size))
    with pytest.raises(ValueError, match="every word is banned"):
        Writer(model, DECODE, banned=everything)
    Writer(model, DECODE, banned=everything[1:])


def test_several_conversations_are_not_read_on_at_once(model, features):
    writer = Writer(model, DECODE)
    with pytest.raises(ValueError, match="one conversation can be read on, got 6 rows"):
        writer.read_history(features, writer.read_history(features))


def test_a_beam_is_sorted_and_its_first_is_likelier_than_greedy(write, turns):
    beam, greedy = write(method="beam", hypotheses=4, length_alpha=0.0), write()
    scores = beam.log_probs[turns > 0]
    assert (np.diff(scores, axis=-1) <= 1e-5).all()
    assert (scores[:, 0] >= greedy.log_probs[turns > 0][:, 0] - 1e-3).mean() > 0.9
    assert scores[:, 0].sum() > greedy.log_probs[turns > 0].sum()
