import math

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import example, given

from persona_tf.decoding import filters

SIZE = 7
EDGE = 1e-6
"""What has within this of the wanted mass before it may fall on either side."""

rows = st.one_of(
    st.lists(st.integers(-3, 3).map(float), min_size=SIZE, max_size=SIZE),  # many ties
    st.lists(st.floats(-20, 20, width=32, allow_subnormal=False), min_size=SIZE, max_size=SIZE),
    st.lists(st.sampled_from([0.0, 1.0, -np.inf]), min_size=SIZE, max_size=SIZE).filter(lambda r: max(r) > -np.inf),
)


def _softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _row(row):
    return tf.constant([row], tf.float32)


def _kept(filtered, logits):
    """Which are left in; those must be as they were, and there must be some."""
    filtered, logits = np.asarray(filtered), np.asarray(logits, np.float32)
    kept = filtered > -np.inf
    np.testing.assert_array_equal(filtered[kept], logits[kept])
    assert kept.any(axis=-1).all()
    return kept


def _before(keys, weights):
    """The weight of those before each, in float64 by sorting: falling keys, equal ones in order of id."""
    order = np.argsort(-keys, axis=-1, kind="stable")
    placed = np.take_along_axis(np.where(keys > -np.inf, weights, 0.0).astype(np.float64), order, -1)
    before = np.empty_like(placed)
    np.put_along_axis(before, order, np.cumsum(placed, axis=-1) - placed, -1)
    return before


def _assert_first(kept, keys, weights, amount, edge=EDGE):
    """``kept`` are those with less than ``amount`` before them, whatever lies on the edge aside."""
    before = _before(keys, weights)
    sure = (np.abs(before - amount) > edge) | (before == 0)
    wanted = (before < amount) & (keys > -np.inf)
    np.testing.assert_array_equal(kept[sure], wanted[sure])
    assert sure.mean() > 0.3, "too little was compared"


# --- keep_first ---

keys_of_a_row = st.lists(
    st.one_of(
        st.sampled_from([0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, 1e-45, -1e-45, 3.4e38, -3.4e38]),
        st.floats(width=32, allow_nan=False),
    ),
    min_size=SIZE,
    max_size=SIZE,
).filter(lambda r: max(r) > -np.inf)
keep_first = tf.function(filters.keep_first)
top_k = tf.function(filters.top_k)
top_p = tf.function(filters.top_p)


@given(
    keys=keys_of_a_row,
    eighths=st.lists(st.integers(0, 24), min_size=SIZE, max_size=SIZE),
    amount=st.integers(1, 80),
)
@example(keys=[0.0, -0.0, 0.0, -0.0, 0.0, -0.0, 0.0], eighths=[8] * SIZE, amount=24)
@example(keys=[-math.inf, math.inf, math.inf, 1.0, -math.inf, -3.4e38, 0.0], eighths=[8] * SIZE, amount=80)
@example(keys=[-math.inf, -math.inf, math.inf, 1.0, -math.inf, -3.4e38, 0.0], eighths=[0] * SIZE, amount=1)
@example(keys=[-1.0] * SIZE, eighths=[8] * SIZE, amount=8)
def test_keep_first_against_a_reference(keys, eighths, amount):
    """Eighths add up exactly, so that there is no edge."""
    keys, weights = np.array(keys, np.float32), np.array(eighths, np.float32) / 8
    kept = keep_first(_row(keys), _row(weights), tf.constant(amount / 8)).numpy()[0]
    wanted = (_before(keys, weights) < amount / 8) & (keys > -np.inf)
    np.testing.assert_array_equal(kept, wanted)
    assert kept.any()


def test_keep_first_with_an_amount_a_row():
    keys = tf.constant([[3.0, 9.0, 3.0, 1.0]] * 3)
    kept = filters.keep_first(keys, tf.ones([3, 4]), tf.constant([[1.0], [2.0], [2.5]]))
    assert kept.numpy().astype(int).tolist() == [[0, 1, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0]]


def test_keep_first_leaves_nan_and_empty_rows_out():
    keys = tf.constant([[np.nan, 1.0, 2.0], [-np.inf] * 3])
    kept = filters.keep_first(keys, tf.ones([2, 3]), 2)
    assert kept.numpy().astype(int).tolist() == [[0, 1, 1], [0, 0, 0]]
    assert filters.keep_first(tf.zeros([0, 3]), tf.zeros([0, 3]), 1).shape == (0, 3)


