"""The loss of a batch of contexts and facts: each chooses among the others, in both directions.

A context's facts are told from the facts of the rest of the batch (in-batch negatives). Three things that the usual
loss, cross-entropy of a square matrix with the truth on its diagonal, gets wrong are right here:

* equal facts count as one fact, and equal contexts as one context that draws on all that either of them draws on, so
  none is a negative of its double;
* a context may draw on several facts, and a fact suit several contexts;
* facts may come along that nothing draws on (hard negatives).

For a context with true facts P and negatives N, other true facts never counting against one:

    mean   1/|P| sum_{p in P} -log( e^{s_p} / (e^{s_p} + sum_{n in N} e^{s_n}) )
    sum    -log( sum_{p in P} e^{s_p} / (sum_{p in P} e^{s_p} + sum_{n in N} e^{s_n}) )

``mean`` wants every true fact before all others (Khosla et al. 2020, arXiv 2004.11362, their outer sum; differs from
the paper in: the other positives are left out below the line). ``sum`` is content when one of them is (Miech et al.
2020, arXiv 1912.06430). With one true fact both are the cross-entropy.
"""

from typing import Any

from keras import ops

from persona_tf.model.layers import MASKED
from persona_tf.retrieval.features import on_grid

HEADS = ("fact", "context")
"""What is chosen: a fact for each context, and a context for each fact."""


def contrast(scores, positive, candidate, context_key, fact_key, multi_positive: str = "mean") -> dict[str, tuple]:
    """For each head: (summed nats, number of choices, number of choices where a true one came first), float32.

    What has no true one, or only true ones, adds nothing to the nats; the former is no choice. Ties are wrong.

    Args:
      scores: float32 [B, F].
      positive: bool [B, F], which context draws on which fact.
      candidate: bool [B, F], what is compared; positives always are.
      context_key, fact_key: int [B] and [F], equal where contexts or facts are; 0: padding.
      multi_positive: ``mean`` or ``sum``, see the module.
    """
    alike_contexts, first_contexts = _doubles(context_key)
    alike_facts, first_facts = _doubles(fact_key)
    positive = _spread(alike_contexts, positive, alike_facts)
    candidate = ops.logical_or(_spread(alike_contexts, candidate, alike_facts), positive)
    # What counts: of those that are equal the first one.
    kept = ops.logical_and(first_contexts[:, None], first_facts[None, :])
    positive, candidate = ops.logical_and(positive, kept), ops.logical_and(candidate, kept)
    negative = ops.logical_and(candidate, ops.logical_not(positive))
    scores = ops.cast(scores, "float32")
    return {
        "fact": _choices(scores, positive, negative, multi_positive),
        "context": _choices(ops.transpose(scores), ops.transpose(positive), ops.transpose(negative), multi_positive),
    }


def batch_contrast(scores, features: dict[str, Any], multi_positive: str = "mean") -> dict[str, tuple]:
    """`contrast` of a batch of `features.FEATURES`."""
    positive, candidate = (
        on_grid(features[name], ops.ones_like(features[name][:, 0]), features) > 0 for name in ("positive", "candidate")
    )
    keys = features["context_key"][:, 0], features["fact_key"][:, 0]
    return contrast(scores, positive, candidate, *keys, multi_positive)


def _doubles(key) -> tuple[Any, Any]:
    """Keys [N] -> which are equal and no padding, bool [N, N], and which are the first of their kind, bool [N]."""
    alike = ops.logical_and(key[:, None] == key[None, :], (key > 0)[None, :])
    places = ops.arange(ops.shape(key)[0])
    earlier = ops.logical_and(alike, places[None, :] < places[:, None])
    return alike, ops.logical_and(key > 0, ops.logical_not(ops.any(earlier, axis=1)))


def _spread(left, marks, right):
    """Marks [B, F] on all doubles of the contexts [B, B] and facts [F, F]."""
    left, marks, right = (ops.cast(x, "float32") for x in (left, marks, right))
    return ops.matmul(ops.matmul(left, marks), right) > 0.5


def _choices(scores, positive, negative, multi_positive: str) -> tuple:
    """Each row chooses among columns, [R, C] each -> sums."""
    against = ops.logsumexp(ops.where(negative, scores, MASKED), axis=1)
    count = ops.sum(ops.cast(positive, "float32"), axis=1)
    if multi_positive == "sum":
        nats = ops.softplus(against - ops.logsumexp(ops.where(positive, scores, MASKED), axis=1))
    else:
        each = ops.softplus(against[:, None] - ops.where(positive, scores, -MASKED))
        nats = ops.sum(ops.where(positive, each, 0.0), axis=1) / ops.maximum(count, 1.0)
    best = ops.max(ops.where(positive, scores, MASKED), axis=1)
    right = best > ops.max(ops.where(negative, scores, MASKED), axis=1)
    chooses = ops.cast(count > 0, "float32")
    return (
        ops.sum(ops.where(count > 0, nats, 0.0)),
        ops.sum(chooses),
        ops.sum(chooses * ops.cast(right, "float32")),
    )
