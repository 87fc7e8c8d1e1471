"""Differences between bots: paired where they should be, and as sure of themselves as they may be."""

import dataclasses
import math

import numpy as np
import pytest

from persona_tf.evaluation.comparison.statistics import Difference, Spread, differences, level_for, score, spreads
from persona_tf.evaluation.metrics.bootstrap import bootstrap, interval
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.report import episode_sums, report


def target(number=0, episode="e", **fields):
    return ScoredTarget(id=f"{episode}/{number}", episode=episode, **fields)


def answered(seed, dialogues=40, right=0.6, noise=0.0):
    """Targets with a likelihood and a question; bots of one kind are right at the same places, but for noise."""
    rng, own = np.random.default_rng(7), np.random.default_rng(seed)
    found = []
    for i in range(3 * dialogues):
        easy, nats = rng.random() < right, rng.uniform(1, 9)
        if own.random() < noise:
            easy = not easy
        fields = {"source": "persona", "value": "Rook", "reply": "Rook" if easy else "Fig", "gold_reply": "x"}
        likely = {"reply_nats": nats, "reply_tokens": 4, "reply_words": 3, "reply_bytes": 12}
        found.append(target(i, f"e{i // 3}", **fields, **likely))
    return found


def test_it_is_paired_over_dialogues():
    first = answered(0)
    second = [dataclasses.replace(t, reply_nats=t.reply_nats + 0.4) for t in first]
    found = differences(score([first], 300), score([second], 300))
    bits = found["reply_bits_per_byte"]
    assert bits.value == pytest.approx(-0.4 / 12 / math.log(2))
    assert (bits.low, bits.high) == pytest.approx((bits.value,) * 2)
    assert bits.marks == "**"
    same = found["probe_persona_accuracy"]
    assert (same.value, same.low, same.high, same.marks) == (0, 0, 0, "")


def test_with_one_seed_it_is_the_paired_bootstrap():
    runs = answered(1, noise=0.2), answered(2, noise=0.2)
    found = differences(*(score([run], 500, seed=4) for run in runs))["probe_persona_accuracy"]
    ratios = []
    for run in runs:
        sums = episode_sums(run)
        m = sums.names.index("probe_persona_accuracy")
        ratios.append(bootstrap(sums.numerators[:, m], sums.denominators[:, m], 500, 4))
    assert (found.low, found.high) == pytest.approx(interval(ratios[0] - ratios[1]))
    assert not found.over_seeds


def test_spreads_are_mean_and_deviation_over_seeds():
    runs = [answered(seed, noise=0.1) for seed in range(3)]
    found = spreads(score(runs, 200))["probe_persona_accuracy"]
    values = [report(run, 0)["probe_persona_accuracy"]["value"] for run in runs]
    assert found.values == pytest.approx(values)
    assert found.mean == pytest.approx(np.mean(values))
    assert found.sd == pytest.approx(np.std(values, ddof=1))
    assert found.low < found.mean < found.high
    assert Spread((0.5,)).sd is None


def test_a_difference_within_the_noise_of_seeds_is_not_marked_though_the_dialogues_agree():
    # Each answers alike in every dialogue, so dialogues leave nothing open; seeds do.
    def shifted(nats):
        return [dataclasses.replace(t, reply_nats=t.reply_nats + nats) for t in answered(0)]

    one, other = score([shifted(0.0), shifted(0.5)], 400), score([shifted(0.1), shifted(0.1)], 400)
    found = differences(one, other)["reply_bits_per_byte"]
    assert found.over_seeds
    assert found.marks == ""
    assert found.low < 0 < found.high
    alone = differences(score([shifted(0.25)], 400), score([shifted(0.1)], 400))["reply_bits_per_byte"]
    assert alone.marks == "**", "without seeds nothing is known of their noise"


