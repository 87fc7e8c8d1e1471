import dataclasses

import keras
import numpy as np
import pytest

from persona_tf.model import likelihood
from persona_tf.model.config import FUSIONS, HISTORIES, MIXING, ModelConfig
from persona_tf.model.heads import next_token_log_probs
from persona_tf.model.memory import Memory
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text.features import FEATURES
from persona_tf.training.checkpoint import named_variables

TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}
FUSED = [{"fusion": fusion, "copy_head": fusion not in MIXING} for fusion in FUSIONS]
KINDS = FUSED + [{"fusion": fusion, "copy_head": False} for fusion in FUSIONS if fusion not in MIXING]
KINDS += [{"fusion": "soft", "history": "apart"}]
MODERN = {"norm": "rms", "activation": "swiglu", "positions": "rotary", "kv_heads": 1, "tied": False}
OLD = {"norm_place": "after", "activation": "gelu", "positions": "learned", "most_positions": 6}
BERT_GPT2 = {**OLD, "activation": "gelu_tanh", "norm_epsilon": 1e-3, "embedding_norm": True, "scaled": False}
BERT_GPT2 |= {"target_positions": True, "decoder_style": {"norm_place": "before", "embedding_norm": False}}
T5 = {"norm": "rms", "activation": "geglu", "positions": "relative", "tied": False}
KINDS += [{"fusion": "soft", **MODERN}, {"fusion": "concat", **OLD}]
KINDS += [{"fusion": "concat", **BERT_GPT2}, {"fusion": "soft", **T5}]


def _named(kind):
    return "-".join(map(str, kind.values()))


every_kind = pytest.mark.parametrize("kind", KINDS, ids=_named)
every_fusion = pytest.mark.parametrize("kind", FUSED, ids=_named)


def _said(outputs, real):
    """All that is said of the target tokens ``real`` (bool [B, T]), by name."""
    parts = outputs._replace(memory=None)._asdict() | {"log_probs": next_token_log_probs(outputs)}
    said = {name: np.asarray(part)[real] for name, part in parts.items() if part is not None}
    return said | {"source_log_probs": np.maximum(said["source_log_probs"], -1e3)}


def _assert_same(one, other, **tolerance):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_allclose(one[name], other[name], err_msg=name, **(tolerance or TOLERANCE))


def _real(features):
    return features["target_ids"] != 0


def _step_by_step(model, features):
    """Writes the targets of a batch one token at a time, those of a row side by side: (row, place, target, outputs)."""
    ids, index = features["target_ids"], features["target_index"]
    most = int(index[ids != 0].max()) + 1
    places = [[np.flatnonzero((ids[r] != 0) & (index[r] == t)) for t in range(most)] for r in range(len(ids))]
    turns = [[int(features["target_turn"][r, p[0]]) if len(p) else 0 for p in row] for r, row in enumerate(places)]
    longest = max(len(place) for row in places for place in row)
    cache = model.start(
        model.prepare(model.encode(features)), keras.ops.convert_to_tensor(np.array(turns, np.int32)), longest
    )
    for step in range(longest):
        tokens = [[ids[r, p[step]] if step < len(p) else 0 for p in row] for r, row in enumerate(places)]
        outputs, cache = model.step(keras.ops.convert_to_tensor(np.array(tokens, np.int32)), step, cache)
        for r, row in enumerate(places):
            for target, place in enumerate(row):
                if step < len(place):
                    yield r, place[step], target, outputs


@every_kind
def test_step_by_step_is_the_same_as_all_at_once(shaken, features, kind):
    model = shaken(**kind)
    together = _said(model(features), np.ones_like(_real(features)))
    seen = 0
    for row, place, target, outputs in _step_by_step(model, features):
        alone = _said(outputs, np.ones(outputs.attention.shape[:2], bool))
        number = row * outputs.attention.shape[1] + target
        _assert_same({n: p[number] for n, p in alone.items()}, _at(together, features, row, place))
        seen += 1
    assert seen == _real(features).sum() > 50


