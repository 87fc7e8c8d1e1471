import math

import keras
import numpy as np
import pytest

from persona_tf.model.embedding import FlatEmbedding
from persona_tf.model.encoder import Encoder, EncoderLayer
from persona_tf.model.heads import CopyHead
from persona_tf.model.layer_style import LayerStyle
from persona_tf.model.layers import (
    MASKED,
    Attention,
    FeedForward,
    Linear,
    as_bias,
    make_norm,
    rotated,
    sinusoids,
)
from persona_tf.model.precision import resolve_precision

RNG = np.random.default_rng(0)
SIZES = {"width": 8, "heads": 2, "feed_forward": 12, "dropout": 0.25}


def _normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def _softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def _attention(layer, x, memory, mask):
    """Attention with loops, in float64: x [Q, D], memory [K, D], mask [Q, K] -> output, weights [N, Q, K]."""

    def linear(part, value):
        return value @ np.asarray(part.kernel, np.float64) + np.asarray(part.bias, np.float64)

    heads, size = layer.heads, layer.width // layer.heads
    queries, both = linear(layer.query, x), linear(layer.key_value, memory)
    keys, values = both[:, : layer.width], both[:, layer.width :]
    parts, weights = [], []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        scores = queries[:, part] @ keys[:, part].T / np.sqrt(size)
        weights.append(_softmax(np.where(mask, scores, -np.inf)))
        parts.append(weights[-1] @ values[:, part])
    return linear(layer.output_projection, np.concatenate(parts, -1)), np.stack(weights)


@pytest.mark.parametrize("heads", [1, 2, 4])
def test_attention_against_a_reference(heads):
    layer = Attention(8, heads)
    layer.build((None, None, 8))
    for weight in layer.weights:
        weight.assign(_normal(*weight.shape))
    x, memory = _normal(2, 3, 8), _normal(2, 5, 8)
    mask = RNG.random((2, 3, 5)) < 0.6
    mask[..., 0] = True
    output, weights = layer.attend(x, *layer.keys_values(memory), as_bias(mask))
    for row in range(2):
        wanted, wanted_weights = _attention(layer, x[row], memory[row], mask[row])
        np.testing.assert_allclose(output[row], wanted, atol=1e-5)
        np.testing.assert_allclose(weights[row], wanted_weights, atol=1e-6)
    own = layer(x, as_bias(np.ones((2, 3, 3), bool)))
    np.testing.assert_allclose(own[0], _attention(layer, x[0], x[0], np.ones((3, 3), bool))[0], atol=1e-5)


def test_attention_of_a_row_that_sees_nothing_is_finite():
    layer = Attention(8, 2)
    layer.build((None, None, 8))
    x = _normal(1, 3, 8)
    assert np.isfinite(layer(x, as_bias(np.zeros((1, 3, 3), bool)))).all()


def test_a_mask_needs_no_exact_softmax():
    """In bfloat16 the weights are rounded once, before or after; also where 512 are nearly even."""
    layer = Attention(32, 4, dtype="mixed_bfloat16")
    x = keras.ops.cast(_normal(2, 512, 32), "bfloat16")
    bias = as_bias(np.tril(np.ones((2, 512, 512), bool)))
    layer.build((None, None, 32))
    keys, values = layer.keys_values(x)
    exact, other = (layer.attend(x, keys, values, bias, exact=exact) for exact in (True, False))
    weights = [np.array(keras.ops.cast(pair[1], "float32")) for pair in (exact, other)]
    # Without instructions for bfloat16, where `auto` is float32, sums are rounded as well.
    rtol = 2**-7 if resolve_precision("auto") == "mixed_bfloat16" else 2**-4
    np.testing.assert_allclose(weights[1], weights[0], rtol=rtol, atol=1e-6)
    outputs = [np.array(keras.ops.cast(pair[0], "float32")) for pair in (exact, other)]
    np.testing.assert_allclose(outputs[1], outputs[0], atol=0.02)


def test_linear():
    layer = Linear(3)
    layer.build((None, None, 5))
    layer.bias.assign([1.0, 2.0, 3.0])
    x = _normal(2, 4, 5)
    np.testing.assert_allclose(layer(x), x @ np.asarray(layer.kernel) + [1, 2, 3], atol=1e-5)
    assert layer(_normal(0, 4, 5)).shape == (0, 4, 3)


def test_sinusoids():
    table = np.asarray(sinusoids(np.arange(100)[None], 8))[0]
    assert table.shape == (100, 8)
    np.testing.assert_allclose(table[0], [0, 0, 0, 0, 1, 1, 1, 1], atol=1e-7)
    np.testing.assert_allclose(table[1, [0, 3, 4, 7]], [np.sin(1), np.sin(1e-4), np.cos(1), np.cos(1e-4)], rtol=1e-5)
    assert len({tuple(row.round(4)) for row in table}) == 100


