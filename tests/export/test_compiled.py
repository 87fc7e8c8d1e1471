import numpy as np
import pytest

from persona_tf.decoding.config import DecodeConfig
from persona_tf.example import EMOTE_LABELS, ExampleConfig
from persona_tf.export.bundle import Bundle
from persona_tf.export.compiled import CompiledModel
from persona_tf.model import likelihood
from persona_tf.model.heads import next_token_log_probs
from persona_tf.text.config import TextConfig
from persona_tf.text.vocabulary import ACTION, EMOTE, REPLY, SPECIALS

DECODE = DecodeConfig(max_reply_tokens=6, max_action_tokens=3)


@pytest.fixture(scope="module")
def model(shaken):
    return shaken(0.5, fusion="soft")


@pytest.fixture(scope="module")
def compiled(model, packer, tokenizer):
    return CompiledModel(Bundle("demo", 1, TextConfig(tokenizer.size), ExampleConfig(), DECODE, model, packer), DECODE)


@pytest.fixture(scope="module")
def written(compiled, features, targets):
    rows, turns = targets
    known = {name: value for name, value in features.items() if name.startswith(("knowledge", "history"))}
    return compiled.write(known, rows, turns, 0)


@pytest.fixture(scope="module")
def targets(cast):
    """Row and number of the turn of each target."""
    pairs = [(row, target.turn + 1) for row, example in enumerate(cast) for target in example.targets]
    rows, turns = np.array(pairs, np.int32).T
    return rows, turns


def test_what_is_written_is_what_call_finds_likeliest(model, features, targets, written):
    """Feeds each target that was written as a whole, and looks for a likelier word at each place."""
    rows, turns = targets
    for number, ids in enumerate(written.ids):
        ids = ids[ids != 0]
        fed = np.concatenate([[REPLY], ids[:-1]])[None].astype(np.int32)
        known = {n: v[rows[number] : rows[number] + 1] for n, v in features.items() if n[0] in "kh"}
        spots = np.arange(fed.shape[1], dtype=np.int32)[None]
        batch = known | {"target_ids": fed, "target_position": spots, "target_index": 0 * fed}
        outputs = model(batch | {"target_turn": 0 * fed + turns[number]})
        log_probs = np.asarray(next_token_log_probs(outputs))[0]
        end = list(ids).index(ACTION)
        for place, token in enumerate(ids):
            stop = ACTION if place <= end else EMOTE
            allowed = [*range(len(SPECIALS), log_probs.shape[1]), stop]
            best = log_probs[place][allowed].max()
            forced = (place == 6) if place <= end else (place == end + 4)
            assert forced or log_probs[place][token] > best - 1e-3


def test_what_is_written_ends_in_stops(written):
    for ids in written.ids.tolist():
        ids = [i for i in ids if i]
        assert ids[-1] == EMOTE
        assert ids.count(ACTION) == ids.count(EMOTE) == 1
        assert ids.index(ACTION) <= 6
        assert len(ids) - ids.index(ACTION) - 2 <= 3


def test_attention_is_one_for_each_token_of_reply_and_action(written):
    tokens = (written.ids >= len(SPECIALS)).sum(1) + 1
    np.testing.assert_allclose(written.attention.sum(1), tokens, rtol=1e-4)


def test_scores_are_those_of_the_model(compiled, model, features, cast):
    scores = compiled.score(features)
    outputs = model(features)
    real = features["target_ids"] != 0
    nats = np.asarray(likelihood.nats(outputs, features).token)
    np.testing.assert_allclose(scores["nats"][real], nats[real], atol=1e-3)
    stops = -np.asarray(next_token_log_probs(outputs))[..., EMOTE]
    np.testing.assert_allclose(scores["stop_nats"][real], stops[real], atol=1e-2)
    np.testing.assert_allclose(scores["emote_logits"][real], np.asarray(outputs.emote_logits)[real], atol=1e-3)
    assert scores["emote_logits"].shape[-1] == len(EMOTE_LABELS)
    for row, example in enumerate(cast):
        items, turns = scores["item"][row][real[row]], scores["turn"][row][real[row]]
        assert ((items >= -1) & (items < len(example.items))).all()
        assert ((turns == 0) | (items == -1)).all()
        assert (turns < features["target_turn"][row][real[row]]).all()
