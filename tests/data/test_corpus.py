import itertools

import hypothesis.strategies as st
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings

from persona_tf.data.corpus import (
    PackedCorpus,
    Position,
    batches,
    evaluation_batches,
    pack_corpus,
    plan_epoch,
)
from persona_tf.example import strings
from persona_tf.text.features import FEATURES, check_features

AXES = "SHTG"


@pytest.fixture(scope="module")
def large():
    """Three hundred rows of random lengths; every knowledge token of row i is 1 + i."""
    rng = np.random.default_rng(3)
    rows = 300
    lengths = {
        axis: rng.integers(0 if axis in "SG" else 1, most, rows)
        for axis, most in zip(AXES, (200, 90, 60, 5), strict=True)
    }
    splits = {axis: np.concatenate([[0], np.cumsum(lengths[axis])]) for axis in AXES}
    values = {
        name: np.repeat(np.arange(1, rows + 1), lengths[feature.shape[1]]).astype(np.uint16)
        for name, feature in FEATURES.items()
    }
    return PackedCorpus(values, splits)


def _numbers(batch):
    """Which rows of `large` a batch holds."""
    return [int(row[0]) - 1 for row in batch["target_ids"]]


def _take(stream, count):
    return [(position, _numbers(batch)) for position, batch in itertools.islice(stream, count)]


def test_rows_are_padded_on_the_right_and_come_back(large):
    rows = np.array([5, 0, 299])
    batch = large.rows(rows)
    check_features(batch)
    for name, feature in FEATURES.items():
        padding = -1 if name in ("gold_target", "gold_item") else 0
        for row, number in enumerate(rows):
            length = large.lengths(feature.shape[1])[number]
            assert (batch[name][row, :length] == number + 1).all()
            assert (batch[name][row, length:] == padding).all()


def test_lengths_are_rounded_up(large):
    for rows in (np.array([0]), np.array([7, 8, 9])):
        batch = large.rows(rows)
        for name, step in (("knowledge_ids", 32), ("history_ids", 32), ("target_ids", 16), ("gold_item", 8)):
            longest = int(large.lengths(FEATURES[name].shape[1])[rows].max())
            assert batch[name].shape[1] % step == 0
            assert longest <= batch[name].shape[1] < max(longest, 1) + step


def test_packing_keeps_all_values(corpus, cast, packer):
    packed = packer.pack(strings(cast))
    assert len(corpus) == len(cast)
    for name, feature in FEATURES.items():
        splits = corpus.splits[feature.shape[1]]
        rows = [corpus.values[name][a:b].tolist() for a, b in itertools.pairwise(splits)]
        assert rows == packed[name].to_list(), name


def test_packing_in_parts_is_packing_at_once(cast, packer, corpus):
    assert len(cast) * 60 > 256
    twice = pack_corpus(iter([*cast] * 60), packer)
    assert len(twice) == len(cast) * 60
    row, again = corpus.rows(np.array([2])), twice.rows(np.array([2 + len(cast) * 59]))
    assert all((row[name] == again[name]).all() for name in FEATURES)


def test_nothing_to_pack(packer):
    with pytest.raises(ValueError, match="the split holds no examples"):
        pack_corpus([], packer)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.pop("history_turn"), r"missing \['history_turn'\]"),
        (lambda f: f.update(mood=f["target_ids"]), r"unknown \['mood'\]"),
        (lambda f: f.update(target_ids=tf.cast(f["target_ids"], tf.int64)), "feature 'target_ids': expected int32"),
    ],
)
def test_what_are_no_features_is_refused(cast, packer, change, message):
    class Broken:
        tokenizer = packer.tokenizer

        def pack(self, flat):
            packed = packer.pack(flat)
            change(packed)
            return packed

    with pytest.raises(ValueError, match=message):
        pack_corpus(cast, Broken())


@pytest.mark.parametrize("pool", [16, 2048])
def test_every_row_once_an_epoch(large, pool):
    for epoch in range(3):
        plan = plan_epoch(large, 2000, 0, epoch, pool)
        assert sorted(np.concatenate(plan).tolist()) == list(range(300))


def test_batches_are_decided_by_seed_and_epoch(large):
    def epoch(*seeds):
        return [rows.tolist() for rows in plan_epoch(large, 2000, *seeds)]

    assert epoch(0, 0) == epoch(0, 0)
    different = [epoch(0, 0), epoch(0, 1), epoch(1, 0), epoch(1, 1)]
    assert all(a != b for a, b in itertools.combinations(different, 2))


def test_the_batches_of_an_epoch_are_not_sorted_by_length(large):
    sizes = [large.lengths("S")[rows].mean() for rows in plan_epoch(large, 1000, 0, 0)]
    steps = np.diff(sizes)
    assert 0.25 < (steps > 0).mean() < 0.75


@pytest.mark.parametrize("budget", [500, 2000, 8192])
def test_the_budget_is_kept_by_all_but_single_rows(large, budget):
    sizes = []
    for rows in plan_epoch(large, budget, 0, 0):
        batch = large.rows(rows)
        tokens = sum(batch[f"{field}_ids"].size for field in ("knowledge", "history", "target"))
        assert tokens <= budget or len(rows) == 1
        sizes.append(tokens)
    assert np.mean(sizes) > 0.5 * min(budget, 8192) or budget < 1000


def test_rows_of_like_length_go_together(large):
    def padding(plan):
        used = padded = 0
        for rows in plan:
            batch = large.rows(rows)
            for field in ("knowledge", "history", "target"):
                used += int((batch[f"{field}_ids"] != 0).sum())
                padded += batch[f"{field}_ids"].size
        return padded / used

    plan = plan_epoch(large, 2000, 0, 0)
    at_random = np.split(np.random.default_rng(0).permutation(300), np.cumsum([len(rows) for rows in plan])[:-1])
    assert padding(plan) < 0.85 * padding(at_random)


@settings(max_examples=25)
@given(stop=st.integers(0, 120), seed=st.integers(0, 2**31), budget=st.sampled_from([1000, 4000]))
def test_a_stopped_stream_goes_on_as_if_nothing_had_been(large, stop, seed, budget):
    undisturbed = _take(batches(large, budget, seed), stop + 5)
    position = undisturbed[stop - 1][0] if stop else Position()
    assert _take(batches(large, budget, seed, position), 5) == undisturbed[stop:]


def test_positions_count_batches_and_epochs(large):
    count = len(plan_epoch(large, 4000, 7, 0))
    positions = [position for position, _ in _take(batches(large, 4000, 7), count + 2)]
    assert positions == [Position(0, i + 1) for i in range(count)] + [Position(1, 1), Position(1, 2)]


def test_evaluation_sees_every_row_once(large):
    seen = []
    for rows, batch in evaluation_batches(large, 4000):
        assert _numbers(batch) == rows.tolist()
        seen += rows.tolist()
    assert sorted(seen) == list(range(300))


def test_a_corpus_of_one_row(corpus):
    one = PackedCorpus(
        {n: v[: corpus.splits[FEATURES[n].shape[1]][1]] for n, v in corpus.values.items()},
        {axis: splits[:2] for axis, splits in corpus.splits.items()},
    )
    assert [position for position, _ in itertools.islice(batches(one, 1, 0), 2)] == [Position(0, 1), Position(1, 1)]
    assert len(list(evaluation_batches(one, 1))) == 1