def test_as_bias():
    assert as_bias(np.array([[[True, False]]])).numpy().tolist() == [[[[0.0, MASKED]]]]


def test_embedding_is_token_and_place_and_kind_and_turn():
    layer = FlatEmbedding(20, 8, 3)
    layer.build()
    ids, position = np.array([[7, 7, 9]]), np.array([[0, 1, 0]])
    kind, turn = np.array([[1, 1, 2]]), np.array([[1, 1, 4]])
    tokens, kinds = np.asarray(layer.tokens)[ids] * np.sqrt(8), np.asarray(layer.kind_table)
    places, turns = np.asarray(sinusoids(position, 8)), np.asarray(sinusoids(turn, 8))
    np.testing.assert_allclose(layer(ids, position, kind=kind), tokens + places + kinds[kind], atol=1e-5)
    of_turns = turns @ np.asarray(layer.turn_projection.kernel)
    np.testing.assert_allclose(layer(ids, position, turn=turn), tokens + places + kinds[0] + of_turns, atol=1e-5)


def test_the_token_table_is_the_output_layer():
    layer = FlatEmbedding(20, 8, 3)
    layer.build()
    x = _normal(2, 3, 8)
    np.testing.assert_allclose(layer.logits(x), x @ np.asarray(layer.tokens).T, atol=1e-5)


def test_embeddings_have_about_unit_variance():
    layer = FlatEmbedding(400, 64, 3)
    layer.build()
    assert np.std(layer.of_tokens(np.arange(400)[None])) == pytest.approx(1, abs=0.05)


def test_attention_with_shared_keys_is_that_with_equal_ones():
    """Grouped-query attention: several heads of queries see the same keys and values."""
    shared, full = Attention(8, 4, kv_heads=2), Attention(8, 4)
    for layer in (shared, full):
        layer.build((None, None, 8))
    for weight in shared.weights:
        weight.assign(_normal(*weight.shape))
    for part in ("query", "output_projection"):
        for one, other in zip(getattr(full, part).weights, getattr(shared, part).weights, strict=True):
            one.assign(other.value)
    kernel, bias = (np.asarray(weight.value) for weight in shared.key_value.weights)
    twice = lambda rows: np.repeat(rows.reshape(-1, 4, 2), 2, axis=1).reshape(-1, 16)  # noqa: E731
    full.key_value.kernel.assign(twice(kernel))
    full.key_value.bias.assign(twice(bias)[0])
    x, bias = _normal(2, 5, 8), as_bias(np.tril(np.ones((2, 5, 5), bool)))
    assert shared.keys_values(x)[0].shape == (2, 2, 5, 2)
    np.testing.assert_allclose(shared(x, bias), full(x, bias), atol=1e-5)


def test_rotated_products_depend_on_the_distance_alone():
    """And are as numbers on the complex plane."""
    query, key = _normal(8), _normal(8)

    def product(first, second):
        turned = [np.asarray(rotated(v[None, None, None], np.array([[p]]))) for v, p in ((query, first), (key, second))]
        return float((turned[0] * turned[1]).sum())

    complex_query, complex_key = (v[:4] + 1j * v[4:] for v in (query, key))
    rates = 10_000.0 ** (-np.arange(4) / 4)
    for distance in (-3, 0, 5):
        wanted = (complex_query * np.exp(1j * distance * rates) * complex_key.conj()).sum().real
        for start in (0, 20):
            found = product(start + max(distance, 0), start + max(-distance, 0))
            assert found == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("activation", ["relu", "gelu", "swiglu"])
def test_feed_forward_against_numpy(activation):
    layer = FeedForward(8, 6, activation)
    layer.build((None, None, 8))
    x = _normal(2, 3, 8)
    inner = x @ np.asarray(layer.inner.kernel.value)
    if activation == "swiglu":
        gate, inner = np.split(inner, 2, axis=-1)
        inner = gate / (1 + np.exp(-gate)) * inner
    elif activation == "gelu":
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / np.sqrt(2)))
    else:
        inner = np.maximum(inner, 0)
    np.testing.assert_allclose(layer(x), inner @ np.asarray(layer.outer.kernel.value), atol=1e-5)


@pytest.mark.parametrize("norm", ["layer", "rms"])
def test_norms_against_numpy(norm):
    layer = make_norm(LayerStyle(norm=norm), "norm", "float32")
    layer.build((None, None, 8))
    x = _normal(2, 3, 8) + 1
    centred = x - x.mean(-1, keepdims=True) if norm == "layer" else x
    np.testing.assert_allclose(layer(x), centred / np.sqrt((centred**2).mean(-1, keepdims=True)), atol=1e-4)


