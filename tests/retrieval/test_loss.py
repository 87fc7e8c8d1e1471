"""The loss against golden values and a reference in plain Python."""

import math
from typing import NamedTuple

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from persona_tf.retrieval.layout import context_features, padded
from persona_tf.retrieval.loss import HEADS, batch_contrast, contrast


class Said(NamedTuple):
    """A turn, as `layout.SaidTurn` asks for."""

    who: int
    speech: str
    action: str = ""
    emote: str = ""


def reference(scores, positive, candidate, context_key, fact_key, multi_positive):
    """The definition, over *kinds* of contexts and facts: sets of rows and columns with one key."""

    def united(marks):
        return {(context_key[i], fact_key[j]) for i, j in np.argwhere(marks) if context_key[i] and fact_key[j]}

    def first(keys):
        return {key: list(keys).index(key) for key in keys if key}

    true, compared = united(positive), united(candidate)
    rows, columns = first(context_key), first(fact_key)
    sums = {}
    for head in HEADS:
        nats = count = right = 0
        for asks in rows if head == "fact" else columns:

            def pair(other, asks=asks, head=head):
                return (asks, other) if head == "fact" else (other, asks)

            def score(other):
                context, fact = pair(other)
                return float(scores[rows[context], columns[fact]])

            others = columns if head == "fact" else rows
            good = [score(o) for o in others if pair(o) in true]
            bad = [score(o) for o in others if pair(o) in compared - true]
            if not good:
                continue
            below = sum(math.exp(s) for s in bad)
            if multi_positive == "mean":
                nats += sum(-math.log(math.exp(s) / (math.exp(s) + below)) for s in good) / len(good)
            else:
                above = sum(math.exp(s) for s in good)
                nats -= math.log(above / (above + below))
            count += 1
            right += max(good) > max(bad, default=-math.inf)
        sums[head] = (nats, count, right)
    return sums


def floats(sums):
    return {head: tuple(float(x) for x in sums[head]) for head in sums}


def close(one, other):
    assert one.keys() == other.keys()
    for head in one:
        assert one[head] == pytest.approx(other[head], rel=1e-4, abs=1e-5), head


def keys(n):
    return np.arange(1, n + 1)


def test_a_square_batch_is_the_usual_cross_entropy():
    scores = np.float32([[2, 1, 0], [0, 1, 1], [3, 0, 1]])
    sums = floats(contrast(scores, np.eye(3, dtype=bool), np.ones((3, 3), bool), keys(3), keys(3)))

    def cross_entropy(s):
        return sum(math.log(sum(math.exp(x) for x in row)) - row[i] for i, row in enumerate(s.tolist()))

    assert sums["fact"] == pytest.approx((cross_entropy(scores), 3, 1))  # row 1 is a tie, row 2 is wrong
    assert sums["context"] == pytest.approx((cross_entropy(scores.T), 3, 0))


def test_golden_values_of_two_true_facts():
    scores, all_of_them = np.float32([[1, 0, 2]]), np.ones((1, 3), bool)
    positive = np.array([[True, True, False]])
    mean = floats(contrast(scores, positive, all_of_them, keys(1), keys(3), "mean"))["fact"]
    assert mean == pytest.approx(((math.log(1 + math.e) + math.log(1 + math.e**2)) / 2, 1, 0), rel=1e-5)
    total = floats(contrast(scores, positive, all_of_them, keys(1), keys(3), "sum"))["fact"]
    assert total == pytest.approx((math.log((math.e + 1 + math.e**2) / (math.e + 1)), 1, 0), rel=1e-5)


batches = st.integers(0, 10_000).map(np.random.default_rng)


@settings(max_examples=30)
@given(batches, st.sampled_from(["mean", "sum"]))
def test_the_loss_is_the_reference(rng, multi_positive):
    b, f = 4, 6  # one shape: operations are traced once
    context_key, fact_key = rng.integers(0, 4, b), rng.integers(0, 5, f)
    # What is equal has equal scores.
    table = rng.normal(0, 2, (4, 5)).astype(np.float32)
    scores = table[context_key][:, fact_key]
    positive, candidate = rng.random((b, f)) < 0.3, rng.random((b, f)) < 0.7
    arguments = (scores, positive, candidate, context_key, fact_key, multi_positive)
    close(floats(contrast(*arguments)), reference(*arguments))


