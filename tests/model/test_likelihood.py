import numpy as np
import pytest

from persona_tf.model import likelihood
from persona_tf.model.heads import next_token_log_probs


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _mixture(outputs, row, column):
    """The pointer-generator's distribution of one token, with loops, in float64."""
    generated = _softmax(outputs.vocabulary_logits[row, column].astype(np.float64))
    if outputs.copy_gate is None:
        return generated
    gate = 1 / (1 + np.exp(-outputs.copy_gate[row, column].astype(np.float64)))
    mixed = (1 - gate) * generated
    for place, token in enumerate(outputs.memory.ids[row]):
        mixed[token] += gate * outputs.copy_attention[row, column, place]
    return mixed


@pytest.mark.parametrize("copies", [True, False])
@pytest.mark.parametrize("fusion", ["concat", "select", "soft"])
def test_words_against_a_reference(shaken, features, to_numpy, fusion, copies):
    outputs = shaken(fusion=fusion, copy_head=copies)(features)
    log_probs, nats = np.asarray(next_token_log_probs(outputs)), np.asarray(likelihood.nats(outputs, features).token)
    outputs = to_numpy(outputs)
    for row, column in zip(*np.nonzero(features["target_ids"]), strict=True):
        wanted = _mixture(outputs, row, column)
        np.testing.assert_allclose(np.exp(log_probs[row, column]), wanted, atol=1e-5)
        assert np.exp(log_probs[row, column].astype(np.float64)).sum() == pytest.approx(1, abs=1e-4)
        label = features["target_labels"][row, column]
        assert nats[row, column] == pytest.approx(-np.log(wanted[label]), abs=1e-3)
        assert nats[row, column] == pytest.approx(-log_probs[row, column, label], abs=1e-3)


@pytest.mark.parametrize("copies", [True, False])
def test_the_likeliest_token_against_a_reference(shaken, features, to_numpy, copies):
    """Half of the labels are made the likeliest token: these are right, and of the others those that are, too."""
    outputs = shaken(copy_head=copies)(features)
    log_probs = np.asarray(next_token_log_probs(outputs))
    labels = features["target_labels"].copy()
    labels[:, ::2] = log_probs.argmax(-1)[:, ::2]
    own = {**features, "target_labels": labels}
    found = np.asarray(likelihood.token_is_likeliest(outputs, own, likelihood.nats(outputs, own).token))
    outputs, seen = to_numpy(outputs), set()
    for row, column in zip(*np.nonzero(features["target_ids"]), strict=True):
        wanted = _mixture(outputs, row, column)
        assert found[row, column] == (wanted[labels[row, column]] > wanted.max() - 1e-4 * wanted.max())
        seen.add((bool(column % 2), bool(found[row, column])))
    assert {(False, True), (True, False)} <= seen


def test_the_pointer_points_at_what_is_seen_and_sums_to_one(shaken, features, to_numpy):
    outputs = to_numpy(shaken()(features))
    for row, column in zip(*np.nonzero(features["target_ids"]), strict=True):
        turn = features["target_turn"][row, column]
        unseen = ~outputs.memory.mask[row] | (outputs.memory.turn[row] >= turn)
        for attention in (outputs.copy_attention, outputs.attention):
            assert attention[row, column].sum() == pytest.approx(1, abs=1e-5)
            assert attention[row, column][unseen].max() < 1e-12


def test_a_word_that_is_copied_for_sure(shaken, features):
    """With the gate wide open, a token's probability is the attention on the places that hold it."""
    outputs = shaken()(features)
    open_gate = outputs._replace(copy_gate=np.full(outputs.copy_gate.shape, 30.0, np.float32))
    nats = np.asarray(likelihood.nats(open_gate, features).token)
    held = (np.asarray(outputs.memory.ids)[:, None] == features["target_labels"][:, :, None]) & True
    copied = np.where(held, np.asarray(outputs.copy_attention), 0).sum(-1)
    real = (features["target_head"] == 1) & (copied > 1e-6)
    assert real.sum() > 10
    np.testing.assert_allclose(nats[real], -np.log(copied[real]), atol=1e-3)


def test_emotes(shaken, features):
    outputs = shaken()(features)
    nats = np.asarray(likelihood.nats(outputs, features).emote)
    logits = np.asarray(outputs.emote_logits, np.float64)
    places = np.argwhere(features["target_head"] == 3)
    assert len(places) == 11
    for row, column in places:
        wanted = -np.log(_softmax(logits[row, column])[features["target_labels"][row, column]])
        assert nats[row, column] == pytest.approx(wanted, abs=1e-4)


def test_knowledge_nats_are_the_mean_over_what_is_drawn_on(shaken, features, cast, to_numpy):
    outputs = shaken(fusion="select")(features)
    nats = np.asarray(likelihood.nats(outputs, features).knowledge)
    counted = np.asarray(likelihood.has_gold(outputs, features))
    right = np.asarray(likelihood.knowledge_is_right(outputs, features))
    outputs, memory = to_numpy(outputs), to_numpy(outputs.memory)
    targets = [(row, t, target) for row, e in enumerate(cast) for t, target in enumerate(e.targets)]
    assert counted.sum() == sum(bool(target.grounding) for _, _, target in targets)
    for row, number, target in targets:
        at = (features["target_ids"][row] != 0) & (features["target_index"][row] == number)
        [column, *_] = np.flatnonzero(at)
        assert counted[row, column] == bool(target.grounding)
        if not target.grounding:
            assert nats[row, column] == 0
            continue
        firsts = np.flatnonzero(memory.first[row])
        gold = [p for p in firsts if memory.item[row][p] in target.gold]
        gold += [p for p in firsts if memory.item[row][p] == -1 and memory.turn[row][p] - 1 in target.gold_turns]
        log_probs = outputs.source_log_probs[row, column]
        assert nats[row, column] == pytest.approx(-log_probs[gold].mean(), abs=1e-4)
        assert right[row, column] == (firsts[log_probs[firsts].argmax()] in gold)


def test_pointer_nats_are_of_copying_from_what_is_drawn_on(shaken, features, cast, to_numpy):
    outputs = shaken()(features)
    nats = np.asarray(likelihood.nats(outputs, features).pointer)
    outputs, memory = to_numpy(outputs), to_numpy(outputs.memory)
    held = 0
    for row, example in enumerate(cast):
        for number, target in enumerate(example.targets):
            drawn = np.isin(memory.item[row], target.gold) | (
                (memory.item[row] == -1) & np.isin(memory.turn[row] - 1, target.gold_turns)
            )
            words = (features["target_index"][row] == number) & np.isin(features["target_head"][row], (1, 2))
            for column in np.flatnonzero(words):
                places = drawn & (memory.ids[row] == features["target_labels"][row, column])
                if not places.any():
                    assert nats[row, column] == 0
                    continue
                held += 1
                gate = 1 / (1 + np.exp(-np.float64(outputs.copy_gate[row, column])))
                wanted = -np.log(gate * (outputs.copy_attention[row, column][places].sum(dtype=np.float64) + 1e-20))
                assert nats[row, column] == pytest.approx(wanted, rel=1e-4)
    assert held > 10
    without = shaken(copy_head=False)(features)
    assert not np.asarray(likelihood.nats(without, features).pointer).any()


def test_uniform_nats(shaken, features):
    outputs = shaken()(features)
    logits = np.asarray(outputs.vocabulary_logits, np.float64)
    np.testing.assert_allclose(likelihood.uniform_nats(outputs), -np.log(_softmax(logits)).mean(-1), rtol=1e-4)