def test_norms_that_come_after_are_the_last_thing_a_layer_does():
    """So what comes out has mean 0 and variance 1, and the stack needs no norm at its end."""
    stack = Encoder(2, **SIZES, style=LayerStyle(norm_place="after"))
    stack.build((None, None, 8))
    assert stack.norm is None
    x = np.asarray(stack(10 * _normal(2, 5, 8), np.ones((2, 5, 5), bool)))
    np.testing.assert_allclose(x.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(x.std(-1), 1, atol=1e-3)


def test_learned_positions_end_with_one_for_all_that_come_later():
    layer = FlatEmbedding(20, 8, 3, positions="learned", most_positions=3)
    layer.build()
    ids = np.full((1, 5), 7)
    x = np.asarray(layer(ids, np.arange(5)[None]))[0]
    table = np.asarray(layer.position_table.value)
    np.testing.assert_allclose(x - x[0], table[[0, 1, 2, 2, 2]] - table[0], atol=1e-5)


def test_a_free_output_layer_is_a_table_of_its_own():
    layer = FlatEmbedding(20, 8, 3, tied=False)
    layer.build()
    x = _normal(2, 3, 8)
    np.testing.assert_allclose(layer.logits(x), x @ np.asarray(layer.output_tokens.value).T, atol=1e-5)
    assert not np.allclose(layer.output_tokens.value, layer.tokens.value)


def test_dropout_acts_in_training_only():
    layer = EncoderLayer(width=8, heads=2, feed_forward=64, dropout=0.9)
    layer.build((None, None, 8))
    x, bias = _normal(1, 4, 8), np.zeros((1, 1, 4, 4), np.float32)
    calm = layer(x, bias)[0]
    np.testing.assert_array_equal(layer(x, bias)[0], calm)
    assert not np.allclose(layer(x, bias, training=True)[0], calm)


def test_equal_layers_are_drawn_from_the_seed():
    keras.utils.set_random_seed(3)
    first = Linear(4)
    first.build((None, 4))
    keras.utils.set_random_seed(3)
    second = Linear(4)
    second.build((None, 4))
    np.testing.assert_array_equal(first.kernel, second.kernel)


def test_word_dropout_blanks_words_that_are_read_in_training_only(to_numpy):
    layer = FlatEmbedding(20, 8, 3, word_dropout=0.5)
    layer.build()
    ids, position = np.full((4, 50), 7), np.zeros((4, 50), np.int32)
    whole = to_numpy(layer(ids, position))
    blank = whole[0, 0] - to_numpy(layer.of_tokens(ids[:1, :1]))[0, 0]
    for arguments in ({"training": True}, {"is_read": True}):
        np.testing.assert_array_equal(to_numpy(layer(ids, position, **arguments)), whole)
    found = to_numpy(layer(ids, position, training=True, is_read=True))
    blanked = np.isclose(found, blank, atol=1e-6).all(axis=-1)
    kept = np.isclose(found, whole, atol=1e-6).all(axis=-1)
    assert np.all(blanked ^ kept)
    assert 0.3 < blanked.mean() < 0.7


@pytest.mark.parametrize("guided", [False, True])
def test_the_copy_head_against_numpy(to_numpy, guided):
    head = CopyHead(8, guided=guided)
    head.build()
    for weight in head.weights:
        weight.assign(weight + _normal(*weight.shape))
    x, written, states, previous = _normal(3, 8), _normal(3, 24), _normal(5, 8), _normal(5, 24)
    shown, sources = RNG.random((3, 5)) < 0.7, -RNG.random((3, 5)).astype(np.float32)
    shown[:, 0] = True
    w = {weight.path.split("/", 1)[-1]: to_numpy(weight.value).astype(np.float64) for weight in head.weights}
    own = x @ w["query/kernel"] + w["query/bias"]
    scores = own @ (states @ w["key/kernel"] + w["key/bias"]).T
    scores = scores + w["continuity"] * (written @ w["context/kernel"]) @ (previous @ w["context/kernel"]).T
    scores = scores / np.sqrt(8) + (w["trust"] * sources if guided else 0)
    attention = _softmax(np.where(shown, scores, -1e9))
    gate = (x @ w["gate/kernel"] + w["gate/bias"])[:, 0] + attention @ (states @ w["worth/kernel"])[:, 0]

    places = head.places(states[None], previous[None])
    found = head(x[None], written[None], places, shown[None], sources[None])
    np.testing.assert_allclose(to_numpy(found[0])[0], attention, atol=1e-5)
    np.testing.assert_allclose(to_numpy(found[1])[0], gate, atol=1e-4)