def test_sums_are_the_same_in_any_order():
    """A last entry has the same weights before it in every row, in another order; plain sums differ in their ends."""
    generator = np.random.default_rng(0)
    weights = _softmax(generator.normal(size=300))
    shuffled = np.array([generator.permutation(weights) for _ in range(50)])
    amounts = np.unique(np.cumsum(shuffled, axis=-1)[:, -1])
    assert amounts.size > 1
    for amount in amounts:
        kept = filters.keep_first(
            tf.constant(np.arange(301, 0, -1) * np.ones((50, 1)), tf.float32),
            tf.constant(np.pad(shuffled, [(0, 0), (0, 1)])),
            tf.constant(amount, tf.float64),
        )
        assert np.unique(kept.numpy()[:, -1]).size == 1


# --- top_p ---


def _vectors(generator, count, size):
    """Logits of every kind: [count, size]."""
    scale = generator.choice([0.1, 1.0, 3.0, 10.0], size=(count, 1))
    smooth = generator.normal(size=(count, size)) * scale
    kinds = [
        smooth,
        np.round(smooth),  # ties
        np.where(generator.random((count, size)) < 0.5, -np.inf, smooth),
        np.where(np.arange(size) == generator.integers(size, size=(count, 1)), 1e4, -1e4),  # one-hot
        np.full((count, size), 2.5),
        generator.choice([-1e4, 0.0, 1e4], size=(count, size)),
        np.round(smooth) * 1e-7,  # nearly equal: the same probability in float32
        np.log(np.arange(size) + 1.0) * -generator.choice([0.5, 1.0, 2.0], size=(count, 1)),  # Zipf's law
    ]
    kind = generator.integers(len(kinds), size=count)
    logits = np.choose(kind[:, None], kinds)
    logits[np.arange(count), generator.integers(size, size=count)] += 0.5  # none is without an entry
    logits[np.isneginf(logits).all(axis=1)] = 0.0
    return logits.astype(np.float32)


@pytest.mark.parametrize(
    ("size", "p"), [(50, 0.9), (64, 0.5), (101, 0.999), (250, 0.95), (500, 0.1)], ids=lambda value: str(value)
)
def test_top_p_against_sorting_in_float64(size, p):
    logits = _vectors(np.random.default_rng(size), 2000, size)
    kept = _kept(filters.top_p(tf.constant(logits), p), logits)
    _assert_first(kept, logits, _softmax(logits.astype(np.float64)), p)


@given(row=rows, p=st.sampled_from([1e-6, 0.1, 0.25, 0.5, 0.95, 0.999]))
@example(row=[0.0] * SIZE, p=0.5)
@example(row=[0.0] * SIZE, p=1e-6)
@example(row=[3.0, 3.0, 1.0, 1.0, 1.0, -9.0, -9.0], p=0.95)
def test_top_p_keeps_the_smallest_set_that_reaches_p(row, p):
    kept = _kept(top_p(_row(row), p), [row])[0]
    probs = _softmax(np.array(row, np.float64))
    assert probs[kept].sum() > p - EDGE
    assert probs[kept].sum() - probs[kept].min() < p + EDGE
    assert probs[kept].min() >= probs[~kept].max(initial=0) - 1e-9


def test_top_p_of_equal_ones_keeps_those_with_the_smaller_ids():
    kept = _kept(filters.top_p(tf.zeros([1, 8]), 0.375), np.zeros((1, 8)))
    assert kept.tolist() == [[True] * 3 + [False] * 5]


def test_top_p_tells_apart_what_is_equal_as_a_float32_probability():
    assert _kept(filters.top_p(_row([0.0, 1e-8, -1e-8]), 0.3), [[0.0, 1e-8, -1e-8]]).tolist() == [[False, True, False]]


def test_a_tiny_top_p_keeps_the_best():
    logits = np.random.default_rng(0).normal(size=(20, 50))
    kept = _kept(filters.top_p(tf.constant(logits, tf.float32), 1e-9), logits)
    assert kept.sum(1).tolist() == [1] * 20
    assert (kept.argmax(1) == logits.argmax(1)).all()


# --- the others that keep by likelihood ---


@given(row=rows, k=st.integers(1, SIZE - 1))
def test_top_k_against_a_reference(row, k):
    wanted = np.zeros(SIZE, bool)
    wanted[np.argsort(-np.array(row, np.float32), kind="stable")[:k]] = True
    wanted &= np.array(row) > -np.inf
    np.testing.assert_array_equal(_kept(top_k(_row(row), k), [row])[0], wanted)


