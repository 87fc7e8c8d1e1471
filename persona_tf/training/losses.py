"""Each head's summed nats and number of labels, and the one loss that is made of them."""

import keras
from keras import ops

from persona_tf.model import likelihood
from persona_tf.model.heads import Outputs
from persona_tf.text.features import ACTION_HEAD, EMOTE_HEAD, REPLY_HEAD
from persona_tf.training.config import TrainConfig

HEADS = ("reply", "action", "emote", "knowledge")


def head_sums(outputs: Outputs, features: dict) -> dict[str, tuple]:
    """For each head: (summed nats, number of labels, number of labels that were the best guess), float32 scalars.

    The best guess of a word is that of the vocabulary's logits, copying left out.
    """
    nats = likelihood.nats(outputs, features)
    labels, head = features["target_labels"], features["target_head"]
    word_right = ops.argmax(outputs.vocabulary_logits, axis=-1) == labels
    emote_right = ops.argmax(outputs.emote_logits, axis=-1) == labels
    return {
        "reply": _sums(head == REPLY_HEAD, nats.token, word_right),
        "action": _sums(head == ACTION_HEAD, nats.token, word_right),
        "emote": _sums(head == EMOTE_HEAD, nats.emote, emote_right),
        "knowledge": _sums(
            likelihood.has_gold(outputs, features),
            nats.knowledge,
            likelihood.knowledge_is_right(outputs, features),
        ),
    }


def total_loss(sums: dict[str, tuple], outputs: Outputs, features: dict, config: TrainConfig):
    """Weighted sum over heads of nats per label of that head; label smoothing acts on words only.

    Smoothing (Szegedy et al. 2016): (1 - e) * nats + e * mean over the vocabulary of -log p; differs from the
    paper in that the second part leaves copying out.
    """
    loss = 0.0
    for head in HEADS:
        weight = getattr(config, f"{head}_weight")
        if weight:
            total, count, _ = sums[head]
            loss = loss + weight * total / ops.maximum(count, 1.0)
    if config.label_smoothing:
        words = ops.cast(features["target_head"] == REPLY_HEAD, "float32")
        smooth = ops.sum(words * likelihood.uniform_nats(outputs)) / ops.maximum(ops.sum(words), 1.0)
        loss = (1 - config.label_smoothing) * loss + config.label_smoothing * smooth
    return loss


def learning_rate(step, config: TrainConfig):
    """Linear warm-up, then a cosine to a hundredth, or 1 / sqrt(step); ``step`` counts from 0."""
    step = ops.cast(step, "float32") + 1.0
    warmup = float(max(config.warmup_steps, 1))
    if config.schedule == "inverse_sqrt":
        return config.learning_rate * ops.minimum(step / warmup, ops.sqrt(warmup / step))
    progress = ops.clip((step - warmup) / max(config.steps - warmup, 1.0), 0.0, 1.0)
    cosine = 0.01 + 0.99 * 0.5 * (1.0 + ops.cos(progress * 3.14159265))
    return config.learning_rate * ops.minimum(step / warmup, cosine)


def make_optimizer(config: TrainConfig) -> keras.optimizers.Optimizer:
    """AdamW (Loshchilov and Hutter 2019), betas .9 and .98; no decay on norms, biases and tables of kinds."""
    optimizer = keras.optimizers.AdamW(
        learning_rate=config.learning_rate,
        weight_decay=config.weight_decay,
        beta_2=0.98,
        epsilon=1e-9,
        name="adamw",  # else a second one in a process has other paths
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta", "kinds", "tokens"])
    return optimizer


def _sums(where, nats, right) -> tuple:
    count = ops.cast(where, "float32")
    zero = ops.zeros_like(count)
    return (
        ops.sum(ops.where(where, nats, zero)),
        ops.sum(count),
        ops.sum(ops.where(where, ops.cast(right, "float32"), zero)),
    )