@settings(max_examples=30)
@given(batches, st.sampled_from(["mean", "sum"]))
def test_doubles_change_nothing(rng, multi_positive):
    scores = rng.normal(0, 2, (3, 4)).astype(np.float32)
    positive, candidate = rng.random((3, 4)) < 0.4, np.ones((3, 4), bool)
    rows, columns = [0, 1, 2, 1], [0, 1, 2, 3, 3, 0]
    doubled = [x[rows][:, columns] for x in (scores, positive, candidate)]
    doubled[1][3:, :] = False  # it need not be said twice
    found = contrast(*doubled, keys(3)[rows], keys(4)[columns], multi_positive)
    close(floats(found), floats(contrast(scores, positive, candidate, keys(3), keys(4), multi_positive)))


@settings(max_examples=30)
@given(batches)
def test_order_means_nothing(rng):
    scores = rng.normal(0, 2, (4, 5)).astype(np.float32)
    positive = rng.random((4, 5)) < 0.3
    rows, columns = rng.permutation(4), rng.permutation(5)
    everything = np.ones((4, 5), bool)
    permuted = contrast(
        scores[rows][:, columns], positive[rows][:, columns], everything, keys(4)[rows], keys(5)[columns]
    )
    close(floats(permuted), floats(contrast(scores, positive, everything, keys(4), keys(5))))


def test_equal_scores_are_chance_and_wrong():
    sums = floats(contrast(np.zeros((2, 4)), np.eye(2, 4, dtype=bool), np.ones((2, 4), bool), keys(2), keys(4)))
    assert sums["fact"] == pytest.approx((2 * math.log(4), 2, 0))
    assert sums["context"] == pytest.approx((2 * math.log(2), 2, 0))


def test_nothing_true_and_nothing_false_have_gradients_that_are_numbers():
    import tensorflow as tf

    scores = tf.Variable(np.float32([[3, -2], [1, 4]]))
    cases = (np.zeros((2, 2), bool), np.ones((2, 2), bool))
    for positive in cases:
        for multi_positive in ("mean", "sum"):
            with tf.GradientTape() as tape:
                sums = contrast(scores.value(), positive, np.ones((2, 2), bool), keys(2), keys(2), multi_positive)
                loss = sums["fact"][0] + sums["context"][0]
            assert float(loss) == pytest.approx(0, abs=1e-6)
            assert np.abs(tape.gradient(loss, scores).numpy()).max() == pytest.approx(0, abs=1e-6)


def test_the_loss_of_a_batch_reads_pairs_and_leaves_padding_out(batch):
    scores = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)
    expected = contrast(scores, np.eye(4, 5, dtype=bool), np.ones((4, 5), bool), keys(4), keys(5))
    wider = {**batch, "context_key": np.pad(batch["context_key"], ((0, 2), (0, 0)))}
    wider["context_ids"] = np.pad(batch["context_ids"], ((0, 2), (0, 0)))
    wider["positive"] = np.pad(batch["positive"], ((0, 3), (0, 0)), constant_values=-1)
    found = batch_contrast(np.pad(scores, ((0, 2), (0, 0)), constant_values=50), wider)
    close(floats(found), floats(expected))


def twenty_pairs(layout):
    """Twenty questions, each with a fact of its own; all facts are candidates."""
    things = "bread geese cat dog oven mill gate rake hay roof ladle apron barn guard market spear ring hat sea"
    things = [*things.split(), "tower"]
    contexts = [[Said(1, "Good day!"), Said(0, "Well?"), Said(1, f"What of the {thing}?")] for thing in things]
    facts = layout.facts([f"My {thing} is dear to me." for thing in things])
    count = np.arange(20, dtype=np.int32)
    return {
        **context_features(layout.contexts(contexts)),
        "context_key": count[:, None] + 1,
        "fact_ids": padded(facts),
        "fact_key": count[:, None] + 1,
        "positive": np.stack([count, count], 1),
        "candidate": np.stack(np.meshgrid(count, count, indexing="ij"), -1).reshape(-1, 2),
    }


def learns(encoder, features, steps=60, rate=0.02):
    """The last loss, the first, and the right choices of facts."""
    import tensorflow as tf

    optimizer = keras.optimizers.Adam(rate)
    losses = []

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            sums = batch_contrast(encoder(features, training=True), features)
            loss = sum(nats / count for nats, count, _ in sums.values())
        variables = encoder.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss, sums["fact"][2]

    optimizer.build(encoder.trainable_variables)
    for _ in range(steps):
        loss, right = step()
        losses.append(float(loss))
    return losses[-1], losses[0], int(right)


@pytest.mark.parametrize("fields", [{}, {"kind": "poly"}, {"kind": "cross"}, {"similarity": "dot"}], ids=str)
def test_twenty_pairs_are_learned_by_heart(make_encoder, layout, fields):
    encoder = make_encoder(shaken=False, dimensions=16, **fields)
    last, first, right = learns(encoder, twenty_pairs(layout), steps=100 if fields.get("kind") == "cross" else 60)
    assert right == 20
    assert last < 0.1 * first
