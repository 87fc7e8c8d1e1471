import dataclasses

import numpy as np
import pytest

from persona_tf.model.config import MIXING, ModelConfig
from persona_tf.model.fusion import visible

MIXED = [{"fusion": fusion, "copy_head": False} for fusion in MIXING]
both = pytest.mark.parametrize("kind", MIXED, ids=MIXING)


def _streams(memory, row, turn, place_kinds):
    """Places of persona, place and history that a target of ``turn`` sees, each in order."""
    seen = np.flatnonzero(memory.mask[row] & (memory.turn[row] < turn))
    is_item, is_place = memory.item[row][seen] >= 0, np.isin(memory.kind[row][seen], place_kinds)
    return seen[is_item & ~is_place], seen[is_item & is_place], seen[~is_item]


def _average(streams, size):
    """Weights of each place of the memory in each mixed one, with loops."""
    weights = np.zeros((max(map(len, streams)), size))
    for number, row in enumerate(weights):
        there = [stream[number] for stream in streams if number < len(stream)]
        row[there] = 1 / len(there)
    return weights


def _attention(streams, states, maps):
    persona, place, history = streams
    width = states.shape[-1]
    weights = np.zeros((max(len(persona), 1), len(states)))
    for number, row in enumerate(weights):
        query = states[persona[number]] @ maps["query"][0] + maps["query"][1] if len(persona) else np.zeros(width)
        scores = []
        for beside in range(len(history)):
            key = states[place[beside]] @ maps["key"][0] + maps["key"][1] if beside < len(place) else np.zeros(width)
            scores.append(query @ key / np.sqrt(width))
        shares = np.exp(np.array(scores) - max(scores))
        row[history] = shares / shares.sum()
    return weights


@both
def test_the_mixture_against_a_reference(shaken, features, to_numpy, kind):
    model = shaken(**kind)
    memory = model.encode(features)
    turns = np.array([[features["target_turn"][row].max(), 2] for row in range(len(features["target_turn"]))], np.int32)
    mixed = to_numpy(model.mixer(memory, visible(memory, turns)))
    memory = to_numpy(memory)
    maps = {}
    if kind["fusion"] == "attention":
        parts = {name: getattr(model.mixer, name) for name in ("query", "key", "value")}
        maps = {name: (np.asarray(part.kernel), np.asarray(part.bias)) for name, part in parts.items()}
    for row, numbers in enumerate(turns):
        for target, turn in enumerate(numbers):
            streams = _streams(memory, row, turn, model.config.place_kinds)
            states = values = memory.states[row].astype(np.float64)
            if maps:
                wanted = _attention(streams, states, maps)
                values = states @ maps["value"][0] + maps["value"][1]
            else:
                wanted = _average(streams, len(states))
            shown = np.flatnonzero(mixed.shown[row, target])
            assert len(shown) == len(wanted)
            np.testing.assert_allclose(mixed.weights[row][shown], wanted, atol=1e-5)
            np.testing.assert_allclose(mixed.states[row][shown], wanted @ values, atol=1e-4)


def test_with_attention_no_word_of_persona_and_place_is_read(shaken, features, to_numpy):
    """The 2022 bot's own defect: it is there to be beaten."""
    for kind, reads in zip(MIXED, (True, False), strict=True):
        outputs = to_numpy(shaken(**kind)(features))
        items = np.where(outputs.memory.item[:, None] >= 0, outputs.attention, 0)[features["target_ids"] != 0]
        assert (items.sum() > 1) == reads
        np.testing.assert_allclose(outputs.attention[features["target_ids"] != 0].sum(-1), 1, atol=1e-5)


@both
def test_nothing_can_be_copied(kind):
    with pytest.raises(ValueError, match=r"nothing of it can be copied: set ModelConfig.copy_head = False"):
        dataclasses.replace(ModelConfig(**kind), copy_head=True)
