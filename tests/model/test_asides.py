"""A question asked aside is answered as if it had been asked, and nobody else hears it."""

import dataclasses

import keras
import numpy as np
import pytest

from persona_tf.episode import Aside, Turn
from persona_tf.example import ExampleConfig, examples
from persona_tf.model import memory
from persona_tf.model.config import HISTORIES
from persona_tf.model.heads import next_token_log_probs
from persona_tf.text import features as text_features

ASIDES = (
    Aside(2, Turn(0, "What is your cat called?"), Turn(1, "Fig.", grounding=("persona/1",))),
    Aside(4, Turn(0, "Is it hot?", emote="smile"), Turn(1, "Who knows?", emote="shrug")),
    Aside(2, Turn(0, "Do you bake?"), Turn(1, "I bake bread.", grounding=("persona/0", "turn/1"))),
)


@pytest.fixture
def market(episodes):
    return dataclasses.replace(episodes[0], learners=(1,), asides=ASIDES)


@pytest.fixture
def answered(pack_rows):
    """Model and episode -> all that is said of each target: log-probabilities, logits of the emote, sources."""

    def run(model, episode):
        rows = pack_rows(*examples(episode, ExampleConfig()))
        out = model(rows)
        said = [next_token_log_probs(out), out.emote_logits]
        index = np.where(rows["target_ids"] != 0, rows["target_index"], -1)[0]
        said = np.concatenate([keras.ops.convert_to_numpy(part)[0] for part in said], axis=-1)
        return [said[index == number] for number in range(index.max() + 1)]

    return run


def test_both_rooms_number_asides_alike():
    assert memory.ASIDE == text_features.ASIDE


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("fusion", ["concat", "soft", "select"])
def test_nobody_else_hears_them(shaken, market, answered, history, fusion):
    model = shaken(history=history, fusion=fusion)
    apart, together = answered(model, dataclasses.replace(market, asides=())), answered(model, market)
    assert len(apart) + len(ASIDES) == len(together)
    for one, other in zip(apart, together, strict=False):
        np.testing.assert_allclose(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("history", ["causal", "apart"])
@pytest.mark.parametrize("fusion", ["concat", "soft", "select"])
@pytest.mark.parametrize("number", range(len(ASIDES)))
def test_each_is_answered_as_if_it_had_been_asked(shaken, market, answered, history, fusion, number):
    model = shaken(history=history, fusion=fusion)
    aside = ASIDES[number]
    turns = (*market.turns[: aside.at], aside.question, aside.answer)
    asked = answered(model, dataclasses.replace(market, turns=turns, asides=()))[-1]
    told_aside = answered(model, market)[number - len(ASIDES)]
    np.testing.assert_allclose(asked, told_aside, atol=1e-4, rtol=1e-4)
