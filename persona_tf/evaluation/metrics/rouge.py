"""ROUGE (Lin 2004) as the package rouge-score computes it. Knows strings only."""

import functools
import importlib.metadata

from rouge_score.rouge_scorer import RougeScorer

from persona_tf.evaluation.metrics.words import normalise

_KINDS = {"rouge1": "1", "rouge2": "2", "rougeL": "L"}


class NormalisedWords:
    """The tokenizer that rouge-score is given: the words of `metrics.normalise`.

    Its own keeps a-z and 0-9 only, so that of a Russian reply nothing would be left.
    """

    def tokenize(self, text: str) -> list[str]:
        """The words of ``text``."""
        return normalise(text).split()


def rouge(reply: str, gold: str) -> dict[str, float]:
    """F-measures, 0..1, of 1-grams ("1"), 2-grams ("2") and the longest common subsequence ("L").

    Nothing shared is 0, also when both texts are empty.
    """
    scores = _scorer().score(gold, reply)
    return {kind: float(scores[name].fmeasure) for name, kind in _KINDS.items()}


def rouge_signature() -> str:
    """How it is computed, and the package's version."""
    version = importlib.metadata.version("rouge-score")
    return f"rouge-score {version}, F-measure, no stemming, words as in reply_f1 (its own tokenizer keeps a-z only)"


@functools.cache
def _scorer() -> RougeScorer:
    return RougeScorer(list(_KINDS), use_stemmer=False, tokenizer=NormalisedWords())