def _at(said, features, row, place):
    return {name: part[row * features["target_ids"].shape[1] + place] for name, part in said.items()}


@every_kind
def test_what_stands_in_padding_changes_nothing(shaken, features, kind):
    model, rng = shaken(**kind), np.random.default_rng(0)
    changed = dict(features)
    for name, most in (
        ("knowledge_item", 9),
        ("knowledge_kind", 11),
        ("knowledge_position", 9),
        ("history_turn", 9),
        ("history_position", 9),
        ("target_index", 3),
        ("target_position", 9),
    ):
        padding = features[f"{name.split('_')[0]}_ids"] == 0
        changed[name] = np.where(padding, rng.integers(0, most, padding.shape), features[name]).astype(np.int32)
    _assert_same(_said(model(features), _real(features)), _said(model(changed), _real(features)))


@every_kind
def test_more_padding_changes_nothing(shaken, features, kind):
    model = shaken(**kind)
    wide = {
        name: np.pad(v, ((0, 0), (0, 7)), constant_values=-1 if name in ("gold_target", "gold_item") else 0)
        for name, v in features.items()
    }
    before, after = model(features), model(wide)
    place = features["knowledge_ids"].shape[1]
    cut = lambda part: np.delete(part[:, :, :-7], np.s_[place : place + 7], axis=2)  # noqa: E731
    memory_parts = ("attention", "copy_attention", "source_log_probs")
    columns = features["target_ids"].shape[1]
    said = after._replace(memory=before.memory)._asdict()
    said = {n: None if p is None else np.asarray(p)[:, :columns] for n, p in said.items() if n != "memory"}
    said |= {n: cut(said[n]) for n in memory_parts if said[n] is not None}
    real = _real(features)
    _assert_same(_said(before, real), _said(type(before)(**said, memory=before.memory), real))
    for one, other in zip(likelihood.nats(before, features), likelihood.nats(after, wide), strict=True):
        np.testing.assert_allclose(np.asarray(one)[real], np.asarray(other)[:, :columns][real], **TOLERANCE)
    gold = [np.asarray(likelihood.has_gold(o, f)).sum() for o, f in ((before, features), (after, wide))]
    assert gold[0] == gold[1] > 0


@every_kind
def test_a_later_turn_does_not_change_what_was_said_before(shaken, features, kind):
    model = shaken(**kind)
    later = features["history_turn"] >= 3
    changed = {
        **features,
        "history_ids": np.where(later, 9 + features["history_position"] % 5, features["history_ids"]),
    }
    early = _real(features) & (features["target_turn"] <= 3)
    late = _real(features) & (features["target_turn"] > 3)
    before, after = model(features), model(changed)
    _assert_same(_said(before, early), _said(after, early))
    assert not np.allclose(np.asarray(before.vocabulary_logits)[late], np.asarray(after.vocabulary_logits)[late])
    length = features["knowledge_ids"].shape[1]
    states = [np.asarray(outputs.memory.states)[:, length:] for outputs in (before, after)]
    np.testing.assert_allclose(states[0][~later], states[1][~later], **TOLERANCE)


@every_kind
def test_a_later_token_does_not_change_an_earlier_one(shaken, features, kind):
    model = shaken(**kind)
    later = _real(features) & (features["target_index"] == 1) & (features["target_position"] >= 2)
    changed = {**features, "target_ids": np.where(later, 20, features["target_ids"])}
    rest = _real(features) & ~later
    before, after = model(features), model(changed)
    _assert_same(_said(before, rest), _said(after, rest))
    assert not np.allclose(np.asarray(before.vocabulary_logits)[later], np.asarray(after.vocabulary_logits)[later])


def _encoded(model, features, **changed):
    return np.asarray(model.encode_history({**features, **changed}).states)


