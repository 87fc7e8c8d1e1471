"""Each head's summed nats and number of labels, and the one loss that is made of them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from keras import ops

from persona_tf.model import likelihood
from persona_tf.model.heads import Outputs
from persona_tf.text.features import ACTION_HEAD, EMOTE_HEAD, FACTS_HEAD, REPLY_HEAD
from persona_tf.training.config import TrainConfig

HEADS = ("reply", "action", "emote", "knowledge", "pointer", "facts")
_HALF = math.log(2)
"""Nats."""
_MOST_LOG_VARIANCE = 4.0
_WORDS = {"reply": REPLY_HEAD, "action": ACTION_HEAD, "facts": FACTS_HEAD}
"""The heads that choose among words, and how ``target_head`` calls them."""


def head_sums(outputs: Outputs, features: dict, emote_weights: Sequence[float] = ()) -> dict[str, tuple]:
    """For each head: (summed nats, number of labels, number of labels that were the best guess), float32 scalars.

    With ``emote_weights``, one for each class, there is also ``balanced_emote``, where the nats of each turn weigh what
    its class says.

    The best guess of a word is that of the vocabulary's logits, copying left out. ``pointer`` is about the
    words of known values, and right where more than half of all probability goes to copying them from where they stand.
    """
    nats = likelihood.nats(outputs, features)
    labels, head = features["target_labels"], features["target_head"]
    word_right = ops.argmax(outputs.vocabulary_logits, axis=-1) == labels
    emote_right = ops.argmax(outputs.emote_logits, axis=-1) == labels
    balanced = {}
    if emote_weights:
        weights = ops.convert_to_tensor(list(emote_weights), dtype="float32")
        of_class = ops.take(weights, ops.minimum(labels, len(emote_weights) - 1), axis=0)
        balanced = {"balanced_emote": sums_where(head == EMOTE_HEAD, nats.emote * of_class, emote_right)}
    return {
        "reply": sums_where(head == REPLY_HEAD, nats.token, word_right),
        "action": sums_where(head == ACTION_HEAD, nats.token, word_right),
        "emote": sums_where(head == EMOTE_HEAD, nats.emote, emote_right),
        "knowledge": sums_where(
            likelihood.has_gold(outputs, features),
            nats.knowledge,
            likelihood.knowledge_is_right(outputs, features),
        ),
        "pointer": sums_where(
            ops.logical_and(features["target_value"] == 1, likelihood.can_copy(outputs, features)),
            nats.pointer,
            nats.pointer < _HALF,
        ),
        "facts": sums_where(head == FACTS_HEAD, nats.token, word_right),
        **balanced,
    }


def sums_where(where: Any, nats: Any, right: Any) -> tuple[Any, Any, Any]:
    """What `head_sums` gives of one head: bool, float32 and bool [B, T] -> three float32 scalars."""
    count = ops.cast(where, "float32")
    zero = ops.zeros_like(count)
    right = ops.cast(right, "float32")
    return ops.sum(ops.where(where, nats, zero)), ops.sum(count), ops.sum(ops.where(where, right, zero))


def class_weights(counts: Sequence[int], balance: float) -> tuple[float, ...]:
    """(mean count / count) ** balance for each class that there is, 1 for one that there is not.

    >>> class_weights([8, 2, 0], 1.0), class_weights([8, 2, 0], 0.0)
    ((0.625, 2.5, 1.0), (1.0, 1.0, 1.0))
    """
    found = [count for count in counts if count]
    mean = sum(found) / max(len(found), 1)
    return tuple((mean / count) ** balance if count else 1.0 for count in counts)


def uniform_sums(outputs: Outputs, features: dict) -> dict:
    """What label smoothing adds: for each head of words the sum of `likelihood.uniform_nats`, float32 scalars."""
    nats = likelihood.uniform_nats(outputs)
    return {name: ops.sum(ops.where(features["target_head"] == head, nats, 0.0)) for name, head in _WORDS.items()}


def total_loss(
    sums: dict[str, tuple],
    uniform: dict,
    config: TrainConfig,
    labels: Mapping | None = None,
    log_variances: Any = None,
):
    """Weighted sum over heads of nats per label of that head; label smoothing acts on words alone.

    With log-variances s, weight * (exp(-s) * nats + s / 2): what is hard to tell counts less (Kendall et al. 2018,
    arXiv 1705.07115). Differs from the paper in: s stays within `_MOST_LOG_VARIANCE`, as a head that has learned all
    would count without end; and a head without labels in a batch moves nothing.

    Smoothing (Szegedy et al. 2016): (1 - e) * nats + e * mean over the vocabulary of -log p; differs from the
    paper in that the second part leaves copying out.

    Args:
      sums: of `head_sums`.
      uniform: of `uniform_sums`; empty without smoothing.
      config: weights and smoothing.
      labels: how many labels of each head the whole batch has that this is a part of; None: this is all of it. The
        losses of all parts add up to that of the whole.
      log_variances: of `HEADS`, float32 [6]; None: all are 0 and stay so.
    """
    loss, smoothing = 0.0, config.label_smoothing
    for number, head in enumerate(HEADS):
        weight = getattr(config, f"{head}_weight")
        if weight:
            total, own, _ = sums[head]
            count = ops.maximum(labels[head] if labels else own, 1.0)
            if head in uniform:
                total = (1 - smoothing) * total + smoothing * uniform[head]
            mean = total / count
            if log_variances is not None:
                s = ops.clip(log_variances[number], -_MOST_LOG_VARIANCE, _MOST_LOG_VARIANCE)
                mean = ops.exp(-s) * mean + own / count * s / 2
            loss = loss + weight * mean
    return loss


def mean_loss(sums: dict[str, tuple], weights: Mapping[str, float], labels: Mapping | None = None):
    """Weighted sum over heads of nats per label; as `total_loss`, but for heads of any name and without smoothing."""
    counts = labels or {head: sums[head][1] for head in weights}
    return sum(weight * sums[head][0] / ops.maximum(counts[head], 1.0) for head, weight in weights.items())


def learning_rate(step, config: TrainConfig):
    """Linear warm-up, then a cosine to a hundredth, 1 / sqrt(step), or no change; ``step`` counts from 0."""
    step = ops.cast(step, "float32") + 1.0
    warmup = float(max(config.warmup_steps, 1))
    if config.schedule == "inverse_sqrt":
        return config.learning_rate * ops.minimum(step / warmup, ops.sqrt(warmup / step))
    if config.schedule == "constant":
        return config.learning_rate * ops.minimum(step / warmup, 1.0)
    progress = ops.clip((step - warmup) / max(config.steps - warmup, 1.0), 0.0, 1.0)
    cosine = 0.01 + 0.99 * 0.5 * (1.0 + ops.cos(progress * 3.14159265))
    return config.learning_rate * ops.minimum(step / warmup, cosine)


def gold_share(step, config: TrainConfig):
    """The share of targets that `select` shows gold items at a step, which counts from 0; True: all, at all steps."""
    if config.gold_share == config.gold_share_at_end == 1:
        return True
    progress = ops.clip(ops.cast(step, "float32") / max(config.steps - 1, 1), 0.0, 1.0)
    return config.gold_share + (config.gold_share_at_end - config.gold_share) * progress
