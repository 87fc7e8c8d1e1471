"""How fast a reply is: the cached search in one graph against `model.predict` once a token."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from persona_tf.bench.models import SMALL, build, random_features
from persona_tf.bench.timing import alternate
from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.search import Stage, search
from persona_tf.model.heads import next_token_log_probs
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text import vocabulary as v

_CONTEXT, _NEW = 256, 32


def cached_against_predict(rounds: int = 5) -> str:
    """One reply of 32 tokens over 256 tokens of context, batch 1, greedy, small model.

    Each way in the precision in which it is faster: the cached one in float32, as one talks to a bot.
    """
    features = random_features(1, _CONTEXT // 2, _CONTEXT // 2, _NEW)
    context = {name: tf.constant(x) for name, x in features.items() if name.startswith(("knowledge", "history"))}
    write = _cached(build(dataclasses.replace(SMALL, precision="float32")))
    predict = _predict_per_token(build(SMALL), features)
    ways = {"cached": lambda: write(context).numpy(), "predict": predict}
    seconds = alternate(ways, rounds)
    times = seconds["predict"] / seconds["cached"]
    return (
        f"a reply of {_NEW} tokens, {_CONTEXT} of context, batch 1: cached {1000 * seconds['cached']:.0f} ms, "
        f"predict once a token {1000 * seconds['predict']:,.0f} ms: {times:.0f} times"
    )


def _cached(model: PersonaTransformer):
    # A stop that is never chosen makes both ways write the same number of tokens.
    stages = (Stage(stop=v.EMOTE, max_tokens=_NEW - 1),)

    @tf.function
    def write(context):
        turn = tf.constant([_CONTEXT], tf.int32)
        cache = model.start(model.encode(context), turn, _NEW + 1)

        def step(ids, index, changing):
            outputs, after = model.step(ids, index, cache.changed(changing))
            log_probs = next_token_log_probs(outputs)[:, 0]
            never = tf.one_hot(v.EMOTE, SMALL.vocabulary_size, on_value=-1e9, off_value=0.0)
            return log_probs + never, after.changing

        first = tf.constant([v.REPLY], tf.int32)
        return search(step, cache.changing, first, stages, len(v.SPECIALS), DecodeConfig(), tf.constant([0, 0]))[0]

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
