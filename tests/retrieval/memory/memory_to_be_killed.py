"""Changes a store until it is killed: python memory_to_be_killed.py FILE.

Prints what the memory holds after each change, as JSON, once the change was acknowledged.
"""

import json
import pathlib
import sys

import numpy as np

from persona_tf.retrieval.memory.fact_memory import FactMemory
from persona_tf.retrieval.memory.facts import NewFact
from persona_tf.retrieval.memory.store import FactStore


class Lengths:
    """Vectors that say how long a text is."""

    def fingerprint(self):
        return "lengths"

    def embed_facts(self, facts):
        return np.array([[len(fact), 1] for fact in facts], np.float32).reshape(len(facts), 2)

    embed_contexts = embed_facts


def main(path: pathlib.Path) -> None:
    memory = FactMemory(FactStore(path), "a", Lengths())
    step = len(memory.facts())
    while True:
        step += 1
        memory.add([NewFact(f"Tale{step}{part} is of q{step}{part}.", turn=step) for part in "abc"])
        tell(memory)
        number = memory.facts()[-1].number
        memory.edit(number, f"Tale{step}d is of q{step}d.")
        memory.pin(number)
        tell(memory)
        memory.remove([number])
        tell(memory)


def tell(memory: FactMemory) -> None:
    print(json.dumps([[fact.number, fact.text, fact.pinned] for fact in memory.facts()]), flush=True)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
