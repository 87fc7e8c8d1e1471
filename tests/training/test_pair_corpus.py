"""Batches of contexts and facts, and a retriever that learns from them through the loop."""

import dataclasses
import itertools

import numpy as np
import pytest

from persona_tf.data.corpus import Position
from persona_tf.data.pairs import Pair
from persona_tf.example import HistoryTurn
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.features import FEATURES
from persona_tf.retrieval.layout import Layout
from persona_tf.text.config import TextConfig
from persona_tf.training.pair_corpus import evaluation_pair_batches, pack_pairs, pair_batches

FACTS = tuple(f"My {thing} is dear." for thing in ("bread", "cat", "goose", "oven", "mill", "gate", "rake"))


def asked(number, things, gold, text="What is dear?"):
    turns = tuple(HistoryTurn(1, i, text, "", "") for i in range(1 + number % 3))
    return Pair(f"e{number}", f"e{number}", turns, tuple(FACTS[i] for i in things), gold)


PAIRS = [
    asked(0, (0, 1, 2, 3, 4, 5), (1,)),
    asked(1, (2, 3), (0, 1)),
    asked(2, (4, 5), ()),
    asked(3, (6, 1, 0), (2,), "And you?"),
    asked(6, (3, 4), (1,)),
]


@pytest.fixture(scope="module")
def layout(tokenizer):
    return Layout(tokenizer, TextConfig(tokenizer.size))


@pytest.fixture(scope="module")
def make(layout):
    return lambda pairs=PAIRS, **fields: pack_pairs(pairs, layout, RetrieverConfig(**fields))


def texts(corpus, tokenizer, features):
    """The facts of a batch by row."""
    there = features["fact_key"][:, 0] > 0
    return tokenizer.decode_all([[i for i in row if i] for row in features["fact_ids"][there].tolist()])


def marked(pairs):
    return {tuple(pair) for pair in pairs.tolist() if pair[0] >= 0}


def test_a_batch_says_what_is_true_and_what_is_compared(make, tokenizer):
    corpus = make(hard_negatives=2)
    assert len(corpus) == 4  # one draws on nothing
    features = corpus.batch(np.array([0, 1, 2, 3]), None)
    assert features.keys() == FEATURES.keys()
    assert all(value.dtype == np.int32 and value.ndim == 2 for value in features.values())
    facts = texts(corpus, tokenizer, features)
    assert sorted(facts) == sorted(FACTS)
    row = {fact: i for i, fact in enumerate(facts)}
    gold = {(0, 1), (1, 2), (1, 3), (2, 0), (3, 4)}
    assert marked(features["positive"]) == {(i, row[FACTS[fact]]) for i, fact in gold}
    assert marked(features["candidate"]) == set(itertools.product(range(4), range(7)))
    keys = features["context_key"][:, 0]
    assert keys[0] == keys[3]  # said alike, both of one turn
    assert len(set(keys[:4].tolist())) == 3
    assert not keys[4:].any()


def test_negatives_of_the_persona_alone(make, tokenizer):
    corpus = make(negatives="persona", hard_negatives=2)
    features = corpus.batch(np.array([0, 1]), np.random.default_rng(0))
    counts = np.bincount([i for i, _ in marked(features["candidate"])])
    assert counts.tolist() == [3, 2]  # the true one and two others; both are true, and there are no others
    assert marked(features["positive"]) <= marked(features["candidate"])


def test_batches_hold_all_rows_once_and_go_on_where_they_stopped(make):
    corpus = make([asked(i, (i % 7, (i + 1) % 7), (0,), f"{i}?") for i in range(30)], hard_negatives=1)
    stream = list(itertools.islice(pair_batches(corpus, 400, 0, Position()), 12))
    first = [features for position, features in stream if position.epoch == 0]
    keys = np.concatenate([features["context_key"][features["context_key"] > 0] for features in first])
    assert sorted(keys.tolist()) == list(range(1, 31))
    again = list(itertools.islice(pair_batches(corpus, 400, 0, stream[4][0]), 7))
    for (position, features), (expected_position, expected) in zip(again, stream[5:], strict=True):
        assert position == expected_position
        assert all(np.array_equal(features[name], expected[name]) for name in FEATURES)
    other = next(pair_batches(corpus, 400, 1, Position()))[1]
    assert not np.array_equal(other["context_key"], stream[0][1]["context_key"])
    rows = np.concatenate([rows for rows, _ in evaluation_pair_batches(corpus, 400)])
    assert sorted(rows.tolist()) == list(range(30))


def test_nothing_to_learn_from(make):
    with pytest.raises(ValueError, match="no turn of the split says which facts it draws on"):
        make(PAIRS[2:3])


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_a_retriever_learns_through_the_loop(make, layout, tiny_config, tmp_path, optimizer):
    from persona_tf.retrieval.encoders import build_encoder
    from persona_tf.retrieval.retriever import Retriever
    from persona_tf.training.config import TrainConfig
    from persona_tf.training.loop import Loop
    from persona_tf.training.objective import retrieval_objective
    from persona_tf.training.optimizers import make_optimizer
    from persona_tf.training.summaries import SummaryWriter
    from persona_tf.training.tensorflow_step import TensorFlowStep

    pairs = [asked(i, range(7), (i,), f"Where is the {fact[3:7]}?") for i, fact in enumerate(FACTS)]
    corpus = make(pairs, dimensions=16, hard_negatives=6)
    encoder = build_encoder(corpus.config, tiny_config())
    steps = 60
    config = TrainConfig(
        steps=steps,
        optimizer=optimizer,
        learning_rate=0.02,
        warmup_steps=5,
        validate_every_steps=steps // 2,
        checkpoint_every_steps=steps,
    )
    objective, saved = retrieval_objective(corpus.config), []
    loop = Loop(
        model=encoder,
        step=TensorFlowStep(encoder, make_optimizer(config), config, objective),
        config=config,
        corpus=corpus,
        valid=corpus,
        checkpoints=tmp_path,
        vocabulary="abc",
        writer=lambda step: SummaryWriter(tmp_path / "summaries", step),
        on_best=saved.append,
        weights=objective.weights,
        batches=pair_batches,
        evaluation_batches=evaluation_pair_batches,
    )
    progress = loop.run()
    assert (progress.step, saved) == (steps, [steps // 2, steps])
    assert progress.best_loss < 0.2
    retriever = Retriever(corpus.config, encoder, layout)
    for pair, scores in zip(pairs, retriever.score([p.history for p in pairs], [p.facts for p in pairs]), strict=True):
        assert (int(np.argmax(scores)),) == pair.gold
    assert dataclasses.replace(loop, config=config).run() == progress  # it is over
