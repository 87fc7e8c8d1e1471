import doctest

import pytest

from persona_tf.data import meetings as module
from persona_tf.data.meetings import meetings


def test_doctests():
    assert doctest.testmod(module).failed == 0


def test_somebody_with_facts_is_met_where_they_were(episodes):
    draw = meetings(episodes)
    met = [draw(seed) for seed in range(60)]
    assert met == [draw(seed) for seed in range(60)]
    owners = {(e.setting, e.characters[who].facts) for e in episodes for who in e.learners if e.characters[who].facts}
    assert {(one.setting, one.characters[one.learners[0]].facts) for one in met} == owners
    for one in met:
        [bot] = one.learners
        assert one.characters[bot].name
        assert not one.characters[1 - bot].facts
        assert one.turns == ()


def test_nobody_is_said(episodes):
    with pytest.raises(ValueError, match="nobody to meet"):
        meetings(episode for episode in episodes if episode.id == "bare")