@pytest.mark.parametrize("p", [0.001, 0.1, 0.5, 1.0])
def test_min_p_against_a_reference(p):
    logits = _vectors(np.random.default_rng(1), 1000, 60)
    kept = _kept(filters.min_p(tf.constant(logits), p), logits)
    ratio = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    sure = (np.abs(ratio - p) > 1e-12) | (ratio == 1)
    np.testing.assert_array_equal(kept[sure], (ratio >= p)[sure])
    assert sure.mean() > 0.99


@pytest.mark.parametrize("mass", [0.05, 0.5, 0.95])
def test_typical_against_a_reference(mass):
    logits = _vectors(np.random.default_rng(2), 1000, 60)
    kept = _kept(filters.typical(tf.constant(logits), mass), logits)
    wide = logits.astype(np.float64)
    log_probs = wide - wide.max(axis=1, keepdims=True)
    log_probs -= np.log(np.exp(log_probs).sum(axis=1, keepdims=True))
    probs = np.exp(log_probs)
    entropy = -np.where(probs > 0, probs * np.where(probs > 0, log_probs, 0), 0).sum(axis=1, keepdims=True)
    keys = -np.abs(log_probs + entropy).astype(np.float32)
    _assert_first(kept, keys, probs, mass)


def test_typical_may_leave_the_likeliest_out():
    probs = np.array([0.4] + [0.06] * 10)
    kept = _kept(filters.typical(_row(np.log(probs)), 0.27), [np.log(probs)])[0]
    assert kept.tolist() == [False] + [True] * 5 + [False] * 5


@pytest.mark.parametrize("value", [0.5, 3.0])
def test_temperature(value):
    logits = np.array([[0.0, 1.0, 3.0, -np.inf]], np.float32)
    found = _softmax(np.asarray(filters.temperature(tf.constant(logits), value))[0])
    powers = _softmax(logits[0]) ** (1 / value)
    np.testing.assert_allclose(found, powers / powers.sum(), rtol=1e-5)


# --- what was written ---

words = st.lists(st.integers(0, 4), min_size=6, max_size=6)


def _ngrams(ids, n):
    """All n-grams of a list without padding in them."""
    return {tuple(ids[i : i + n]) for i in range(len(ids) - n + 1) if 0 not in ids[i : i + n]}


def _no_repeat(row, written, count, n, context):
    """The same in plain Python."""
    if count < n - 1:
        return list(row)
    beginning = tuple(written[count - n + 1 : count])
    grams = _ngrams(written[:count] if context is None else context, n)
    left = [-np.inf if (*beginning, i) in grams else x for i, x in enumerate(row)]
    return left if max(left) > -np.inf else list(row)


@given(
    written=words,
    count=st.integers(0, 6),
    n=st.integers(1, 4),
    context=st.none() | st.lists(st.integers(0, 4), min_size=9, max_size=9),
    row=st.lists(st.sampled_from([0.5, -1.0, -np.inf]), min_size=5, max_size=5).filter(lambda r: max(r) > -np.inf),
)
@example(written=[1, 2, 3, 4, 1, 2], count=6, n=1, context=None, row=[-np.inf, 0.5, 0.5, 0.5, 0.5])  # all banned
@example(written=[1, 2, 1, 0, 0, 0], count=3, n=2, context=None, row=[0.5] * 5)
@example(written=[1, 2, 1, 0, 0, 0], count=3, n=2, context=[1, 0, 3, 1, 4, 0, 0, 0, 1], row=[0.5] * 5)
def test_no_repeat_ngrams_against_a_reference(written, count, n, context, row):
    given_context = None if context is None else tf.constant([context])
    found = filters.no_repeat_ngrams(_row(row), tf.constant([written]), tf.constant([count]), n, given_context)
    assert found.numpy()[0].tolist() == _no_repeat(row, written, count, n, context)


def test_no_repeat_ngrams_of_rows_of_their_own_counts():
    written = tf.constant([[1, 2, 1, 3], [1, 2, 1, 3], [1, 2, 1, 3]])
    out = filters.no_repeat_ngrams(tf.zeros([3, 5]), written, tf.constant([3, 2, 4]), 2).numpy() < 0
    assert [np.flatnonzero(row).tolist() for row in out] == [[2], [], []]
    scalar = filters.no_repeat_ngrams(tf.zeros([3, 5]), written, 3, 2).numpy() < 0
    assert [np.flatnonzero(row).tolist() for row in scalar] == [[2], [2], [2]]


