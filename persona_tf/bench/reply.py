"""How fast a reply is: the cached search in one graph against `model.predict` once a token."""

import dataclasses

import keras
import numpy as np

from persona_tf.bench.models import SMALL, build, random_features
from persona_tf.bench.timing import alternate
from persona_tf.decoding.config import DecodeConfig
from persona_tf.export.writer import Writer
from persona_tf.model.heads import next_token_log_probs
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text import vocabulary as v

_CONTEXT, _NEW = 256, 32


def cached_against_predict(rounds: int = 5) -> str:
    """One reply of 32 tokens over 256 tokens of context, batch 1, greedy, small model.

    Each way in the precision in which it is faster: the cached ones in float32, as one talks to a bot.
    """
    features = random_features(1, _CONTEXT // 2, _CONTEXT // 2, _NEW)
    model = build(dataclasses.replace(SMALL, precision="float32"))
    ways = {
        "cached": _cached(model, features, jit_compile=False),
        "compiled": _cached(model, features, jit_compile=True),
        "streamed": _cached(model, features, jit_compile=True, tokens=2),
        "predict": _predict_per_token(build(SMALL), features),
    }
    seconds = alternate(ways, rounds)
    told = ", ".join(f"{name} {1000 * seconds[name]:,.0f} ms" for name in ways)
    return (
        f"a reply of {_NEW} tokens, {_CONTEXT} of context, batch 1: {told}; against predict once a token cached "
        f"{seconds['predict'] / seconds['cached']:.0f} times, compiled {seconds['predict'] / seconds['compiled']:.0f} "
        f"times; streamed costs {100 * (seconds['streamed'] / seconds['compiled'] - 1):.0f} % more than compiled"
    )


def _cached(model: PersonaTransformer, features: dict[str, np.ndarray], jit_compile: bool, tokens: int = _NEW):
    decode = DecodeConfig(min_reply_tokens=_NEW - 1, max_reply_tokens=_NEW - 1)
    writer = Writer(model, decode, speaks_only=True, jit_compile=jit_compile)
    turn, seeds = np.full((1, 1), _CONTEXT, np.int32), np.zeros((1, 1, 1), np.int32)

    def write() -> np.ndarray:
        knowledge, history = writer.read_knowledge(features), writer.read_history(features)
        *_, written = writer.stream(knowledge, history, turn, seeds, tokens)
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
