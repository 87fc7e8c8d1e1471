import dataclasses

import numpy as np
import pytest

from persona_tf.episode import Character, Episode, Fact, Turn
from persona_tf.example import ExampleConfig
from persona_tf.learner import examples
from persona_tf.model import fusion, likelihood


def _sources(memory, row):
    """All sources of a row: {first place: places}; a source is an item or a turn."""
    own = [(i, t) if m else None for i, t, m in zip(memory.item[row], memory.turn[row], memory.mask[row], strict=True)]
    return {own.index(key): [p for p, k in enumerate(own) if k == key] for key in dict.fromkeys(own) if key}


def _wizard(memory, row, turn):
    """Wizard of Wikipedia's log-probabilities of the sources before ``turn``, with loops: {first place: value}."""
    states = memory.states[row].astype(np.float64)
    seen = {first: places for first, places in _sources(memory, row).items() if memory.turn[row][first] < turn}
    embedding = {first: states[places].sum(0) / np.sqrt(len(places)) for first, places in seen.items()}
    asked = max((f for f in seen if memory.item[row][f] == -1), key=lambda first: memory.turn[row][first])
    logits = {first: embedding[asked] @ e / np.sqrt(states.shape[-1]) for first, e in embedding.items()}
    total = np.log(sum(np.exp(value) for value in logits.values()))
    return {first: value - total for first, value in logits.items()}


def test_selection_against_a_reference(shaken, features, to_numpy):
    outputs = to_numpy(shaken(fusion="select")(features))
    compared = 0
    for row, turns in enumerate(features["target_turn"]):
        for column in np.flatnonzero(features["target_ids"][row])[::5]:
            wanted = _wizard(outputs.memory, row, turns[column])
            found = outputs.source_log_probs[row, column]
            np.testing.assert_allclose(found[list(wanted)], list(wanted.values()), atol=1e-4, rtol=1e-4)
            compared += len(wanted)
    assert compared > 100


def test_first_places_are_those_of_the_sources(shaken, features, to_numpy):
    memory = to_numpy(shaken(fusion="select").encode(features))
    for row in range(len(memory.first)):
        assert np.flatnonzero(memory.first[row]).tolist() == list(_sources(memory, row))


def test_a_target_sees_its_items_and_the_turns_before_it(shaken, features, cast, to_numpy):
    memory = shaken().encode(features)
    seen = to_numpy(fusion.visible(memory, features["target_turn"]))
    memory = to_numpy(memory)
    for row, example in enumerate(cast):
        for column in np.flatnonzero(features["target_ids"][row]):
            turn = features["target_turn"][row, column]
            sources = [f for f in _sources(memory, row) if seen[row, column, f]]
            assert sum(memory.item[row][f] >= 0 for f in sources) == len(example.items)
            turns = [int(memory.turn[row][f]) for f in sources if memory.item[row][f] == -1]
            assert turns == [0, *(h.turn + 1 for h in example.history if h.turn + 1 < turn)]
        assert not seen[row][:, ~memory.mask[row]].any()


def _items_that_are_read(outputs, row, column):
    """Items that get any attention from a target token."""
    read = (outputs.attention[row, column] > 0) & (outputs.memory.item[row] >= 0)
    return set(outputs.memory.item[row][read].tolist())


def _target_tokens(features):
    return zip(*np.nonzero(features["target_ids"]), strict=True)


def test_select_reads_the_best_item_and_all_of_the_history(shaken, features, to_numpy):
    outputs = to_numpy(shaken(fusion="select")(features))
    chosen = set()
    for row, column in _target_tokens(features):
        is_item = outputs.memory.first[row] & (outputs.memory.item[row] >= 0)
        scores = np.where(is_item, outputs.source_log_probs[row, column], -np.inf)
        best = int(outputs.memory.item[row][scores.argmax()])
        assert _items_that_are_read(outputs, row, column) == {best}
        chosen.add((row, best))
        earlier = (outputs.memory.item[row] == -1) & (outputs.memory.turn[row] < features["target_turn"][row, column])
        assert (outputs.attention[row, column][earlier] > 0).all()
    assert len(chosen) > 3


