import dataclasses

import numpy as np
import pytest

from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.store import FactStore

TOPICS = {"live": 0, "home": 0, "town": 0, "settled": 0, "dog": 1, "cat": 1, "pet": 1, "bake": 2, "trade": 2}


@dataclasses.dataclass(frozen=True)
class Said:
    """A turn, as `layout.SaidTurn` asks for."""

    speech: str
    who: int = 1
    action: str = ""
    emote: str = ""


class TopicEncoder:
    """Vectors that say what a text is about and nothing of what it says, as those of a trained bi-encoder do."""

    def __init__(self, name="topics", length=1.0):
        self.name, self.length = name, length
        self.asked = []

    def fingerprint(self):
        return self.name

    def embed_facts(self, facts):
        self.asked += facts
        out = np.zeros((len(facts), 4), np.float32)
        for row, fact in zip(out, facts, strict=True):
            words = fact.lower().replace(".", " ").replace("?", " ").split()
            row[next((TOPICS[word] for word in words if word in TOPICS), 3)] = self.length
        return out

    def embed_contexts(self, contexts):
        return self.embed_facts([turns[-1].speech if turns else "" for turns in contexts])


@pytest.fixture
def encoder():
    return TopicEncoder()


@pytest.fixture
def store():
    with FactStore(None) as store:
        yield store


@pytest.fixture
def make_memory(store, encoder):
    """Rules -> a memory of `store`."""
    return lambda rules=None, session="a": FactMemory(store, session, encoder, rules)


@pytest.fixture(scope="session")
def said():
    """A text -> a context."""
    return lambda text: [Said(text)]


@pytest.fixture(scope="session")
def topic_encoder():
    return TopicEncoder