@pytest.mark.parametrize("n", [1, 3])
def test_no_repeat_ngrams_before_anything_is_written(n):
    logits = tf.zeros([2, 5])
    empty = tf.zeros([2, 0], tf.int32)
    np.testing.assert_array_equal(filters.no_repeat_ngrams(logits, empty, 0, n), logits)
    out = filters.no_repeat_ngrams(logits, empty, 0, n, tf.constant([[1, 2, 3], [0, 0, 3]])).numpy() < 0
    assert [np.flatnonzero(row).tolist() for row in out] == ([[1, 2, 3], [3]] if n == 1 else [[], []])


@given(row=rows, written=words, penalty=st.sampled_from([0.5, 1.2, 2.0]))
def test_repetition_penalty_against_a_reference(row, written, penalty):
    found = filters.repetition_penalty(_row(row), tf.constant([written]), penalty).numpy()[0]
    seen = set(written) - {0}
    wanted = [(x / penalty if x > 0 else x * penalty) if i in seen else x for i, x in enumerate(row)]
    np.testing.assert_allclose(found, np.array(wanted, np.float32), rtol=1e-6)


def test_repetition_penalty_leaves_padding_alone():
    found = filters.repetition_penalty(_row([2.0, 2.0, -2.0]), tf.constant([[0, 2, 2, 0]]), 2.0)
    assert found.numpy().tolist() == [[2.0, 2.0, -4.0]]


# --- what is banned ---


def test_banned():
    logits = [[1.0, 2.0, 3.0], [-np.inf, 2.0, -np.inf]]
    found = filters.banned(tf.constant(logits), (1, 2))
    assert found.numpy().tolist() == [[1.0, -np.inf, -np.inf], logits[1]], "nothing would be left of the second row"


def _banned_sequences(row, written, count, sequences):
    """The same in plain Python."""
    so_far = written[:count]
    out = {
        last for *firsts, last in sequences if so_far[len(so_far) - len(firsts) :] == firsts and count >= len(firsts)
    }
    left = [-np.inf if i in out else x for i, x in enumerate(row)]
    return left if max(left) > -np.inf else list(row)


@given(
    written=words,
    count=st.integers(0, 6),
    sequences=st.lists(st.lists(st.integers(1, 3), min_size=1, max_size=4).map(tuple), min_size=1, max_size=5),
    row=st.lists(st.sampled_from([0.5, -np.inf]), min_size=5, max_size=5).filter(lambda r: max(r) > -np.inf),
)
def test_banned_sequences_against_a_reference(written, count, sequences, row):
    found = filters.banned_sequences(_row(row), tf.constant([written]), tf.constant([count]), tuple(sequences))
    assert found.numpy()[0].tolist() == _banned_sequences(row, written, count, sequences)


