"""A question asked aside is answered as if it had been asked, and nobody else hears it."""

import dataclasses

import keras
import numpy as np
import pytest

from persona_tf.episode import Aside, Turn
from persona_tf.example import ExampleConfig
from persona_tf.learner import examples
from persona_tf.model import fusion, memory
from persona_tf.model.config import HISTORIES
from persona_tf.model.heads import next_token_log_probs
from persona_tf.model.likelihood import nats
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
    """Model and episode -> what is said of each target: log-probabilities, logits of the emote, the sources' loss."""

    def run(model, episode, **gold):
        rows = pack_rows(*examples(episode, ExampleConfig(), with_asides=True))
        out = model(rows, **gold)
        said = [next_token_log_probs(out), out.emote_logits, nats(out, rows).knowledge[..., None]]
        index = np.where(rows["target_ids"] != 0, rows["target_index"], -1)[0]
        said = np.concatenate([keras.ops.convert_to_numpy(part)[0] for part in said], axis=-1)
        return [said[index == number] for number in range(index.max() + 1)]

    return run


def test_both_rooms_number_asides_alike():
    assert memory.ASIDE == text_features.ASIDE


@pytest.mark.parametrize("history", HISTORIES)
@pytest.mark.parametrize("kind", ["concat", "soft", "select"])
def test_nobody_else_hears_them(shaken, market, answered, history, kind):
    model = shaken(history=history, fusion=kind)
    apart, together = answered(model, dataclasses.replace(market, asides=())), answered(model, market)
    assert len(apart) + len(ASIDES) == len(together)
    for one, other in zip(apart, together, strict=False):
        np.testing.assert_allclose(one, other, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("history", ["causal", "apart"])
@pytest.mark.parametrize("kind", ["concat", "soft", "select"])
@pytest.mark.parametrize("number", range(len(ASIDES)))
def test_each_is_answered_as_if_it_had_been_asked(shaken, market, answered, history, kind, number):
    model = shaken(history=history, fusion=kind)
    aside, gold = ASIDES[number], {"use_gold": kind == "select"}
    turns = (*market.turns[: aside.at], aside.question, aside.answer)
    asked = answered(model, dataclasses.replace(market, turns=turns, asides=()), **gold)[-1]
    told_aside = answered(model, market, **gold)[number - len(ASIDES)]
    np.testing.assert_allclose(asked, told_aside, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("number", [2, 4096, 3 * 4096 + 1])
def test_a_conversation_may_have_thousands_of_turns(number):
    """Their numbers are not taken for those of asides."""
    turn = np.array([[0, number - 1, number]], np.int32)
    said = memory.Memory(None, None, None, turn >= 0, turn, None, None, None)
    seen = fusion.visible(said, np.array([[number]], np.int32))
    assert keras.ops.convert_to_numpy(seen).tolist() == [[[True, True, False]]]
    heard = fusion.heard(turn, turn, "causal")
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(heard)[0], np.tri(3, dtype=bool))
