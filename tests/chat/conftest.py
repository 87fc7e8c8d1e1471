import zlib

import numpy as np
import pytest

from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.store import FactStore


class WordEncoder:
    """A text is the sum of its words' vectors: who shares words is near. Remembers the contexts that it was shown."""

    def __init__(self):
        self.contexts = []

    def fingerprint(self):
        return "words"

    def embed_facts(self, facts):
        out = np.zeros((len(facts), 1024), np.float32)
        for row, fact in zip(out, facts, strict=True):
            for word in fact.lower().replace(".", " ").replace("?", " ").split():
                row += np.random.default_rng(zlib.crc32(word.encode())).normal(size=1024)
            row /= max(np.linalg.norm(row), 1e-9)
        return out

    def embed_contexts(self, contexts):
        self.contexts += contexts
        return self.embed_facts([" ".join(turn.speech for turn in turns) for turns in contexts])


@pytest.fixture
def encoder():
    return WordEncoder()


@pytest.fixture
def make_memory(encoder):
    """A file or None -> a memory of it."""
    stores = []

    def make(file=None):
        stores.append(FactStore(file))
        return FactMemory(stores[-1], "talk", encoder)

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def memory(make_memory):
    return make_memory()
