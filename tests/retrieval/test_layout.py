"""Contexts and facts as ids."""

import dataclasses

import numpy as np

from persona_tf.retrieval.layout import Layout, context_features, padded
from persona_tf.text import vocabulary as v
from persona_tf.text.config import TextConfig


def test_a_context_is_laid_out_as_told(layout, contexts):
    turns = (*contexts[1], dataclasses.replace(contexts[0][0], who=0, speech="", action="hug Tam", emote="smile"))
    [row] = layout.contexts([turns])
    said = layout.tokenizer.encode([turn.speech for turn in turns[:3]])
    hug, smile = layout.tokenizer.encode(["hug Tam", "smile"])
    parts = [
        [v.HISTORY],
        [v.PARTNER, *said[0]],
        [v.SELF, *said[1]],
        [v.PARTNER, *said[2]],
        [v.SELF, v.ACTION, *hug, v.EMOTE, *smile],
    ]
    assert row.ids.tolist() == [i for part in parts for i in part]
    assert row.position.tolist() == [i for part in parts for i in range(len(part))]
    numbers = (0, 4, 3, 2, 1)
    assert row.turn.tolist() == [n for n, part in zip(numbers, parts, strict=True) for _ in part]


def test_the_oldest_turns_go_and_what_is_left_stays_as_it_is(tokenizer, layout, contexts):
    turns = contexts[1] * 8
    [whole] = layout.contexts([turns])
    kept = whole.turn < 12
    short = TextConfig(tokenizer.size, turn_tokens=60, history_tokens=int(kept.sum()))
    for room in (0, 1):  # a turn that does not fit whole is left out
        config = dataclasses.replace(short, history_tokens=short.history_tokens + room)
        [row] = Layout(tokenizer, config).contexts([turns])
        for name in ("ids", "position", "turn"):
            np.testing.assert_array_equal(getattr(row, name), getattr(whole, name)[kept])


def test_no_turns_and_no_contexts(layout):
    [row] = layout.contexts([()])
    assert (row.ids.tolist(), row.position.tolist(), row.turn.tolist()) == ([v.HISTORY], [0], [0])
    assert layout.contexts([]) == []
    assert layout.facts([]) == []


def test_facts_are_cut_and_an_empty_one_is_something(tokenizer, layout):
    long = " ".join(["bread"] * 1000)
    empty, cut, whole = layout.facts(["", long, "I bake bread."])
    assert empty.tolist() == [v.SELF]
    assert len(cut) == 1 + layout.config.item_tokens
    assert whole.tolist() == [v.SELF, *tokenizer.encode(["I bake bread."])[0]]


def test_padding(layout, contexts):
    rows = layout.contexts(contexts)
    features = context_features(rows, count=6)
    for name, value in features.items():
        assert (value.dtype, value.shape[0], value.shape[1] % 16) == (np.int32, 6, 0)
        for row, expected in zip(value, rows, strict=False):
            found = getattr(expected, name.removeprefix("context_"))
            assert row[: len(found)].tolist() == found.tolist()
            assert not row[len(found) :].any()
        assert not value[4:].any()
    assert padded([np.arange(16)]).shape == (1, 16)
