import math

import pytest

from persona_tf.decoding.config import DecodeConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"method": "best"}, "method must be one of .*'greedy'.* got 'best'"),
        ({"guide": "weather"}, "guide must be one of .*'persona'.* got 'weather'"),
        ({"temperature": 0.0}, r"temperature must be at least 0.001 and finite, got 0.0"),
        ({"temperature": math.inf}, r"temperature must be at least 0.001 and finite, got inf"),
        ({"temperature": math.nan}, r"temperature must be at least 0.001 and finite, got nan"),
        ({"repetition_penalty": -1.0}, r"repetition_penalty must be at least 0.001 and finite, got -1.0"),
        ({"top_p": 0.0}, r"top_p must lie in \(0, 1\], got 0.0"),
        ({"top_p": 1.1}, r"top_p must lie in \(0, 1\], got 1.1"),
        ({"top_p": math.nan}, r"top_p must lie in \(0, 1\], got nan"),
        ({"typical": 0.0}, r"typical must lie in \(0, 1\], got 0.0"),
        ({"min_p": 1.5}, r"min_p must lie in \[0, 1\], got 1.5"),
        ({"top_k": 0}, "top_k must be at least 1, or None for all, got 0"),
        ({"top_k": 2.5}, "top_k must be of type int or NoneType, got 2.5"),
        ({"hypotheses": 2.0, "method": "beam"}, "hypotheses must be of type int, got 2.0"),
        ({"temperature": "hot"}, "temperature must be of type float or int, got 'hot'"),
        ({"temperature": True}, "temperature must be of type float or int, got True"),
        ({"temperature": 1e-40}, "temperature must be at least 0.001 and finite, got 1e-40"),
        ({"method": "sample", "mutual_information": 0.5}, "mutual_information picks among several"),
        ({"hypotheses": 0, "method": "beam"}, "hypotheses must be at least 1, got 0"),
        ({"guidance": -0.5}, "guidance must be 0 or more, got -0.5"),
        ({"length_alpha": math.nan, "method": "beam"}, "length_alpha must be 0 or more, got nan"),
        ({"max_reply_tokens": 0}, "max_reply_tokens must be at least 1, got 0"),
        ({"max_reply_tokens": 99_999_999}, "max_reply_tokens must be at most 4,096, got 99999999"),
        ({"max_action_tokens": 4097}, "max_action_tokens must be at most 4,096, got 4097"),
        ({"method": "beam", "hypotheses": 10**9}, "hypotheses must be at most 1,024, got 1000000000"),
        ({"max_action_tokens": 0}, "max_action_tokens must be at least 1, got 0"),
        ({"min_reply_tokens": 9, "max_reply_tokens": 8}, r"min_reply_tokens \(9\) is above max_reply_tokens \(8\)"),
        ({"hypotheses": 3}, "greedy writes one answer: hypotheses > 1 needs sample or beam"),
        ({"method": "beam", "hypotheses": 4, "groups": 3}, r"groups \(3\) must divide hypotheses \(4\)"),
        ({"method": "sample", "hypotheses": 4, "groups": 2}, "groups > 1 needs method beam, got 'sample'"),
        ({"banned_words": "word"}, "banned_words must be of type tuple or list, got 'word'"),
        ({"banned_words": None}, "banned_words must be of type tuple or list, got None"),
        ({"forced_words": ("a", " ")}, "forced_words must be a list of words"),
        ({"forced_words": ("ale", "Bread"), "banned_words": ("bread",)}, r"\['Bread'\] are banned and forced at once"),
    ],
)
def test_errors(fields, message):
    with pytest.raises(ValueError, match=message):
        DecodeConfig(**fields)


def test_guided_by_guidance_or_by_mutual_information():
    assert not DecodeConfig().guided
    assert DecodeConfig(guidance=0.5).guided
    assert DecodeConfig("sample", hypotheses=4, mutual_information=0.5).guided


def test_as_greedy_keeps_the_lengths_only():
    config = DecodeConfig(method="beam", hypotheses=4, guidance=0.5, forced_words=("bread",), max_reply_tokens=9)
    assert config.as_greedy() == DecodeConfig(max_reply_tokens=9)


def test_a_change_that_greedy_leaves_out_is_named():
    config = DecodeConfig(method="sample", top_p=0.9, max_reply_tokens=9)
    config.check_greedy_but_lengths(())
    config.check_greedy_but_lengths(("max_reply_tokens", "temperature"))
    with pytest.raises(ValueError, match=r"DecodeConfig.top_p = 0.9 would change nothing.*max_reply_tokens"):
        config.check_greedy_but_lengths(("max_reply_tokens", "top_p"))
