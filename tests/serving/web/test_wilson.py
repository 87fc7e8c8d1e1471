import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.serving.web.wilson import wilson


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (8, 10, 0.4902, 0.9433), (50, 100, 0.4038, 0.5962), (10, 10, 0.7225, 1.0), (0, 0, 0, 1)],
)
def test_known_intervals(count, total, low, high):
    assert wilson(count, total) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 10**6).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_the_ends_are_as_far_from_the_share_as_the_normal_approximation_at_themselves(counted):
    """Wilson's interval is made of all p with |share - p| <= z sqrt(p (1 - p) / n)."""
    count, total = counted
    share = count / total
    for end in wilson(count, total):
        assert 0 <= end <= 1
        assert abs(share - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / total), rel=1e-4, abs=1e-9)
    low, high = wilson(total - count, total)
    assert (1 - high, 1 - low) == pytest.approx(wilson(count, total), abs=1e-9)
