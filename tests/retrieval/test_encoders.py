"""Bi-, poly- and cross-encoder: against NumPy, under padding, under permutations."""

import keras
import numpy as np
import pytest
from keras import ops

from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.encoders import build_encoder
from persona_tf.retrieval.features import FEATURES, on_grid
from persona_tf.retrieval.pooling import Pooling
from persona_tf.retrieval.similarity import MOST, Similarity, unit
from persona_tf.text.vocabulary import HISTORY, PARTNER, SELF

ALL = [
    {"kind": kind, "pooling": pooling, "similarity": similarity}
    for kind, pooling, similarity in (
        ("bi", "mean", "cosine"),
        ("bi", "attention", "dot"),
        ("bi", "cls", "cosine"),
        ("poly", "mean", "cosine"),
        ("poly", "cls", "dot"),
        ("cross", "mean", "cosine"),
        ("cross", "attention", "cosine"),
    )
]
ALL.append({**ALL[0], "own_turns": "weighed"})


def names(fields):
    return "-".join(fields.values())


def numpy(x):
    return ops.convert_to_numpy(x)


def test_a_batch_holds_the_features(batch):
    assert batch.keys() == FEATURES.keys()


@pytest.mark.parametrize("fields", ALL, ids=names)
def test_padding_changes_nothing(make_encoder, batch, fields):
    encoder = make_encoder(**fields)
    scores = numpy(encoder(batch))
    assert scores.shape == (4, 5)
    assert np.ptp(scores) > 1e-3
    wider = dict(batch)
    for name, value in batch.items():
        if name.startswith("context") and name != "context_key":
            wider[name] = np.pad(value, ((0, 2), (0, 16)))
        elif name == "fact_ids":
            wider[name] = np.pad(value, ((0, 3), (0, 16)))
    # What stands in the place of padding besides its id is not looked at.
    for name in ("context_position", "context_turn"):
        wider[name] = np.where(wider["context_ids"] == 0, 7, wider[name])
    wider["candidate"] = np.pad(batch["candidate"], ((0, 6), (0, 0)), constant_values=-1)
    np.testing.assert_allclose(numpy(encoder(wider))[:4, :5], scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fields", ALL, ids=names)
def test_permuted_facts_and_contexts_permute_scores(make_encoder, batch, fields):
    encoder = make_encoder(**fields)
    scores = numpy(encoder(batch))
    rows, columns = np.array([2, 0, 3, 1]), np.array([4, 2, 0, 1, 3])
    permuted = {**batch, "fact_ids": batch["fact_ids"][columns]}
    permuted |= {n: v[rows] for n, v in batch.items() if n.startswith("context")}
    np.testing.assert_allclose(numpy(encoder(permuted)), scores[rows][:, columns], rtol=1e-4, atol=1e-5)


def test_a_cross_encoder_scores_what_it_is_asked_for(make_encoder, batch):
    encoder = make_encoder(kind="cross")
    scores = numpy(encoder(batch))
    asked = np.array([(0, 3), (2, 1), (-1, -1)], np.int32)
    found = numpy(encoder({**batch, "candidate": asked}))
    expected = np.zeros_like(scores)
    for pair in ((0, 3), (2, 1)):
        expected[pair] = scores[pair]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_scores_of_a_bi_encoder_are_products_of_its_vectors(make_encoder, batch):
    for similarity in ("cosine", "dot"):
        encoder = make_encoder(kind="bi", similarity=similarity)
        contexts = numpy(encoder.encode_contexts(*(batch[f"context_{n}"] for n in ("ids", "position", "turn"))))
        facts = numpy(encoder.encode_facts(batch["fact_ids"]))
        scale = 1.0
        if similarity == "cosine":
            scale = np.exp(float(encoder.similarity.log_scale))
            for vectors in (contexts, facts):
                np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(numpy(encoder(batch)), scale * contexts @ facts.T, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_a_poly_encoder_is_the_papers(make_encoder, similarity):
    """Humeau et al. 2020, equations of section 4.4, the vectors y made in full."""
    encoder = make_encoder(kind="poly", similarity=similarity)
    rng = np.random.default_rng(0)
    states, facts = rng.normal(size=(2, 6, 8)).astype(np.float32), rng.normal(size=(5, 8)).astype(np.float32)
    mask = np.arange(6) < np.array([[6], [4]])
    prepared = encoder.similarity.context(encoder.code_embedding(states, mask)), encoder.similarity.fact(facts)
    found = numpy(encoder.score(*prepared))

    def softmax(x):
        e = np.exp(x - x.max())
        return e / e.sum()

    def length_one(x):
        return x / np.linalg.norm(x, axis=-1, keepdims=True)

    codes, scale = numpy(encoder.code_embedding.table), 1.0
    if similarity == "cosine":
        scale = np.exp(float(encoder.similarity.log_scale))
    for b in range(2):
        there = states[b][mask[b]]
        y = np.stack([softmax(code @ there.T) @ there for code in codes])
        y = length_one(y) if similarity == "cosine" else y / np.sqrt(8)
        for f in range(5):
            v = length_one(facts[f]) if similarity == "cosine" else facts[f]
            mixed = softmax(scale * (y @ v)) @ y
            mixed = length_one(mixed) if similarity == "cosine" else mixed
            assert found[b, f] == pytest.approx(scale * mixed @ v, rel=1e-3, abs=1e-4)


@pytest.mark.filterwarnings("ignore:You are using a softmax over axis 1:UserWarning")
def test_one_code_that_looks_everywhere_is_a_bi_encoder(make_encoder, batch):
    poly = make_encoder(kind="poly", codes=1)
    bi = make_encoder(kind="bi")
    for one, other in ((bi.context_tower, poly.context_tower),):
        for weight, value in zip(other.weights, one.weights, strict=True):
            weight.assign(value)
    poly.similarity.log_scale.assign(bi.similarity.log_scale)
    poly.code_embedding.table.assign(np.zeros((1, 8)))
    np.testing.assert_allclose(numpy(poly(batch)), numpy(bi(batch)), rtol=1e-4, atol=1e-5)


def test_pooling():
    states = np.array([[[1.0, 2.0], [3.0, 6.0], [100.0, -100.0]]], np.float32)
    mask = np.array([[True, True, False]])
    for kind, expected in (("mean", [2, 4]), ("cls", [1, 2]), ("attention", [2, 4])):
        pooling = Pooling(kind, 2)
        pooling.build()
        np.testing.assert_allclose(numpy(pooling(states, mask)), [expected], rtol=1e-6)
    pooling.asks.assign(np.array([np.log(3) / 2, 0.0]))  # the second token weighs three times as much
    np.testing.assert_allclose(numpy(pooling(states, mask)), [[2.5, 5.0]], rtol=1e-5)
    with pytest.raises(ValueError, match="kind must be one of"):
        Pooling("max", 2)


def test_similarity():
    similarity = Similarity("cosine", 0.05)
    similarity.build()
    np.testing.assert_allclose(numpy(similarity.scale(np.float32([0.5]))), [10.0], rtol=1e-5)
    similarity.log_scale.assign(9.0)
    np.testing.assert_allclose(numpy(similarity.scale(np.float32([0.5]))), [MOST / 2], rtol=1e-5)
    np.testing.assert_allclose(numpy(unit(np.float32([[3, 4], [0, 0]]))), [[0.6, 0.8], [0, 0]], rtol=1e-6)
    dot = Similarity("dot", 0.05)
    dot.build()
    np.testing.assert_allclose(numpy(dot.context(np.ones((1, 4), np.float32))), [[0.5] * 4])


def test_values_on_a_grid(batch):
    pairs = np.array([(1, 4), (3, 0), (-1, -1)], np.int32)
    grid = numpy(on_grid(pairs, np.float32([2, 3, 9]), batch))
    assert grid.shape == (4, 5)
    assert (grid[1, 4], grid[3, 0], grid.sum()) == (2, 3, 5)


@pytest.mark.parametrize("kind", ["bi", "poly", "cross"])
def test_scores_are_float32_in_half_precision_too(make_encoder, batch, kind):
    whole, half = (make_encoder(kind=kind, precision=p) for p in ("float32", "mixed_bfloat16"))
    scores = half(batch, training=True)
    assert keras.backend.standardize_dtype(scores.dtype) == "float32"
    np.testing.assert_allclose(numpy(scores), numpy(whole(batch)), atol=0.05 * np.abs(numpy(scores)).max())


@pytest.mark.parametrize("kind", ["bi", "poly"])
def test_shared_towers_are_one(make_encoder, kind):
    shared, separate = make_encoder(kind=kind), make_encoder(kind=kind, towers="separate")
    assert shared.context_tower is shared.fact_tower
    extra = len(separate.weights) - len(shared.weights)
    assert extra == len(shared.context_tower.weights)
    for encoder in (shared, separate):
        paths = [weight.path for weight in encoder.weights]
        assert len(set(paths)) == len(paths)
        assert all("/" in path for path in paths)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "tri"}, r"RetrieverConfig.kind must be one of \('bi', 'poly', 'cross'\), got 'tri'"),
        ({"pooling": "max"}, "RetrieverConfig.pooling"),
        ({"codes": 0}, "RetrieverConfig.codes must be a whole number from 1 on, got 0"),
        ({"temperature": 0}, "RetrieverConfig.temperature"),
        ({"kind": "cross", "towers": "separate"}, "take 'shared'"),
        ({"kind": "cross", "own_turns": "weighed"}, "take 'alike'"),
    ],
)
def test_a_config_that_cannot_be_meant(fields, message):
    with pytest.raises(ValueError, match=message):
        RetrieverConfig(**fields)


