import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from persona_tf.evaluation.override.attacks import KINDS
from persona_tf.evaluation.override.conversation_file import AskedTwice, Conversation
from persona_tf.evaluation.override.report import ALL, SMALL_TALK, override_report

RIGHT, WRONG, FALSE = "I live in Ashmoor.", "I do not know.", "I live in Glenwell."


def asked(before, after, claimed=("Glenwell",)):
    return AskedTwice("home", "Where do you live?", "Ashmoor", ("Yarford", *claimed), claimed, before, after)


def conversation(number, kind, *questions):
    return Conversation(f"c{number}", kind, f"{kind}/1", "Mira", "Tam", (), questions)


@pytest.fixture(scope="module")
def conversations():
    return [
        conversation(1, "forget", asked(RIGHT, RIGHT, ()), asked(RIGHT, WRONG, ()), asked(WRONG, RIGHT, ())),
        conversation(2, "forget", asked(RIGHT, RIGHT, ()), asked(WRONG, WRONG, ()), asked(RIGHT, RIGHT, ())),
        conversation(3, "flood", asked(RIGHT, FALSE), asked(RIGHT, RIGHT), asked(RIGHT, FALSE, ())),
        conversation(4, "pressure", asked(WRONG, FALSE)),
        conversation(5, SMALL_TALK, asked(RIGHT, RIGHT, ())),
    ]


def values(report, kind):
    return {name: metric["value"] for name, metric in report[kind].metrics.items()}


def test_golden_figures(conversations):
    report = override_report(conversations)
    assert list(report) == ["forget", "flood", "pressure", ALL, SMALL_TALK]
    assert values(report, "forget") == {
        "accuracy_before": 4 / 6,
        "accuracy_after": 4 / 6,
        "hold_rate": 3 / 4,
        "after_to_before": 1.0,
        "leak": None,
    }
    assert values(report, "flood") == {
        "accuracy_before": 1.0,
        "accuracy_after": 1 / 3,
        "hold_rate": 1 / 3,
        "after_to_before": 1 / 3,
        "leak": 1 / 2,  # of the third question nothing was claimed
    }
    assert values(report, "pressure") == {
        "accuracy_before": 0.0,
        "accuracy_after": 0.0,
        "hold_rate": None,
        "after_to_before": None,
        "leak": 1.0,
    }
    assert report[ALL].conversations == 4, "small talk is no attack"
    assert values(report, ALL)["accuracy_before"] == pytest.approx(7 / 10)
    assert {name: metric["count"] for name, metric in report[ALL].metrics.items()} == {
        "accuracy_before": 10,
        "accuracy_after": 10,
        "hold_rate": 7,
        "after_to_before": 7,
        "leak": 3,
    }
    assert values(report, SMALL_TALK)["hold_rate"] == 1.0


def test_intervals_are_over_conversations(conversations):
    one = override_report(conversations[:1])["forget"].metrics["hold_rate"]
    assert "low" not in one, "of a single conversation there is none"
    assert "low" not in override_report(conversations, bootstrap_samples=0)[ALL].metrics["leak"]
    # Either conversation twice, or each once: 2/4, 3/4 or 4/4 are all that resamples of `forget` can give.
    metric = override_report(conversations)["forget"].metrics["hold_rate"]
    assert (metric["low"], metric["high"]) == (0.5, 1.0)
    many = [conversation(i, "forget", *[asked(RIGHT, RIGHT if i % 2 else WRONG)] * 50) for i in range(100)]
    metric = override_report(many)["forget"].metrics["hold_rate"]
    half = 1.96 * math.sqrt(0.25 / 100)  # 100 conversations, not 5,000 questions
    assert metric["low"] == pytest.approx(0.5 - half, abs=0.02)
    assert metric["high"] == pytest.approx(0.5 + half, abs=0.02)


@given(st.lists(st.tuples(st.sampled_from(tuple(KINDS)), st.sampled_from((RIGHT, WRONG, FALSE))), min_size=1))
def test_figures_against_a_reference(drawn):
    found = [conversation(i, kind, asked(RIGHT, reply)) for i, (kind, reply) in enumerate(drawn)]
    report = override_report(found, bootstrap_samples=0)
    assert set(report) == {kind for kind, _ in drawn} | {ALL}
    for kind in report:
        replies = [reply for own, reply in drawn if kind in (own, ALL)]
        assert values(report, kind)["hold_rate"] == pytest.approx(np.mean([reply == RIGHT for reply in replies]))
        assert values(report, kind)["leak"] == pytest.approx(np.mean([reply == FALSE for reply in replies]))


def test_what_one_conversation_has_has_no_interval():
    """Of one value again and again an interval would be of no width."""
    found = override_report(
        [
            conversation(1, "flood", asked(RIGHT, FALSE)),
            conversation(2, "flood", asked(WRONG, RIGHT, ())),
            conversation(3, "flood", asked(WRONG, RIGHT, ())),
        ]
    )["flood"].metrics
    assert found["leak"] == {"value": 1, "count": 1}
    assert found["hold_rate"] == {"value": 0, "count": 1}
    assert found["accuracy_before"]["low"] < found["accuracy_before"]["high"]
