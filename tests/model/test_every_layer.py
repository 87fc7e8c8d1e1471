"""One test for all layers, of every style: config, precision, gradients, masks, and writing token by token."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest

from persona_tf.model.decoder import Decoder, DecoderLayer
from persona_tf.model.embedding import FlatEmbedding
from persona_tf.model.encoder import Encoder, EncoderLayer
from persona_tf.model.fusion import Selector, visible
from persona_tf.model.heads import CopyHead
from persona_tf.model.layer_style import ACTIVATIONS, LayerStyle
from persona_tf.model.layers import Attention, FeedForward, Linear, as_bias
from persona_tf.model.memory import LayerCache, Memory
from persona_tf.model.mixing import StreamMixer
from persona_tf.model.relative_bias import RelativeBias

RNG = np.random.default_rng(0)
ROWS, LENGTH, SIZE, WIDTH = 2, 5, 7, 16
SIZES = {"width": WIDTH, "heads": 4, "feed_forward": 12, "dropout": 0.25}
STYLES = {
    "usual": {},
    "rms": {"norm": "rms"},
    "after": {"norm_place": "after"},
    "gelu": {"activation": "gelu"},
    "swiglu": {"activation": "swiglu"},
    "two kv heads": {"kv_heads": 2},
    "rotary": {"rotary": True},
    "relative": {"relative": True, "epsilon": 1e-3},
    "all new": {"norm": "rms", "activation": "swiglu", "kv_heads": 1, "rotary": True},
}


def _normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


X, WRITTEN, MEMORY = _normal(ROWS, LENGTH, WIDTH), _normal(ROWS, LENGTH, 3 * WIDTH), _normal(ROWS, SIZE, WIDTH)
POSITION = np.tile(np.arange(LENGTH, dtype=np.int32), (ROWS, 1))
FAR = np.arange(-200, 200, dtype=np.int32)[None]
CAUSAL = np.tril(np.ones((ROWS, LENGTH, LENGTH), bool))
SEEN = np.ones((ROWS, LENGTH, SIZE), bool)
SEEN[..., -2:] = False
LIKELY = np.log(np.full((ROWS, LENGTH, SIZE), 1 / SIZE, np.float32)) + _normal(ROWS, LENGTH, SIZE)
UNSEEN_MEMORY = MEMORY + np.where(np.arange(SIZE)[:, None] >= SIZE - 2, np.float32(9), np.float32(0))
LAST = X + np.where(np.arange(LENGTH)[:, None] == LENGTH - 1, np.float32(9), np.float32(0))


def _memory(states):
    """Of two items, one of them the place's, two turns and two places of padding."""
    item, turn = np.array([0, 0, 1, -1, -1, -2, -2]), np.array([0, 0, 0, 1, 2, 0, 0])
    mask, first = item > -2, np.array([1, 0, 1, 1, 1, 0, 0], bool)
    kind = np.array([1, 1, 5, 0, 0, 0, 0])
    rows = [np.tile(part, (ROWS, 1)) for part in (mask * 7, mask, turn, item, kind, first)]
    ints = [part.astype(bool if part.dtype == bool else np.int32) for part in rows]
    return Memory(states, states, *ints)


@dataclasses.dataclass(frozen=True)
class Case:
    """``call(layer, **inputs)`` gives one tensor; with the inputs ``unseen`` put over them, the same at ``early``.

    ``step_by_step(layer)`` gives what ``call`` does, made token by token.
    """

    make: Callable[..., keras.layers.Layer]
    call: Callable[..., Any]
    inputs: dict[str, Any]
    unseen: dict[str, Any] | None = None
    early: Any = ()
    step_by_step: Callable[[Any], Any] | None = None


def _encode_in_parts(layer):
    past, made = (None,) * len(layer.stack), []
    for i in range(LENGTH):
        part = np.s_[:, i : i + 1]
        states, past = layer.extend(X[part], CAUSAL[part][..., : i + 1], past, POSITION[part], POSITION[:, :i])
        made.append(states)
    return keras.ops.concatenate(made, axis=1)