def test_what_the_speaker_has_said_itself_is_weighed(make_encoder):
    plain, weighed = make_encoder(shaken=False), make_encoder(shaken=False, own_turns="weighed")
    assert len(weighed.weights) == len(plain.weights) + 1
    ids = np.array([[HISTORY, PARTNER, 9, SELF, 10, 11, PARTNER, 12], [HISTORY, SELF, 9, 10, 0, 0, 0, 0]], np.int32)
    position = np.array([[0, 0, 1, 0, 1, 2, 0, 1], [0, 0, 1, 2, 0, 0, 0, 0]], np.int32)
    turn = np.array([[0, 3, 3, 2, 2, 2, 1, 1], [0, 1, 1, 1, 0, 0, 0, 0]], np.int32)
    own = np.array([[0, 0, 0, 1, 1, 1, 0, 0], [0, 1, 1, 1, 0, 0, 0, 0]], bool)
    before = numpy(plain.context_tower.context(ids, position, turn))
    for weight in (0.0, -2.0):
        weighed.context_tower.own.assign(np.full(8, weight, np.float32))
        states = weighed.context_tower.context(ids, position, turn)
        np.testing.assert_allclose(numpy(states), before, rtol=1e-5, atol=1e-6)
        values = numpy(weighed.context_tower.weighed(states, ids, position))
        np.testing.assert_allclose(values, np.where(own[:, :, None], weight * before, before), rtol=1e-5, atol=1e-6)
    facts = np.array([[SELF, 9, 10]], np.int32)
    np.testing.assert_allclose(numpy(weighed.encode_facts(facts)), numpy(plain.encode_facts(facts)), rtol=1e-5)


@pytest.mark.parametrize("kind", ["bi", "poly", "cross"])
def test_without_layers_a_text_is_a_bag_of_subwords(tiny_config, batch, kind):
    encoder = build_encoder(RetrieverConfig(kind=kind, dimensions=8, codes=3), tiny_config(encoder_layers=0))
    assert not [weight.path for weight in encoder.weights if "layer_" in weight.path]
    assert np.isfinite(numpy(encoder(batch))).all()
    tower = encoder.tower if kind == "cross" else encoder.fact_tower
    one, other = (numpy(tower.fact(np.array(ids, np.int32))) for ids in ([[5, 6, 7]], [[5, 9, 7]]))
    np.testing.assert_array_equal(one[0, [0, 2]], other[0, [0, 2]])
    assert (one[0, 1] != other[0, 1]).any()


def test_an_encoder_needs_a_vocabulary(tiny_config):
    with pytest.raises(ValueError, match="size of the vocabulary"):
        build_encoder(RetrieverConfig(), tiny_config(vocabulary_size=0))
