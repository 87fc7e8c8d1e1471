"""A trained encoder with all that it takes to use it: strings in, vectors or scores out."""

import dataclasses
import hashlib
import json
from collections.abc import Sequence

import numpy as np
from keras import ops

from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.cross_encoder import CrossEncoder
from persona_tf.retrieval.encoders import Encoder
from persona_tf.retrieval.index import FactIndex, Found
from persona_tf.retrieval.layout import ContextRow, Layout, SaidTurn, context_features, padded

_BATCH = 64


@dataclasses.dataclass(frozen=True)
class Retriever:
    """An encoder, and how strings are laid out for it.

    ``experiment`` and ``step`` say what it comes from.
    """

    config: RetrieverConfig
    encoder: Encoder
    layout: Layout
    experiment: str = ""
    step: int = 0

    def fingerprint(self) -> str:
        """A short name for what makes the vectors: config, sizes, vocabulary and every weight."""
        about = [dataclasses.asdict(self.config), dataclasses.asdict(self.encoder.sizes), self._vocabulary]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
        for weight in self.encoder.weights:
            digest.update(weight.path.encode() + np.ascontiguousarray(ops.convert_to_numpy(weight.value)).tobytes())
        return digest.hexdigest()[:16]

    def new_index(self) -> FactIndex:
        """An index without facts, for this encoder's vectors."""
        return FactIndex(self.config.dimensions, self.fingerprint())

    def embed_facts(self, facts: Sequence[str]) -> np.ndarray:
        """N facts -> float32 [N, D], what an index takes.

        Raises:
          ValueError: a cross-encoder has no vectors.
        """
        encoder, rows = self._of_vectors(), self.layout.facts(facts)
        out = np.zeros((len(rows), self.config.dimensions), np.float32)
        for some in _batches([len(row) for row in rows]):
            out[some] = ops.convert_to_numpy(encoder.encode_facts(padded([rows[i] for i in some])))
        return out

    def embed_contexts(self, contexts: Sequence[Sequence[SaidTurn]]) -> np.ndarray:
        """N contexts -> float32 [N, D], or [N, m, D] of a poly-encoder.

        Raises:
          ValueError: a cross-encoder has no vectors.
        """
        encoder, rows = self._of_vectors(), self.layout.contexts(contexts)
        several = (self.config.codes,) if self.config.kind == "poly" else ()
        out = np.zeros((len(rows), *several, self.config.dimensions), np.float32)
        for some in _batches([len(row.ids) for row in rows]):
            out[some] = ops.convert_to_numpy(encoder.encode_contexts(*_arrays([rows[i] for i in some])))
        return out

    def score(self, contexts: Sequence[Sequence[SaidTurn]], facts: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """How well each of a context's facts suits it: one float32 [facts] a context, the greatest is best."""
        if len(contexts) != len(facts):
            raise ValueError(f"score: expected facts for each context, got {len(facts)} for {len(contexts)}")
        if isinstance(self.encoder, CrossEncoder):
            return self._read_together(contexts, facts)
        different = list(dict.fromkeys(fact for some in facts for fact in some))
        place = {fact: i for i, fact in enumerate(different)}
        vectors, asked = self.embed_facts(different), self.embed_contexts(contexts)
        return [self._compare(one, vectors[[place[f] for f in some]]) for one, some in zip(asked, facts, strict=True)]

    def search(
        self, context: Sequence[SaidTurn], index: FactIndex, k: int, threshold: float | None = None
    ) -> list[Found]:
        """The ``k`` facts of an index that suit a context best, the best first.

        ``threshold`` is on the index's own scores: cosines, or for ``dot`` the scores themselves.

        Raises:
          ValueError: only a bi-encoder has one vector to search with.
        """
        if self.config.kind != "bi":
            raise ValueError(f"search: an index needs a bi-encoder, got {self.config.kind!r}: use `score` to re-rank")
        return index.search(self.embed_contexts([context]), k, threshold)[0]

    @property
    def _vocabulary(self) -> str:
        return self.layout.tokenizer.fingerprint

    def _of_vectors(self):
        if isinstance(self.encoder, CrossEncoder):
            raise ValueError("a cross-encoder reads context and fact together and has no vectors: use `score`")
        return self.encoder

    def _compare(self, context: np.ndarray, facts: np.ndarray) -> np.ndarray:
        if not len(facts):
            return np.zeros(0, np.float32)
        return ops.convert_to_numpy(self._of_vectors().score(context[None], facts))[0]

    def _read_together(
        self, contexts: Sequence[Sequence[SaidTurn]], facts: Sequence[Sequence[str]]
    ) -> list[np.ndarray]:
        rows, flat = self.layout.contexts(contexts), [fact for some in facts for fact in some]
        fact_rows = self.layout.facts(flat)
        whose = np.repeat(np.arange(len(rows)), [len(some) for some in facts])
        scores = np.zeros(len(flat), np.float32)
        for some in _batches([len(rows[c].ids) + len(f) for c, f in zip(whose, fact_rows, strict=True)]):
            ids, position, turn = _arrays([rows[whose[i]] for i in some])
            beside = padded([fact_rows[i] for i in some])
            scores[some] = ops.convert_to_numpy(self.encoder.score_pairs(ids, position, turn, beside))
        return np.split(scores, np.cumsum([len(some) for some in facts])[:-1]) if len(rows) else []


def _batches(lengths: Sequence[int]) -> list[np.ndarray]:
    """Rows of like length go together."""
    order = np.argsort(np.asarray(lengths, np.int64), kind="stable")
    return [order[start : start + _BATCH] for start in range(0, len(order), _BATCH)]


def _arrays(rows: Sequence[ContextRow]) -> list[np.ndarray]:
    return list(context_features(rows).values())
