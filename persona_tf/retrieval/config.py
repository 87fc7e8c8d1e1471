"""The retrieval room's part of the control panel."""

import dataclasses

FINDS = ("facts", "speaker")
KINDS = ("bi", "poly", "cross")
TOWERS = ("shared", "separate")
POOLINGS = ("mean", "cls", "attention")
SIMILARITIES = ("cosine", "dot")
NEGATIVES = ("batch", "persona")
MULTI_POSITIVES = ("mean", "sum")
OWN_TURNS = ("alike", "weighed")

_CHOICES = {
    "finds": FINDS,
    "kind": KINDS,
    "towers": TOWERS,
    "pooling": POOLINGS,
    "similarity": SIMILARITIES,
    "negatives": NEGATIVES,
    "multi_positive": MULTI_POSITIVES,
    "own_turns": OWN_TURNS,
}


@dataclasses.dataclass(frozen=True)
class RetrieverConfig:
    """Which encoder finds facts, and how it is trained. Sizes of its towers are those of ModelConfig.

    ``finds``: ``facts``: the facts that an answer draws on, told by what was said before. ``speaker``: the facts that a
    reply draws on, told by itself and what it answers; among several people it is then of the one who has the best.
    ``kind``: ``bi`` makes a vector of the context and one of each fact; ``poly`` makes ``codes`` vectors of the
    context, so that facts can ask it; ``cross`` reads context and fact together, and has no vectors to index.
    ``towers``: whether contexts and facts go through the same weights.
    ``pooling``: a vector is the mean over tokens, the state of the first token, or a learned weighted mean.
    ``dimensions``: of a vector.
    ``own_turns``: what the speaker itself has said is read as all else is, or weighed by a learned number for each
    dimension, at first -1: a fact that was told already counts against itself.
    ``similarity``: cosine over a learned temperature that begins with ``temperature``, or dot product / sqrt(D).
    ``negatives``: a context's facts are set against all facts of the batch, or against those of its own persona.
    ``hard_negatives``: how many facts of its own persona that a context does not draw on come into the batch.
    ``multi_positive``: what is asked where several facts are true, see `retrieval.loss`.
    ``symmetric``: whether each fact chooses among contexts, too.
    """

    finds: str = "facts"
    kind: str = "bi"
    towers: str = "shared"
    pooling: str = "mean"
    dimensions: int = 256
    own_turns: str = "alike"
    similarity: str = "cosine"
    temperature: float = 0.05
    codes: int = 16
    negatives: str = "batch"
    hard_negatives: int = 4
    multi_positive: str = "mean"
    symmetric: bool = True

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"RetrieverConfig.{name} must be one of {choices}, got {getattr(self, name)!r}")
        for name, least in (("dimensions", 1), ("codes", 1), ("hard_negatives", 0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"RetrieverConfig.{name} must be a whole number from {least} on, got {value!r}")
        # The learned factor is held below 100, see `similarity.Similarity`.
        if not 0.01 <= self.temperature <= 1:
            raise ValueError(f"RetrieverConfig.temperature must lie in [0.01, 1], got {self.temperature!r}")
        if self.kind == "cross" and self.towers == "separate":
            raise ValueError("RetrieverConfig.towers: 'cross' reads context and fact together, so take 'shared'")
        if self.kind == "cross" and self.own_turns == "weighed":
            raise ValueError("RetrieverConfig.own_turns: 'cross' has no states of the context alone, so take 'alike'")