def test_select_reads_the_two_best_items(shaken, features, cast, to_numpy):
    model = shaken(fusion="select", selected=2)
    outputs, told = to_numpy(model(features)), to_numpy(model(features, use_gold=True))
    for row, column in _target_tokens(features):
        is_item = outputs.memory.first[row] & (outputs.memory.item[row] >= 0)
        scores = np.where(is_item, outputs.source_log_probs[row, column], -np.inf)
        best = outputs.memory.item[row][np.argsort(-scores)[: min(2, is_item.sum())]]
        assert _items_that_are_read(outputs, row, column) == set(best.tolist())
        gold = cast[row].targets[features["target_index"][row, column]].gold
        if gold:
            read = _items_that_are_read(told, row, column)
            assert read <= set(gold)
            assert len(read) == min(2, len(gold))


def test_select_is_shown_gold_as_often_as_it_is_told_to(make_model, pack_rows, to_numpy):
    """Of 300 targets; with the seed of the model, so it is the same each time."""
    model, batch = make_model(fusion="select"), pack_rows(*_quiz(300))
    gold = batch["gold_item"][:, 0]
    shares = {}
    for share in (0.0, 0.5, 1.0):
        outputs = to_numpy(model(batch, use_gold=share))
        shares[share] = np.mean([_items_that_are_read(outputs, row, 0) == {item} for row, item in enumerate(gold)])
    own = shares[0.0]
    assert own < 0.4
    assert shares[1.0] == 1
    assert shares[0.5] == pytest.approx((own + 1) / 2, abs=0.1)


def test_select_reads_the_gold_item_when_told_to(shaken, features, cast, to_numpy):
    model = shaken(fusion="select")
    told, untold = to_numpy(model(features, use_gold=True)), to_numpy(model(features))
    changed = 0
    for row, column in _target_tokens(features):
        target = cast[row].targets[features["target_index"][row, column]]
        read = _items_that_are_read(told, row, column)
        assert len(read) == 1
        if target.gold:
            assert read <= set(target.gold)
            changed += read != _items_that_are_read(untold, row, column)
        else:
            assert read == _items_that_are_read(untold, row, column)
    assert changed > 10
    np.testing.assert_allclose(told.source_log_probs, untold.source_log_probs, atol=1e-5)


@pytest.mark.parametrize("kind", ["concat", "soft"])
def test_the_others_read_all_items_and_do_not_look_at_gold(shaken, features, cast, to_numpy, kind):
    model = shaken(fusion=kind)
    outputs = to_numpy(model(features))
    for row, column in _target_tokens(features):
        assert len(_items_that_are_read(outputs, row, column)) >= (len(cast[row].items) if kind == "concat" else 1)
    told = to_numpy(model(features, use_gold=True))
    np.testing.assert_array_equal(told.vocabulary_logits, outputs.vocabulary_logits)


def test_soft_leads_the_attention_to_probable_sources(make_model, features, to_numpy):
    """At first half of the heads trust the selector: their attention is the unguided one times its probability."""
    model = make_model(fusion="soft")
    guided = to_numpy(model(features))
    trust = model.decoder.stack[-1].trust
    assert np.asarray(trust).ravel().tolist() == [1.0, 0.0]
    trust.assign(np.zeros_like(trust))
    free = to_numpy(model(features))
    real = features["target_ids"] != 0
    assert not np.allclose(guided.attention[real], free.attention[real], atol=1e-3)
    np.testing.assert_allclose(guided.source_log_probs, free.source_log_probs, atol=1e-5)


def test_knowledge_dropout_hides_all_items_in_training_only(make_model, features, to_numpy):
    model = make_model(fusion="select", knowledge_dropout=0.999)
    for training, reads in ((True, False), (False, True)):
        outputs = to_numpy(model(features, training=training, use_gold=True))
        read = [bool(_items_that_are_read(outputs, row, column)) for row, column in _target_tokens(features)]
        assert set(read) == {reads}


def test_knowledge_dropout_is_as_frequent_as_was_asked_for(make_model, pack_rows, cast, to_numpy):
    model = make_model(fusion="select", knowledge_dropout=0.3)
    batch = pack_rows(*[cast[-1]] * 400)
    outputs = to_numpy(model(batch, training=True))
    hidden = np.mean([not _items_that_are_read(outputs, row, 0) for row in range(400)])
    assert hidden == pytest.approx(0.3, abs=0.09)


