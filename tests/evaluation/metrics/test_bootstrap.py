import numpy as np
import pytest

from persona_tf.evaluation.metrics import bootstrap as module
from persona_tf.evaluation.metrics.bootstrap import bootstrap, bounds, interval


def test_interval_of_a_mean_is_the_normal_one():
    values = np.random.default_rng(1).normal(3.0, 2.0, 400)
    low, high = interval(bootstrap(values, np.ones(400), samples=4000))
    error = 1.96 * values.std() / 20
    assert low == pytest.approx(values.mean() - error, abs=0.03)
    assert high == pytest.approx(values.mean() + error, abs=0.03)


def test_a_constant_ratio_has_no_spread_whatever_the_sizes():
    sizes = np.array([1.0, 50.0, 7.0])
    assert bootstrap(3 * sizes, sizes, samples=50) == pytest.approx(np.full(50, 3.0))


def test_columns_are_drawn_together_and_seeds_count():
    values = np.arange(20.0)
    both = bootstrap(np.stack([values, values], 1), np.ones((20, 2)), samples=10, seed=3)
    alone = bootstrap(values, np.ones(20), samples=10, seed=3)
    assert both.shape == (10, 2)
    assert both[:, 0] == pytest.approx(alone)
    assert both[:, 1] == pytest.approx(alone)
    assert not np.array_equal(alone, bootstrap(values, np.ones(20), samples=10, seed=4))


def test_parts_equal_the_whole(monkeypatch):
    whole = bootstrap(np.arange(20.0), np.ones(20), samples=10)
    monkeypatch.setattr(module, "_CELLS", 60)
    assert bootstrap(np.arange(20.0), np.ones(20), samples=10) == pytest.approx(whole)


def test_resamples_without_a_denominator_are_left_out():
    ratios = bootstrap([1.0, 0.0], [1.0, 0.0], samples=200)
    assert np.isnan(ratios).any()
    assert interval(ratios) == (1.0, 1.0)


def test_bounds_are_there_where_two_dialogues_have_a_denominator():
    values, ones = np.arange(20.0), np.ones(20)
    low, high = interval(bootstrap(values, ones, 50, 3))
    assert bounds(values, ones, 50, 3) == {"low": low, "high": high}
    assert bounds([1.0, 0.0, 0.0], [1.0, 0.0, 0.0], 50) == {}
    assert bounds([1.0, 0.0, 0.0], [1.0, 2.0, 0.0], 50) == {"low": 0, "high": 1}
    assert bounds(values, ones, 0) == {}


@pytest.mark.parametrize("shapes", [((3,), (2,)), ((0,), (0,)), ((2, 2, 2), (2, 2, 2))])
def test_wrong_shapes_are_an_error(shapes):
    with pytest.raises(ValueError, match="bootstrap: expected"):
        bootstrap(np.ones(shapes[0]), np.ones(shapes[1]))
