"""What is learned: which features a model is fed, and the sums and the loss that are made of what it says."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from persona_tf.data.corpus import PADDING
from persona_tf.model.heads import Outputs
from persona_tf.retrieval import features as retrieval_features
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.loss import batch_contrast
from persona_tf.text.features import FEATURES
from persona_tf.training import losses
from persona_tf.training.config import TrainConfig


@dataclasses.dataclass(frozen=True)
class Objective:
    """What a training step needs to know of a task.

    ``features``: names of the model's features, all int32 of two axes; those that end in ``_ids`` hold tokens.
    ``padding``: what those are padded with that are not padded with 0.
    ``weights``: of each head's nats per label in the loss.
    ``train(model, features, step, labels)`` gives the loss and the sums of each head, see `losses.head_sums`; ``step``
    counts from 0; ``labels``: how many the whole batch has, see `losses.total_loss`. ``score(model, features)`` gives
    the sums without dropout; its numbers of labels depend on the features alone.
    """

    features: tuple[str, ...]
    padding: Mapping[str, int]
    weights: Mapping[str, float]
    train: Callable[[Any, dict, Any, Mapping | None], tuple[Any, dict[str, tuple]]]
    score: Callable[[Any, dict], dict[str, tuple]]


def reply_objective(config: TrainConfig, emote_weights: Sequence[float] = ()) -> Objective:
    """A bot's: to write replies and actions, to show emotes, to know what it draws on.

    ``emote_weights``: how much each class of the emote head counts in training; (): all the same.
    """

    def train(model: Any, features: dict, step: Any, labels: Mapping | None = None) -> tuple[Any, dict[str, tuple]]:
        outputs = model(features, training=True, use_gold=losses.gold_share(step, config))
        log_variances = model.log_variances if config.learned_weights else None
        return reply_loss(outputs, features, config, emote_weights, labels, log_variances)

    def score(model: Any, features: dict) -> dict[str, tuple]:
        return losses.head_sums(model(features, training=False), features)

    weights = {head: getattr(config, f"{head}_weight") for head in losses.HEADS}
    return Objective(tuple(FEATURES), PADDING, weights, train, score)


def reply_loss(
    outputs: Outputs,
    features: dict,
    config: TrainConfig,
    emote_weights: Sequence[float] = (),
    labels: Mapping | None = None,
    log_variances: Any = None,
) -> tuple[Any, dict[str, tuple]]:
    """The loss of what a bot says in training, and the sums of each head; see `losses.total_loss`."""
    sums = losses.head_sums(outputs, features, emote_weights)
    emote = sums.pop("balanced_emote", sums["emote"])
    uniform = losses.uniform_sums(outputs, features) if config.label_smoothing else {}
    return losses.total_loss(sums | {"emote": emote}, uniform, config, labels, log_variances), sums


def retrieval_objective(config: RetrieverConfig) -> Objective:
    """A retriever's: to choose each context's facts and, where it is symmetric, each fact's contexts."""
    weights = {"fact": 0.5, "context": 0.5} if config.symmetric else {"fact": 1.0, "context": 0.0}

    def sums(model: Any, features: dict, training: bool) -> dict[str, tuple]:
        return batch_contrast(model(features, training=training), features, config.multi_positive)

    def train(model: Any, features: dict, step: Any, labels: Mapping | None = None) -> tuple[Any, dict[str, tuple]]:
        found = sums(model, features, True)
        return losses.mean_loss(found, weights, labels), found

    def score(model: Any, features: dict) -> dict[str, tuple]:
        return sums(model, features, False)

    return Objective(tuple(retrieval_features.FEATURES), {"positive": -1, "candidate": -1}, weights, train, score)
