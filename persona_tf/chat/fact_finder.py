"""Finds those of a persona's facts that suit the moment, with a retriever; any number of facts, also none."""

import collections
import threading
from collections.abc import Sequence

import numpy as np

from persona_tf.chat.session import BOT
from persona_tf.episode import Turn
from persona_tf.learner import history_turns
from persona_tf.retrieval.index import FactIndex
from persona_tf.retrieval.retriever import Retriever

_PERSONAS = 64
"""So many personas stay embedded: those that were asked for last."""


class FactFinder:
    """Looks for facts with a retriever: a bi-encoder searches its index of them, others read all of them.

    May be used by several threads.
    """

    def __init__(self, retriever: Retriever):
        self._retriever, self._lock = retriever, threading.Lock()
        self._fingerprint = retriever.fingerprint()
        self._indices: collections.OrderedDict[tuple[str, ...], FactIndex] = collections.OrderedDict()

    def best(self, turns: Sequence[Turn], facts: Sequence[str], count: int) -> list[int]:
        """The numbers of the facts that suit the bot's next turn, the best first.

        Args:
          turns: of a conversation, see `chat.session.PARTNER`.
          facts: in any order.
          count: how many are wanted; where there are fewer, all are given.
        """
        if not facts:
            return []
        context = history_turns(turns, BOT)
        with self._lock:
            if self._retriever.config.kind == "bi":
                found = self._retriever.search(context, self._index(tuple(facts)), count)
                return [one.number for one in found]
            [scores] = self._retriever.score([context], [facts])
            return np.argsort(-scores, kind="stable")[:count].tolist()

    def _index(self, facts: tuple[str, ...]) -> FactIndex:
        index = self._indices.get(facts)
        if index is None:
            index = FactIndex(self._retriever.config.dimensions, self._fingerprint)
            index.add(facts, self._retriever.embed_facts(facts))
            self._indices[facts] = index
            if len(self._indices) > _PERSONAS:
                self._indices.popitem(last=False)
        self._indices.move_to_end(facts)
        return index
