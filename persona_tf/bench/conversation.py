"""How long the first word of a reply takes, turn after turn of one conversation."""

import dataclasses
import statistics
import time
from typing import Any

import numpy as np

from persona_tf.bench.models import SMALL, build, random_features
from persona_tf.decoding.config import DecodeConfig
from persona_tf.export.engines import open_writer

_TURN_TOKENS, _KNOWLEDGE = 16, 256
_EXCHANGES = 15
"""Of two turns each, what was said and what was answered."""


def first_word(rounds: int = 5) -> str:
    """Thirty turns of 16 tokens over 256 tokens of persona and place, batch 1, small model, ONNX in float32.

    Two ways in turns: only the two new turns are read; all are read anew. Medians over the conversations.
    """
    model = build(dataclasses.replace(SMALL, precision="float32"))
    writer: Any = open_writer("onnx", model, DecodeConfig(max_reply_tokens=32), speaks_only=True)
    knowledge = writer.read_knowledge(random_features(1, _KNOWLEDGE, 2 * _TURN_TOKENS, 1))
    ways: dict[str, list[list[float]]] = {"read on": [], "read anew": []}
    for number in range(1 + rounds):
        for name, seconds in ways.items():
            taken = _conversation(writer, knowledge, anew=name == "read anew")
            if number:
                seconds.append(taken)
    told = "; ".join(f"{name} {_told(seconds)}" for name, seconds in ways.items())
    return f"the first word over {2 * _EXCHANGES} turns, medians of the first, middle and last five exchanges: {told}"


def _conversation(writer: Any, knowledge: Any, anew: bool) -> list[float]:
    """Seconds to the first word of each exchange."""
    history, taken = None, []
    everything = random_features(1, _KNOWLEDGE, 2 * _TURN_TOKENS * _EXCHANGES, 1)
    for exchange in range(_EXCHANGES):
        end = 2 * _TURN_TOKENS * (exchange + 1)
        start = 0 if anew else end - 2 * _TURN_TOKENS
        new = {name: part[:, start:end] for name, part in everything.items() if name.startswith("history")}
        turn, seeds = np.full((1, 1), 2 * exchange + 3, np.int32), np.zeros((1, 1, 1), np.int32)
        began = time.perf_counter()
        history = writer.read_history(new, None if anew else history)
        next(writer.stream(knowledge, history, turn, seeds, 1))
        taken.append(time.perf_counter() - began)
    return taken


def _told(conversations: list[list[float]]) -> str:
    exchanges = np.array(conversations)
    thirds = exchanges[:, :5], exchanges[:, 5:10], exchanges[:, 10:]
    return " / ".join(f"{1000 * statistics.median(part.ravel()):.0f}" for part in thirds) + " ms"
