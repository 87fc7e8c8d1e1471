import pytest

from persona_tf.decoding.config import DecodeConfig
from persona_tf.evaluation.decoders.ways import SWEEP, WAYS, chosen_ways, effort, setting


def test_the_ways_are_decode_configs_and_differ():
    settings = [setting(DecodeConfig(), fields) for fields in WAYS.values()]
    assert len(set(settings)) == len(WAYS)
    assert settings[0] == (DecodeConfig(), "auto"), "the one to compare with comes first"
    assert not [name for name in WAYS if "," in name], "they are given with commas between"


def test_the_sweep_is_over_p():
    assert list(SWEEP) == [0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0]
    for p, way in SWEEP.items():
        assert setting(DecodeConfig(), WAYS[way]) == (DecodeConfig("sample", top_p=p), "auto")


def test_ways_are_chosen_by_name():
    assert chosen_ways(()) == WAYS
    assert list(chosen_ways(("top-p 0.9", "greedy"))) == ["top-p 0.9", "greedy"]
    with pytest.raises(ValueError, match="no way 'gredy' of choosing words; did you mean 'greedy'"):
        chosen_ways(("gredy",))
    with pytest.raises(ValueError, match=r"did you mean 'top-p 0\.9'"):
        chosen_ways(("Top-P 0.9",))
    with pytest.raises(ValueError, match="There are: greedy, greedy int8, "):
        chosen_ways(("?",))  # like no other


def test_more_hypotheses_and_guides_take_longer():
    efforts = {way: effort(setting(DecodeConfig(), fields)[0]) for way, fields in WAYS.items()}
    assert (efforts["greedy"], efforts["beam 5"], efforts["guidance 1"]) == (1, 5, 2)
    assert efforts["best of 8 by mutual information 0.5"] == 16