@pytest.mark.parametrize("rate", [0.999, 0.3])
def test_knowledge_dropout_tells_soft_nothing_of_the_sources(make_model, features, to_numpy, rate):
    """What the decoder hears is then the same of every source that it sees; what the loss hears is not changed."""
    model = make_model(fusion="soft", knowledge_dropout=rate)
    memory = model.encode(features)
    choice = to_numpy(model._choose_for_tokens(memory, features, True, False, None))
    real = features["target_ids"] != 0
    firsts = choice.shown & np.asarray(memory.first)[:, None]
    even = -np.log(np.maximum(firsts.sum(axis=-1, keepdims=True), 1))
    untold = np.isclose(choice.told, even, atol=1e-4) | ~choice.shown
    targets = features["target_index"] + 100 * np.arange(len(real))[:, None]
    share = np.mean([untold[real & (targets == number)].all() for number in np.unique(targets[real])])
    assert share == pytest.approx(rate, abs=0.3), "of 11 targets"
    assert not np.allclose(np.where(choice.shown, choice.log_probs, 0), np.where(choice.shown, even, 0), atol=1e-3)
    still = to_numpy(model._choose_for_tokens(memory, features, False, False, None))
    np.testing.assert_array_equal(still.told, still.log_probs)
    np.testing.assert_array_equal(still.log_probs, choice.log_probs)


def test_gold_is_marked_at_all_tokens_of_items_and_turns(shaken, features, cast, to_numpy):
    memory = shaken().encode(features)
    gold = to_numpy(fusion.gold_mask(memory, features))
    memory = to_numpy(memory)
    marked = 0
    for row, column in _target_tokens(features):
        target = cast[row].targets[features["target_index"][row, column]]
        places = np.flatnonzero(gold[row, column])
        items = {int(memory.item[row][p]) for p in places if memory.item[row][p] >= 0}
        turns = {int(memory.turn[row][p]) - 1 for p in places if memory.item[row][p] == -1}
        assert (items, turns) == (set(target.gold), set(target.gold_turns))
        own = (memory.item[row] == -1) & np.isin(memory.turn[row] - 1, target.gold_turns)
        assert len(places) == (np.isin(memory.item[row], target.gold) | own).sum()
        marked += len(places)
    assert marked > 20


def _quiz(number):
    """Dialogues in which the answer draws on the first of four facts, whose place in the items is shuffled."""
    bot = Character("B", tuple(Fact(f"Fact {i}.") for i in range(4)))
    talk = (Turn(0, "Well?"), Turn(1, "Hm.", grounding=("persona/0",)))
    for i in range(number):
        yield from examples(Episode(f"quiz{i}", "demo", None, (Character("A"), bot), talk, (1,)), ExampleConfig())


def test_a_selector_that_scores_all_alike_is_right_by_chance(make_model, pack_rows, features):
    model = make_model(fusion="select")
    for weight in model.weights:
        weight.assign(np.zeros(weight.shape))
    batch = pack_rows(*_quiz(600))
    outputs = model(batch)
    asked = np.asarray(likelihood.has_gold(outputs, batch))
    assert asked.sum() == 600
    right = np.asarray(likelihood.knowledge_is_right(outputs, batch))[asked].mean()
    assert right == pytest.approx(1 / 6, abs=0.05), "four facts and two names"
    nats = np.asarray(likelihood.nats(outputs, batch).knowledge)[asked]
    np.testing.assert_allclose(nats, np.log(6 + 2), rtol=1e-5, err_msg="six items, <history> and one turn")


def test_join_memories_keeps_the_order_of_places(shaken, features, to_numpy):
    model = shaken()
    memory = to_numpy(model.encode(features))
    ids = np.concatenate([features["knowledge_ids"], features["history_ids"]], axis=1)
    np.testing.assert_array_equal(memory.ids, ids)
    assert dataclasses.is_dataclass(model.config)


def test_sentence_embedding():
    states = np.arange(12, dtype=np.float32).reshape(1, 4, 3)
    mask = np.array([[[True, True, False, True], [False] * 4, [True] * 4]])
    found = np.asarray(fusion.sentence_embedding(mask, states))[0]
    np.testing.assert_allclose(found, [np.array([12, 15, 18]) / np.sqrt(3), [0, 0, 0], np.array([18, 22, 26]) / 2])