def _decode_in_steps(layer):
    caches, made = layer.start(layer.prepare(MEMORY), 1, LENGTH), []
    for i in range(LENGTH):
        part = np.s_[:, i : i + 1]
        states, _, caches = layer.step(X[part], i, SEEN[part], LIKELY[part], caches)
        made.append(states)
    return keras.ops.concatenate(made, axis=1)


def _layer_in_steps(layer):
    keys, values = layer.cross_attention.keys_values(MEMORY)
    cache, made = layer.start(keys, values, 1, LENGTH), []
    assert isinstance(cache, LayerCache)
    for i in range(LENGTH):
        part, own = np.s_[:, i : i + 1], as_bias((np.arange(LENGTH) <= i)[None, None])
        states, _, cache = layer.step(X[part], i, own, layer.memory_bias(SEEN[part], LIKELY[part]), cache)
        made.append(states)
    return keras.ops.concatenate(made, axis=1)


def _mixed(layer, memory):
    return layer(_memory(memory), visible(_memory(memory), np.array([[3, 2]] * ROWS, np.int32))).states


def _encoder_cases(style):
    early = {"unseen": {"x": LAST}, "early": np.s_[:, :-1]}
    yield (
        "EncoderLayer",
        Case(
            functools.partial(EncoderLayer, **SIZES, style=style),
            lambda layer, x: layer(x, as_bias(CAUSAL), position=POSITION)[0],
            {"x": X},
            **early,
        ),
    )
    yield (
        "Encoder",
        Case(
            functools.partial(Encoder, 2, **SIZES, style=style),
            lambda layer, x: layer(x, CAUSAL, POSITION),
            {"x": X},
            **early,
            step_by_step=_encode_in_parts,
        ),
    )


def _decoder_cases(style):
    inputs, unseen = {"x": X, "memory": MEMORY}, {"x": LAST, "memory": UNSEEN_MEMORY}
    rest = {"inputs": inputs, "unseen": unseen, "early": np.s_[:, :-1]}
    yield (
        "DecoderLayer",
        Case(
            functools.partial(DecoderLayer, **SIZES, guided=True, style=style),
            lambda layer, x, memory: layer(
                x, as_bias(CAUSAL), memory, layer.memory_bias(SEEN, LIKELY), position=POSITION
            )[0],
            **rest,
            step_by_step=_layer_in_steps,
        ),
    )
    yield (
        "Decoder",
        Case(
            functools.partial(Decoder, 2, **SIZES, guided=True, style=style),
            lambda layer, x, memory: layer(x, CAUSAL, memory, SEEN, LIKELY, POSITION)[0],
            **rest,
            step_by_step=_decode_in_steps,
        ),
    )


def _embed(layer, ids):
    x = layer(ids, POSITION, turn=POSITION + 1) + layer(ids, POSITION, kind=POSITION % 3, is_read=True)
    return keras.ops.concatenate([keras.ops.cast(x, "float32"), layer.logits(x)], axis=-1)


