import pytest

from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.store import FactStore


@pytest.fixture
def encoder(word_encoder):
    return word_encoder.WordEncoder()


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