def test_the_interval_over_seeds_is_students():
    shifts, others = (0.0, 0.3, 0.5, 0.6), (0.1, 0.2, 0.2, 0.7)
    base = answered(0)

    def runs(nats):
        return score([[dataclasses.replace(t, reply_nats=t.reply_nats + n) for t in base] for n in nats], 20_000)

    unit = 12 * math.log(2)
    found = differences(runs(shifts), runs(others), paired=True)["reply_bits_per_byte"]
    apart = (np.array(shifts) - others) / unit
    half = 3.182 * apart.std(ddof=1) / 2  # t of 3 degrees of freedom
    assert (found.low, found.high) == pytest.approx((apart.mean() - half, apart.mean() + half), abs=0.03 * half)
    found = differences(runs(shifts), runs(others))["reply_bits_per_byte"]
    pooled = math.sqrt((np.var(shifts, ddof=1) + np.var(others, ddof=1)) / 2) / unit
    half = 2.447 * pooled * math.sqrt(1 / 4 + 1 / 4)  # 6 degrees of freedom
    assert (found.low, found.high) == pytest.approx((apart.mean() - half, apart.mean() + half), abs=0.03 * half)


def test_bots_that_are_alike_are_seldom_marked():
    marked = 0
    for trial in range(60):
        runs = [[answered(100 * trial + s + 50 * g, 30, noise=0.3) for s in range(2)] for g in range(2)]
        found = differences(*(score(one, 300) for one in runs), paired=True)["probe_persona_accuracy"]
        marked += bool(found.marks)
    assert marked <= 7  # 5 % is 3; more than 7 in 60 comes once in 60 times


def test_many_comparisons_ask_for_more():
    found = differences(score([answered(1, noise=0.3)]), score([answered(2, noise=0.1)]), comparisons=20)
    one = found["probe_persona_accuracy"]
    assert one.low_all < one.low < one.high < one.high_all
    assert level_for(1) == 0.95
    assert level_for(20) == pytest.approx(0.9975)
    assert Difference(1.0, 0.5, 1.5, -0.1, 2.0).marks == "*"
    assert Difference(1.0, 0.5, 1.5, 0.1, 2.0).marks == "**"
    assert Difference(1.0).marks == ""


@pytest.mark.parametrize(("dialogues", "there"), [(1, False), (9, False), (10, True)])
def test_few_dialogues_have_no_interval(dialogues, there):
    first = answered(0, dialogues)
    second = [dataclasses.replace(t, reply="Rook" if i % 9 else "Fig") for i, t in enumerate(first)]
    first = [dataclasses.replace(t, reply="Fig") for t in first]
    found = differences(score([first]), score([second]))
    assert (found["probe_persona_accuracy"].low is not None) == there
    assert bool(found["probe_persona_accuracy"].marks) == there


@pytest.mark.parametrize(("dialogues", "there"), [(9, False), (10, True)])
def test_both_must_have_the_metric_in_so_many_dialogues(dialogues, there):
    whole = answered(0, 20)
    part = [t if int(t.episode[1:]) < dialogues else dataclasses.replace(t, reply_tokens=0) for t in whole]
    for pair in ((whole, part), (part, whole)):
        found = differences(*(score([run], 50) for run in pair))["reply_ppl"]
        assert (found.low is not None) == there


def test_what_does_not_add_up_over_dialogues_has_no_interval():
    first = [dataclasses.replace(t, reply=f"{t.reply} {i}") for i, t in enumerate(answered(0))]
    one = score([first])
    assert one.dialogues("reply_inter_distinct_2") == 0
    assert spreads(one)["reply_inter_distinct_2"].low is None
    assert differences(one, one)["reply_inter_distinct_2"].low is None


def test_the_same_targets_are_wanted():
    def scored(*numbers):
        return score([[target(i, gold_reply="a", reply="b") for i in numbers]], 10)

    with pytest.raises(ValueError, match="'e/0' and 'e/1'"):
        differences(scored(0), scored(1))
    with pytest.raises(ValueError, match="1 and 2"):
        differences(scored(0), scored(0, 1))
    with pytest.raises(ValueError, match="'e/0' and 'e/1'"):
        score([[target(0)], [target(1)]])
    with pytest.raises(ValueError, match="as many seeds"):
        differences(scored(0), score([[target(0, gold_reply="a")]] * 2, 10), paired=True)


def test_a_metric_that_is_no_number_has_no_interval(recwarn):
    broken = [dataclasses.replace(t, reply_nats=math.nan) for t in answered(0)]
    found = differences(score([broken], 50), score([answered(0)], 50))
    assert math.isnan(found["reply_bits_per_byte"].value)
    assert found["reply_bits_per_byte"].marks == ""
    assert found["probe_persona_accuracy"].low == 0
    assert not recwarn