def _all_cases():
    yield "Linear", Case(functools.partial(Linear, 3), lambda layer, x: layer(x), {"x": X})
    ids = RNG.integers(0, 20, (ROWS, LENGTH)).astype(np.int32)
    tables = [{}, {"positions": "learned", "most_positions": 3}, {"positions": "rotary"}, {"tied": False}]
    tables += [{"scaled": False}, {"positions": "learned", "target_positions": True}]
    tables += [{"norm": LayerStyle(), "target_norm": LayerStyle("rms", epsilon=1e-3)}]
    for more in tables:
        name = " ".join(["FlatEmbedding", *map(str, more.values())])
        yield name, Case(functools.partial(FlatEmbedding, 20, WIDTH, 3, 0.25, 0.5, **more), _embed, {"ids": ids})
    for activation in ACTIVATIONS:
        make = functools.partial(FeedForward, WIDTH, 12, activation)
        yield f"FeedForward {activation}", Case(make, lambda layer, x: layer(x), {"x": X})
    for more in ({}, {"kv_heads": 2}, {"kv_heads": 1, "rotary": True}):
        case = Case(
            functools.partial(Attention, WIDTH, 4, **more),
            lambda layer, x: layer(x, as_bias(CAUSAL), POSITION),
            {"x": X},
            {"x": LAST},
            np.s_[:, :-1],
        )
        yield " ".join(["Attention", *map(str, more.values())]), case
    for both_ways in (True, False):
        make = functools.partial(RelativeBias, 4, both_ways)
        yield f"RelativeBias {both_ways}", Case(make, lambda layer, at: layer(at, FAR), {"at": POSITION})
    for name, style in STYLES.items():
        for layer, case in (*_encoder_cases(style), *_decoder_cases(style)):
            yield f"{layer} {name}", case
    yield (
        "CopyHead",
        Case(
            functools.partial(CopyHead, WIDTH, guided=True),
            lambda layer, x, memory: (
                layer(x, WRITTEN, layer.places(memory, np.tile(memory, 3)), SEEN, LIKELY)[0] * 9
                + layer(x, WRITTEN, layer.places(memory, np.tile(memory, 3)), SEEN, LIKELY)[1][..., None]
            ),
            {"x": X, "memory": MEMORY},
            {"memory": UNSEEN_MEMORY},
        ),
    )
    for projected in (True, False):
        yield (
            f"Selector {projected}",
            Case(
                functools.partial(Selector, WIDTH, projected),
                lambda layer, memory: layer(_memory(memory), visible(_memory(memory), POSITION))[0],
                {"memory": MEMORY},
                {"memory": UNSEEN_MEMORY},
                np.s_[:, :, :-2],
            ),
        )
    for attends in (True, False):
        make = functools.partial(StreamMixer, WIDTH, attends, (5,))
        yield f"StreamMixer {attends}", Case(make, _mixed, {"memory": MEMORY}, {"memory": UNSEEN_MEMORY})


CASES = dict(_all_cases())


def _built(case, dtype="float32"):
    layer = case.make(name="layer", dtype=dtype)
    layer.build((None, None, WIDTH))
    return layer


def _float(tensor):
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor, "float32")))


@pytest.mark.parametrize("name", CASES)
def test_every_layer(name):
    case = CASES[name]
    layer = _built(case)
    rng = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(_float(weight.value) + rng.normal(0, 0.3, weight.shape).astype(np.float32))
    paths = [weight.path for weight in layer.weights]
    assert len(set(paths)) == len(paths)
    expected = _float(case.call(layer, **case.inputs))
    assert np.isfinite(expected).all()
    _check_config(layer, case, expected)
    _check_half_precision(layer, case, expected)
    _check_gradients(layer, case, expected)
    if case.unseen:
        changed = _float(case.call(layer, **case.inputs | case.unseen))
        np.testing.assert_allclose(changed[case.early], expected[case.early], atol=1e-5)
    if case.step_by_step:
        np.testing.assert_allclose(_float(case.step_by_step(layer)), expected, atol=1e-5)


def _copy(layer, other):
    assert [weight.shape for weight in other.weights] == [weight.shape for weight in layer.weights]
    for weight, value in zip(other.weights, layer.weights, strict=True):
        weight.assign(_float(value.value))
    return other


def _check_config(layer, case, expected):
    """It names all arguments of the constructor, and what is made of it is the same."""
    config = layer.get_config()
    arguments = set(inspect.signature(type(layer).__init__).parameters) - {"self", "kwargs"}
    assert arguments <= config.keys()
    again = type(layer).from_config(config)
    assert again.get_config() == config
    again.build((None, None, WIDTH))
    np.testing.assert_array_equal(_float(case.call(_copy(layer, again), **case.inputs)), expected)


def _check_half_precision(layer, case, expected):
    half = _copy(layer, _built(case, "mixed_bfloat16"))
    assert {str(weight.dtype) for weight in half.weights} <= {"float32"}
    np.testing.assert_allclose(_float(case.call(half, **case.inputs)), expected, atol=0.25, rtol=0.1)


def _check_gradients(layer, case, expected):
    import tensorflow as tf

    weights = np.random.default_rng(2).normal(size=expected.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(weights * tf.cast(case.call(layer, **case.inputs), tf.float32))
    gradients = tape.gradient(loss, [weight.value for weight in layer.trainable_weights])
    for weight, gradient in zip(layer.trainable_weights, gradients, strict=True):
        assert gradient is not None, weight.path
        values = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(values).all(), weight.path
        assert np.abs(values).max() > 1e-6, weight.path
