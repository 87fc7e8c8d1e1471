import random

from hypothesis import given
from hypothesis import strategies as st

from persona_tf.data.world.noise import humanize

TEMPLATE = "Pray, what is the name that {who} gave to '{value}', the old one?"


@given(st.integers())
def test_placeholders_survive(seed):
    typed = humanize(TEMPLATE, random.Random(seed), typos=1.0, lower_case=1.0)
    assert typed.format(who="Ada", value="Bram") != ""
    assert typed.count("{who}") == typed.count("'{value}',") == 1
    assert typed.replace("{who}", "").islower()


def test_rates_are_kept():
    rng = random.Random(0)
    changed = sum(humanize(TEMPLATE, rng, typos=0.3, lower_case=0.0) != TEMPLATE for _ in range(2_000))
    assert 0.2 < changed / 2_000 <= 0.33
    assert all(humanize(TEMPLATE, rng, typos=0.0, lower_case=0.0) == TEMPLATE for _ in range(100))