@pytest.mark.parametrize("history", HISTORIES)
def test_what_a_turn_sees_of_the_others(shaken, features, history):
    model, turn = shaken(history=history), features["history_turn"]
    ids = np.where(turn == 2, 9 + features["history_position"] % 5, features["history_ids"])
    before, after = _encoded(model, features), _encoded(model, features, history_ids=ids)
    real = features["history_ids"] > 0
    same = np.isclose(before, after, **TOLERANCE).all(axis=-1)
    assert same[real & (turn < 2)].all() == (history != "whole")
    assert same[real & (turn > 2)].all() == (history == "apart")
    assert not same[real & (turn == 2)].all()


@pytest.mark.parametrize("history", ["causal", "apart"])
@pytest.mark.parametrize("more", [{}, {"copy_head": False}, MODERN, T5], ids=["usual", "no copying", "modern", "T5"])
def test_turns_read_one_after_the_other_are_as_read_at_once(shaken, features, history, more):
    model = shaken(fusion="soft", history=history, **more)
    names = ("history_ids", "history_turn", "history_position")
    at_once = model.read_history(features)
    turns = None
    for number in range(int(features["history_turn"].max()) + 1):
        columns = ((features["history_turn"] == number) & (features["history_ids"] > 0)).any(axis=0)
        mine = features["history_turn"][:, columns] == number
        part = {name: np.where(mine, features[name][:, columns], 0).astype(np.int32) for name in names}
        turns = model.read_history(part, turns)
    for row in range(len(features["history_ids"])):
        for (one, axis), (other, _) in zip(_parts(at_once), _parts(turns), strict=True):
            a, b = (np.moveaxis(np.asarray(part), axis, 1)[row] for part in (one, other))
            real = [np.asarray(t.reading.memory.mask)[row] for t in (at_once, turns)]
            np.testing.assert_allclose(a[real[0]].astype(float), b[real[1]].astype(float), atol=1e-4)


def _parts(turns):
    """Every tensor of what was read, and the axis of its tokens."""
    memory, layers, places = turns.reading
    return [(part, 1) for part in (*memory, *(places or ()))] + [
        (part, 2) for pair in (*layers, *turns.layers) for part in pair
    ]


def test_a_whole_history_cannot_be_added_to(shaken, features):
    model = shaken(history="whole")
    with pytest.raises(ValueError, match="read all anew"):
        model.read_history(features, model.read_history(features))


@every_fusion
def test_items_depend_on_nothing_but_themselves(shaken, features, kind):
    model = shaken(**kind)
    alone = model.encode_knowledge({n: v for n, v in features.items() if n.startswith("knowledge")})
    length = features["knowledge_ids"].shape[1]
    together = model.encode({**features, "history_ids": np.where(features["history_ids"] > 0, 12, 0)})
    for name, one, other in zip(Memory._fields, alone, together, strict=True):
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other)[:, :length], err_msg=name)
    first = features["knowledge_item"] == 0
    changed = np.where((features["knowledge_ids"] > 0) & ~first, 12, features["knowledge_ids"])
    states = model.encode_knowledge({**features, "knowledge_ids": changed}).states
    mine = first & (features["knowledge_ids"] > 0)
    np.testing.assert_allclose(np.asarray(states)[mine], np.asarray(alone.states)[mine], **TOLERANCE)


def _reversed(example):
    last = len(example.items) - 1
    targets = [dataclasses.replace(t, gold=tuple(last - i for i in t.gold)) for t in example.targets]
    return dataclasses.replace(example, items=example.items[::-1], targets=tuple(targets))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind["fusion"] not in MIXING], ids=_named)
