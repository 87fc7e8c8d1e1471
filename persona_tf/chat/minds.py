"""The memories of many conversations: one file, one encoder, a memory each. Knows no transport."""

import collections
import pathlib
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from persona_tf.chat.recalling import USUAL, PersonaRecall, Rank, RecallConfig, give, joined, load_finder
from persona_tf.chat.remembering import Remembering, attend
from persona_tf.chat.session import BOT, PARTNER, Session
from persona_tf.retrieval.memory.fact_memory import FactEncoder, FactMemory
from persona_tf.retrieval.memory.relation import Rules, rules_for
from persona_tf.retrieval.memory.store import FactStore

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot
    from persona_tf.retrieval.layout import SaidTurn

_OPEN = 64
"""So many memories stay open: those that were asked for last."""


def memory_file(chats: pathlib.Path) -> pathlib.Path:
    """Where what the conversations of a file remember is kept: beside it.

    >>> memory_file(pathlib.Path("runs/chats.sqlite")).name
    'chats.memory.sqlite'
    """
    return chats.with_name(f"{chats.stem}.memory{chats.suffix}")


class Minds:
    """What conversations know, by the names of the conversations; what was told is on the disk.

    May be used by several threads, each conversation by one at a time; other programs may have the file open.

    Args:
      store: the file; is closed by `close`.
      encoder: makes the vectors.
      rules: how facts are compared.
      best: finds facts of a persona of which nothing is kept, see `PersonaRecall`.
      config: how much comes to mind at once.
    """

    def __init__(self, store: FactStore, encoder: FactEncoder, rules: Rules, best: Rank, config: RecallConfig = USUAL):
        self.config, self.best = config, best
        self._store, self._encoder, self._rules = store, _OneAtATime(encoder), rules
        self._open: collections.OrderedDict[str, FactMemory] = collections.OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(cls, file: pathlib.Path, retriever: pathlib.Path) -> "Minds":
        """Those of a file, which is made if it is not there; raises what `open_memory` raises."""
        from persona_tf.chat.fact_finder import FactFinder

        encoder = load_finder(retriever)
        return cls(FactStore(file), encoder, rules_for(encoder.experiment), FactFinder(encoder).best)

    def close(self) -> None:
        """Closes the file."""
        self._store.close()

    def attend(self, name: str, session: Session, bot: "Bot") -> Remembering:
        """Has a conversation remember, from where it stopped; what it is to know from the beginning is given to it.

        Args:
          name: of the conversation.
          session: should be made with ``config.most_shown``.
          bot: see `Remembering`.

        Raises:
          ValueError, TimeoutError, OSError: see `FactStore`.
        """
        memory = self.memory(name)
        if memory.is_new:
            me, partner = (session.episode.characters[who] for who in (BOT, PARTNER))
            give(memory, me, partner, bot.bundle.example)
        return attend(bot, memory, session, self.config, goes_on=True)

    def recall_persona(self, session: Session) -> None:
        """Has a conversation of which nothing is kept find the facts that suit, where it is not shown all of them."""
        if len(session.facts) > self.config.most_shown:
            session.recall = joined(session.recall, PersonaRecall(session, self.best, self.config.k))

    def memory(self, name: str) -> FactMemory:
        """What a conversation knows."""
        with self._lock:
            found = self._open.get(name)
        # To open it takes time, if another encoder made its vectors.
        found = found or FactMemory(self._store, name, self._encoder, self._rules)
        with self._lock:
            found = self._open.setdefault(name, found)
            self._open.move_to_end(name)
            if len(self._open) > _OPEN:
                self._open.popitem(last=False)
        return found

    def forget(self, name: str) -> None:
        """Removes all that a conversation knows."""
        self._store.forget(name)
        with self._lock:
            self._open.pop(name, None)


class _OneAtATime:
    """An encoder that several threads may ask."""

    def __init__(self, encoder: FactEncoder):
        self._encoder, self._lock, self._name = encoder, threading.Lock(), encoder.fingerprint()

    def fingerprint(self) -> str:
        return self._name

    def embed_facts(self, facts: Sequence[str]) -> np.ndarray:
        with self._lock:
            return self._encoder.embed_facts(facts)

    def embed_contexts(self, contexts: "Sequence[Sequence[SaidTurn]]") -> np.ndarray:
        with self._lock:
            return self._encoder.embed_contexts(contexts)
