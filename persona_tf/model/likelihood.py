"""From outputs to nats per target token: the one function that training and evaluation share."""

from typing import Any, NamedTuple

from keras import ops

from persona_tf.model import fusion
from persona_tf.model.heads import Outputs

_ROUNDING_NATS = 1e-4
"""Two ways of adding up the same probability may differ by less."""


class Nats(NamedTuple):
    """Negative log-likelihoods, float32 [B, T]; each is meaningful only where its label stands.

    token: of the next reply or action token; emote: of the emote's class; knowledge: of the items and turns that
    are drawn on, the mean of their -log p, 0 where there is none; pointer: of copying the label from an item or turn
    that is drawn on, 0 where none of them holds it.
    """

    token: Any
    emote: Any
    knowledge: Any
    pointer: Any


def nats(outputs: Outputs, features: dict) -> Nats:
    """Scores the labels of a batch; the token nats mix generation and copying as `heads.next_token_log_probs` does.

    The copied part needs no distribution over the vocabulary here: it is the attention on those places of the
    memory that hold the label.
    """
    labels = features["target_labels"]
    token = _cross_entropy(labels, outputs.vocabulary_logits)
    pointer = ops.zeros_like(token)
    if outputs.copy_gate is not None:
        spelled = outputs.memory.ids[:, None, :] == labels[:, :, None]
        copy = _copy_log_probs(outputs, spelled)
        token = -ops.logaddexp(ops.log_sigmoid(-outputs.copy_gate) - token, copy)
        needed = _copied_from(outputs, features)
        pointer = ops.where(ops.any(needed, axis=-1), -_copy_log_probs(outputs, needed), 0.0)
    emote = _cross_entropy(ops.minimum(labels, outputs.emote_logits.shape[-1] - 1), outputs.emote_logits)
    return Nats(token, emote, _knowledge_nats(outputs, features), pointer)


def token_is_likeliest(outputs: Outputs, features: dict, token_nats):
    """Whether no token is likelier than the label, generated or copied: bool [B, T].

    A token that is written nowhere in the memory is as likely as the output layer says; so all that is needed are the
    likeliest of the vocabulary, and those that can be copied.

    Args:
      token_nats: float32 [B, T], of `nats`.
    """
    log_probs = outputs.vocabulary_logits - ops.logsumexp(outputs.vocabulary_logits, axis=-1, keepdims=True)
    if outputs.copy_gate is None:
        return -token_nats >= ops.max(log_probs, axis=-1) - _ROUNDING_NATS
    log_probs += ops.log_sigmoid(-outputs.copy_gate)[..., None]
    ids = outputs.memory.ids
    alike = ops.cast(ids[:, :, None] == ids[:, None, :], "float32")
    copied = ops.log_sigmoid(outputs.copy_gate)[..., None] + ops.log(outputs.copy_attention @ alike + 1e-20)
    generated = ops.take_along_axis(log_probs, ops.broadcast_to(ids[:, None, :], ops.shape(copied)), axis=-1)
    best = ops.maximum(ops.max(log_probs, axis=-1), ops.max(ops.logaddexp(generated, copied), axis=-1))
    return -token_nats >= best - _ROUNDING_NATS


def uniform_nats(outputs: Outputs):
    """Mean over the vocabulary of -log p, without copying: float32 [B, T]; what label smoothing adds."""
    logits = outputs.vocabulary_logits
    return ops.logsumexp(logits, axis=-1) - ops.mean(logits, axis=-1)


def has_gold(outputs: Outputs, features: dict):
    """Where the knowledge loss counts: the first token of each target that draws on something; bool [B, T]."""
    drawn = ops.any(_gold(outputs, features), axis=-1)
    return ops.logical_and(drawn, features["target_position"] == 0)


def can_copy(outputs: Outputs, features: dict):
    """Where the pointer loss counts: an item or turn that is drawn on holds the label; bool [B, T]."""
    if outputs.copy_gate is None:
        return ops.zeros_like(features["target_labels"], "bool")
    return ops.any(_copied_from(outputs, features), axis=-1)


def knowledge_is_right(outputs: Outputs, features: dict):
    """Whether the most probable item or turn is gold: bool [B, T]."""
    best = ops.argmax(ops.where(outputs.memory.first[:, None, :], outputs.source_log_probs, -1e9), axis=-1)
    return ops.take_along_axis(_gold(outputs, features), best[..., None], axis=-1)[..., 0]


def _copied_from(outputs: Outputs, features: dict):
    """The places of what is drawn on that hold the label: bool [B, T, M]."""
    spelled = outputs.memory.ids[:, None, :] == features["target_labels"][:, :, None]
    return ops.logical_and(spelled, _gold(outputs, features, whole=True))


def _copy_log_probs(outputs: Outputs, places):
    """Log-probability of copying, and from one of these places: bool [B, T, M] -> float32 [B, T]."""
    pointed = ops.sum(ops.where(places, outputs.copy_attention, 0.0), axis=-1)
    return ops.log_sigmoid(outputs.copy_gate) + ops.log(pointed + 1e-20)


def _knowledge_nats(outputs: Outputs, features: dict):
    gold = ops.cast(_gold(outputs, features), "float32")
    mean = ops.sum(gold * outputs.source_log_probs, axis=-1) / ops.maximum(ops.sum(gold, axis=-1), 1.0)
    return ops.where(has_gold(outputs, features), -mean, 0.0)


def _gold(outputs: Outputs, features: dict, whole: bool = False):
    """What each token draws on and sees: bool [B, T, M], at the first token of each item or turn, or at all."""
    seen = fusion.visible(outputs.memory, features["target_turn"])
    gold = ops.logical_and(fusion.gold_mask(outputs.memory, features), seen)
    return gold if whole else ops.logical_and(gold, outputs.memory.first[:, None, :])


def _cross_entropy(labels, logits):
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)