def test_the_order_of_items_means_nothing(shaken, cast, pack_rows, kind):
    model = shaken(**kind)
    one, other = pack_rows(*cast), pack_rows(*map(_reversed, cast))
    before, after = model(one), model(other)
    real = _real(one)
    for name, a, b in zip(
        likelihood.Nats._fields, likelihood.nats(before, one), likelihood.nats(after, other), strict=True
    ):
        np.testing.assert_allclose(np.asarray(a)[real], np.asarray(b)[real], err_msg=name, **TOLERANCE)
    for row, example in enumerate(cast):
        column = int(np.flatnonzero(real[row])[-1])
        for number in range(len(example.items)):
            places = [
                np.flatnonzero(np.asarray(outputs.memory.first)[row] & (np.asarray(outputs.memory.item)[row] == i))[0]
                for outputs, i in ((before, number), (after, len(example.items) - 1 - number))
            ]
            np.testing.assert_allclose(
                np.asarray(before.source_log_probs)[row, column, places[0]],
                np.asarray(after.source_log_probs)[row, column, places[1]],
                **TOLERANCE,
            )


@every_kind
def test_a_target_is_scored_alone_as_in_company(shaken, cast, pack_rows, kind):
    model = shaken(**kind)
    together = pack_rows(*cast)
    nats = likelihood.nats(model(together), together)
    alone = [
        dataclasses.replace(e, history=tuple(h for h in e.history if h.turn < t.turn), targets=(t,))
        for e in cast
        for t in e.targets
    ]
    single = pack_rows(*alone)
    alone_nats = likelihood.nats(model(single), single)
    number = 0
    for row, example in enumerate(cast):
        for target in range(len(example.targets)):
            mine = _real(together)[row] & (together["target_index"][row] == target)
            for name, a, b in zip(nats._fields, nats, alone_nats, strict=True):
                values = np.asarray(b)[number][_real(single)[number]]
                np.testing.assert_allclose(np.asarray(a)[row][mine], values, err_msg=name, **TOLERANCE)
            number += 1
    assert number == 11


@every_fusion
def test_a_row_alone_is_as_in_a_batch(shaken, cast, pack_rows, kind):
    model = shaken(**kind)
    batch = pack_rows(*cast)
    logits = np.asarray(model(batch).vocabulary_logits)
    for row in (0, 3, 5):
        single = pack_rows(cast[row])
        real = _real(single)[0]
        alone = np.asarray(model(single).vocabulary_logits)[0][real]
        np.testing.assert_allclose(logits[row][_real(batch)[row]], alone, **TOLERANCE)


@every_fusion
def test_nothing_to_know_and_no_history_give_finite_answers(shaken, cast, pack_rows, kind):
    model = shaken(**kind)
    batch = pack_rows(dataclasses.replace(cast[-1], items=(), history=()), cast[0])
    outputs = model(batch)
    for part in (*likelihood.nats(outputs, batch), outputs.vocabulary_logits, outputs.emote_logits):
        assert np.isfinite(np.asarray(part)).all()


@every_kind
def test_gradients_are_finite_and_reach_every_weight(make_model, features, kind):
    import tensorflow as tf

    model = make_model(**kind)
    with tf.GradientTape() as tape:
        nats = likelihood.nats(model(features, training=True, use_gold=True), features)
        head = features["target_head"]
        loss = sum(tf.reduce_sum(tf.where(head > 0, part, 0.0)) for part in (nats.token, nats.emote, nats.knowledge))
    gradients = tape.gradient(loss, model.trainable_variables)
    for weight, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(tf.convert_to_tensor(gradient).numpy()).all(), weight.path
        assert tf.reduce_any(tf.convert_to_tensor(gradient) != 0), weight.path


@every_kind
def test_half_precision_is_close_and_its_outputs_are_float32(shaken, features, tiny_config, kind):
    exact = shaken(**kind)
    half = PersonaTransformer(tiny_config(**kind, precision="mixed_bfloat16"))
    half.build()
    for weight, value in zip(half.weights, exact.weights, strict=True):
        weight.assign(value)
    assert {weight.dtype for weight in half.weights} == {"float32"}
    outputs, real = half(features), _real(features)
    for name, part in outputs._replace(memory=None)._asdict().items():
        if part is not None:
            assert keras.backend.standardize_dtype(part.dtype) == "float32", name
            assert np.isfinite(np.asarray(part)).all(), name
    nats = [np.asarray(likelihood.nats(model(features), features).token)[real] for model in (exact, half)]
    assert np.isfinite(nats[1]).all()
    # One item more or less is seen where `select` chooses otherwise, so not every token is close.
    close = np.abs(nats[0] - nats[1]) < 0.05 * np.abs(nats[0]) + 0.3
    assert close.mean() > (0.5 if kind["fusion"] == "select" else 0.9)


