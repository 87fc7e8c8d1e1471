import dataclasses
import random

import numpy as np
import pytest

SPOKEN = (
    ((1, "Good day, baker!"),),
    ((1, "Good day, baker!"), (0, "Fresh bread, friend?"), (1, "Whose cat is that?")),
    ((0, "Fresh bread, friend?"), (1, "What do you fear?")),
    (),
)
FACTS = ("I bake bread.", "My cat is called Fig.", "I fear geese.", "", "I am a guard.")


@dataclasses.dataclass(frozen=True)
class Said:
    """A turn, as `layout.SaidTurn` asks for."""

    who: int
    speech: str
    action: str = ""
    emote: str = ""


@pytest.fixture(scope="session")
def contexts():
    """Four contexts, the last without turns."""
    return [tuple(Said(*turn) for turn in turns) for turns in SPOKEN]


@pytest.fixture(scope="session")
def facts():
    """Five facts, one of them empty."""
    return list(FACTS)


@pytest.fixture(scope="session")
def layout(tokenizer):
    from persona_tf.retrieval.layout import Layout
    from persona_tf.text.config import TextConfig

    return Layout(tokenizer, TextConfig(tokenizer.size))


@pytest.fixture(scope="session")
def make_encoder(tiny_config):
    """RetrieverConfig fields -> a tiny encoder none of whose weights is zero or one."""
    from persona_tf.retrieval.config import RetrieverConfig
    from persona_tf.retrieval.encoders import build_encoder

    def make(seed=0, shaken=True, precision="float32", **fields):
        random.seed(seed)
        sizes = tiny_config(precision=precision)
        encoder = build_encoder(RetrieverConfig(**{"dimensions": 8, "codes": 3, **fields}), sizes)
        rng = np.random.default_rng(1)
        for weight in encoder.weights if shaken else ():
            weight.assign(weight + rng.normal(0, 0.2, weight.shape).astype(np.float32))
        return encoder

    return make


@pytest.fixture(scope="session")
def make_retriever(make_encoder, layout):
    """RetrieverConfig fields -> a `Retriever` with such an encoder."""
    from persona_tf.retrieval.retriever import Retriever

    def make(**fields):
        encoder = make_encoder(**fields)
        return Retriever(encoder.config, encoder, layout)

    return make


@pytest.fixture(scope="session")
def batch(layout, contexts, facts):
    """All contexts and facts as FEATURES, each pair a candidate; context i draws on fact i."""
    from persona_tf.retrieval.layout import context_features, padded

    pairs = [(i, j) for i in range(len(contexts)) for j in range(len(facts))]
    return {
        **context_features(layout.contexts(contexts)),
        "context_key": np.arange(1, len(contexts) + 1, dtype=np.int32)[:, None],
        "fact_ids": padded(layout.facts(facts)),
        "fact_key": np.arange(1, len(facts) + 1, dtype=np.int32)[:, None],
        "positive": np.array([(i, i) for i in range(len(contexts))], np.int32),
        "candidate": np.array(pairs, np.int32),
    }