def test_banned_sequences_of_rows_of_their_own():
    written = tf.constant([[1, 2, 0], [2, 1, 0], [1, 2, 3]])
    sequences = ((1, 2, 4), (1, 3), (2, 3, 4))
    out = filters.banned_sequences(tf.zeros([3, 5]), written, tf.constant([2, 2, 3]), sequences).numpy() < 0
    assert [np.flatnonzero(row).tolist() for row in out] == [[4], [3], [4]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: filters.banned(x, (1, 7)), r"must lie in 0..2, got \[7\] in \(1, 7\)"),
        (lambda x: filters.banned(x, (-1,)), r"must lie in 0..2, got \[-1\]"),
        (
            lambda x: filters.banned_sequences(x, WRITTEN[:1], 1, ((1, 0),)),
            r"in 1..2, got \[0\] in \(1, 0\)",
        ),
        (
            lambda x: filters.banned_sequences(x, WRITTEN[:1], 1, ((),)),
            "at least one id, got an empty one",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(tf.zeros([1, 3]))


# --- all of them ---

WRITTEN = tf.constant([[5, 6, 5, 6, 7, 0], [8, 8, 8, 0, 0, 0], [1, 2, 3, 4, 5, 6], [9, 0, 0, 0, 0, 0]])
COUNT = tf.constant([5, 3, 6, 1])
CONTEXT = tf.constant([[7, 1, 2, 7, 3], [8, 8, 0, 8, 1], [0, 0, 6, 7, 0], [9, 9, 9, 0, 9]])
FILTERS = {
    "temperature": lambda x, w, c, k: filters.temperature(x, 0.7),
    "top_k": lambda x, w, c, k: filters.top_k(x, 5),
    "top_p": lambda x, w, c, k: filters.top_p(x, 0.7),
    "min_p": lambda x, w, c, k: filters.min_p(x, 0.1),
    "typical": lambda x, w, c, k: filters.typical(x, 0.7),
    "repetition_penalty": lambda x, w, c, k: filters.repetition_penalty(x, w, 1.3),
    "no_repeat_ngrams": lambda x, w, c, k: filters.no_repeat_ngrams(x, w, c, 2),
    "no_repeat_ngrams in a context": lambda x, w, c, k: filters.no_repeat_ngrams(x, w, c, 2, k),
    "banned": lambda x, w, c, k: filters.banned(x, (3, 11)),
    "banned_sequences": lambda x, w, c, k: filters.banned_sequences(x, w, c, ((6, 7, 8), (8, 9), (2,))),
}
NEUTRAL = {
    "temperature": lambda x: filters.temperature(x, 1.0),
    "top_k": lambda x: filters.top_k(x, None),
    "top_k of all": lambda x: filters.top_k(x, 12),
    "top_k of more than all": lambda x: filters.top_k(x, 13),
    "top_p": lambda x: filters.top_p(x, 1.0),
    "min_p": lambda x: filters.min_p(x, 0.0),
    "typical": lambda x: filters.typical(x, 1.0),
    "repetition_penalty": lambda x: filters.repetition_penalty(x, WRITTEN, 1.0),
    "no_repeat_ngrams": lambda x: filters.no_repeat_ngrams(x, WRITTEN, COUNT, 0),
    "banned": lambda x: filters.banned(x, ()),
    "banned_sequences": lambda x: filters.banned_sequences(x, WRITTEN, COUNT, ()),
}


@pytest.mark.parametrize("name", NEUTRAL)
def test_neutral_values_add_nothing(name):
    logits = tf.zeros([4, 12])
    assert NEUTRAL[name](logits) is logits


def _all(logits, written, count, context):
    return {name: call(logits, written, count, context) for name, call in FILTERS.items()}


def _inputs(rows):
    logits = _vectors(np.random.default_rng(3), rows, 60)
    return tf.constant(logits), *(tf.repeat(x, rows // 4, axis=0) for x in (WRITTEN, COUNT, CONTEXT))


def test_compiled_by_xla_they_give_the_same():
    inputs = _inputs(400)
    found, wanted = tf.function(_all, jit_compile=True)(*inputs), _all(*inputs)
    for name in FILTERS:
        if name in ("temperature", "repetition_penalty"):  # a quotient may be computed otherwise
            np.testing.assert_allclose(found[name], wanted[name], rtol=1e-6, err_msg=name)
        else:
            np.testing.assert_array_equal(found[name], wanted[name], err_msg=name)


def test_one_graph_filters_any_number_of_rows_each_for_itself():
    inputs = _inputs(16)
    call = tf.function(_all, input_signature=[tf.TensorSpec([None, *x.shape[1:]], x.dtype) for x in inputs])
    together = call(*inputs)
    for row in range(16):
        alone = call(*(x[row : row + 1] for x in inputs))
        for name in FILTERS:
            np.testing.assert_array_equal(together[name][row], alone[name][0], err_msg=name)
    assert call.experimental_get_tracing_count() == 1


@pytest.mark.parametrize("name", FILTERS)
def test_entries_that_are_out_stay_out_and_count_nothing(name):
    """The same as for a vocabulary without them."""
    logits, written, count, context = _inputs(200)
    cut = logits[:, :12]
    cut = tf.where(tf.reduce_any(cut > -np.inf, axis=-1, keepdims=True), cut, 0.0)
    wide = tf.pad(cut, [[0, 0], [0, 48]], constant_values=-np.inf)
    found = FILTERS[name](wide, written, count, context)
    np.testing.assert_array_equal(found[:, 12:], wide[:, 12:])
    np.testing.assert_array_equal(found[:, :12], FILTERS[name](cut, written, count, context))
    assert (found.numpy() > -np.inf).any(axis=1).all()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda x: filters.top_k(x, 0), "k must be at least 1, got 0"),
        (lambda x: filters.top_p(x, 0.0), "p must be above 0, got 0.0"),
        (lambda x: filters.top_p(x, float("nan")), "p must be above 0, got nan"),
        (lambda x: filters.typical(x, 0.0), "mass must be above 0, got 0.0"),
        (lambda x: filters.temperature(x, 0.0), "temperature must be above 0, got 0.0"),
    ],
)
def test_what_would_leave_nothing_is_an_error(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong(tf.zeros([1, 12]))