def test_what_is_hidden_is_as_good_as_not_there(shaken, cast, pack_rows):
    """Under ``select`` the best of the other items is shown in its place."""
    for kind in FUSED:
        model = shaken(**kind)
        example = dataclasses.replace(cast[1], targets=cast[1].targets[-1:])
        shorter = dataclasses.replace(
            example, items=example.items[1:], targets=(dataclasses.replace(example.targets[0], gold=()),)
        )
        one, other = pack_rows(example), pack_rows(shorter)
        hidden = np.concatenate([one["knowledge_item"] == 0, np.zeros_like(one["history_ids"], bool)], axis=1)
        hidden &= np.concatenate([one["knowledge_ids"] > 0, one["history_ids"] > 0], axis=1)
        real = one["target_ids"] > 0
        without, absent = model(one, hidden=hidden), model(other)
        for name in ("vocabulary_logits", "emote_logits"):
            a, b = (np.asarray(getattr(outputs, name))[real] for outputs in (without, absent))
            np.testing.assert_allclose(a, b, err_msg=f"{kind} {name}", **TOLERANCE)


def test_config_round_trip(tiny_config):
    config = tiny_config(
        fusion="select",
        copy_head=False,
        dropout=0.2,
        word_dropout=0.1,
        knowledge_dropout=0.3,
        history="apart",
        decoder_layers=2,
        kinds=7,
        emotes=5,
        fact_marks=4,
        selected=2,
        **{**MODERN, **BERT_GPT2, "activation": "swiglu"},
        place_kinds=(3, 4),
        loss_heads=6,
    )
    defaults = dataclasses.asdict(ModelConfig())
    assert not [name for name, value in dataclasses.asdict(config).items() if value == defaults[name]]
    model = PersonaTransformer(config)
    again = PersonaTransformer.from_config(model.get_config())
    assert again.config == config
    model.build()
    again.build()
    assert [w.path for w in again.weights] == [w.path for w in model.weights]
    assert [w.shape for w in again.weights] == [w.shape for w in model.weights]


@every_kind
def test_every_variable_has_a_name_of_its_own_that_no_other_model_changes(make_model, kind):
    first, second = make_model(**kind, dropout=0.1), make_model(**kind, dropout=0.1)
    paths = [weight.path for weight in first.weights]
    assert len(paths) == len(set(paths))
    assert paths == [weight.path for weight in second.weights]
    assert all(path.startswith("persona_transformer/") for path in paths)
    assert named_variables(first).keys() == named_variables(second).keys()
    assert len(named_variables(first)) == len(first.variables)


def test_equal_seeds_give_equal_weights_and_others_do_not(make_model):
    one, same, other = make_model(), make_model(), make_model(seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), same.get_weights(), strict=True))
    assert not np.array_equal(one.embedding.tokens, other.embedding.tokens)


def test_the_features_in_use_are_those_that_are_declared(shaken, features):
    used = set()

    class Noting(dict):
        def __getitem__(self, key):
            used.add(key)
            return super().__getitem__(key)

    noting = Noting(features)
    model = shaken(fusion="select")
    likelihood.nats(model.call(noting, use_gold=True), noting)
    assert used | {"target_head", "target_value"} == FEATURES.keys(), "these two say where labels count"


def test_a_bag_of_subwords_is_for_retrievers(tiny_config):
    with pytest.raises(ValueError, match="encoder_layers of 1 or more, got 0"):
        PersonaTransformer(tiny_config(encoder_layers=0))
