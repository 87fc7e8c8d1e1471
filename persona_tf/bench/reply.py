"""How fast a reply is: on each engine, and against `model.predict` once a token."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from persona_tf.bench.models import SMALL, build, random_features
from persona_tf.bench.timing import alternate
from persona_tf.decoding.config import DecodeConfig
from persona_tf.export.engines import ENGINES, open_writer
from persona_tf.export.onnx.writer import OnnxWriter
from persona_tf.export.writer import Writer
from persona_tf.model.heads import next_token_log_probs
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text import vocabulary as v

_CONTEXT, _NEW = 256, 32
_DECODE = DecodeConfig(min_reply_tokens=_NEW - 1, max_reply_tokens=_NEW - 1)
"""The last of the tokens is the stop."""


def cached_against_predict(rounds: int = 5) -> str:
    """One reply of 32 tokens over 256 tokens of context, batch 1, greedy, small model.

    On each engine, compiled by XLA, two tokens at a time, and by `model.predict`, once a token.
    """
    features = random_features(1, _CONTEXT // 2, _CONTEXT // 2, _NEW)
    model = build(dataclasses.replace(SMALL, precision="float32"))
    writers = {engine: open_writer(engine, model, _DECODE, True) for engine in ENGINES if engine != "auto"}
    ways = {engine: _whole(writer, features, _NEW) for engine, writer in writers.items()}
    ways["compiled"] = _whole(Writer(model, _DECODE, True, jit_compile=True), features, _NEW)
    ways["streamed"] = _whole(writers["onnx"], features, tokens=2)
    ways["predict"] = _predict_per_token(build(SMALL), features)
    seconds = alternate(ways, rounds)
    told = ", ".join(f"{name} {1000 * seconds[name]:,.0f} ms" for name in ways)
    return (
        f"a reply of {_NEW} tokens, {_CONTEXT} of context, batch 1: {told}; against predict once a token tensorflow "
        f"{seconds['predict'] / seconds['tensorflow']:.0f} times, onnx {seconds['predict'] / seconds['onnx']:.0f} "
        f"times; streamed costs {100 * (seconds['streamed'] / seconds['onnx'] - 1):.0f} % more than onnx at once"
    )


def _whole(writer: Writer | OnnxWriter, features: dict[str, np.ndarray], tokens: int) -> Callable[[], np.ndarray]:
    """Reads and writes, so many tokens at a time."""
    turn, seeds = np.full((1, 1), _CONTEXT, np.int32), np.zeros((1, 1, 1), np.int32)
    anyhow: Any = writer

    def write() -> np.ndarray:
        knowledge, history = anyhow.read_knowledge(features), anyhow.read_history(features)
        *_, written = anyhow.stream(knowledge, history, turn, seeds, tokens)
        return written.ids

    return write


def _predict_per_token(model: PersonaTransformer, features: dict[str, np.ndarray]):
    class NextWord(keras.Model):
        """The likeliest next word at every place, for `predict`."""

        def call(self, batch):
            return keras.ops.argmax(next_token_log_probs(model(batch)), axis=-1)

    chooser = NextWord()

    def write() -> np.ndarray:
        written = dict(features, target_ids=np.zeros_like(features["target_ids"]))
        token = v.REPLY
        for place in range(_NEW):
            written["target_ids"][0, place] = token
            token = int(chooser.predict(written, verbose=0)[0, place])
        return written["target_ids"]

    return write
