"""Learning from a teacher that answers beside the student: by what it would say, and by what it thinks.

*Soft targets* (Hinton et al. 2015, arXiv 1503.02531): of each head KL(p_teacher || p_student), both at a temperature T,
times T ** 2, so that its gradient is as large at any T. Differs from the paper in: a word can be generated or copied,
so the classes are all words and all places of the memory that a word can be copied from, and a teacher also teaches
from where it copies. *Hidden states* (FitNets, Romero et al. 2015, arXiv 1412.6550; TinyBERT, Jiao et al. 2020, arXiv
1909.10351): a learned linear map of each of the student's layers is to give the states of a layer of the teacher.
Differs from the papers in: both states are normalised at each token first, as what norms before layers read has any
size; so the error is the share of the teacher's state that the map does not explain.

The teacher is no part of what is trained: neither gradients nor checkpoints nor bundles know it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
from keras import ops

from persona_tf.model.heads import Outputs
from persona_tf.model.layer_style import EPSILON
from persona_tf.model.layers import MASKED, Linear
from persona_tf.model.transformer import PersonaTransformer
from persona_tf.text.features import ACTION_HEAD, EMOTE_HEAD, FACTS_HEAD, REPLY_HEAD
from persona_tf.training import losses
from persona_tf.training.config import TrainConfig
from persona_tf.training.distill_config import DistillConfig
from persona_tf.training.objective import Objective, reply_loss, reply_objective
from persona_tf.training.teacher import mapped_layers

SOFT = {f"soft_{head}": head for head in ("reply", "action", "emote", "knowledge", "facts")}
"""What is taught of each head; only the pointer's labels are the data's own."""
HIDDEN = "hidden"
_STACKS = {"knowledge": "encoder", "history": "encoder", "target": "decoder"}
"""Which stack of layers the tokens of each kind of feature go through."""

States = Mapping[str, list]
"""``knowledge``, ``history``, ``target`` -> the states of each layer, float [B, L, D]."""


class Student(keras.Model):
    """A bot that is taught, and the maps from its states to its teacher's.

    The maps are trained and kept in checkpoints with the bot, and are of no use after training: the bundle is the
    bot's own.

    Args:
      bot: built; its weights come first.
      teacher_width: D of the teacher; 0: no maps.
    """

    def __init__(self, bot: PersonaTransformer, teacher_width: int, **kwargs):
        super().__init__(**{"name": "student", **kwargs})
        self.bot, self.teacher_width = bot, teacher_width
        layers = {"encoder": bot.config.encoder_layers, "decoder": bot.config.decoder_layers}
        self.maps = {
            stack: [Linear(teacher_width, name=f"{stack}_map_{i}", dtype="float32") for i in range(count)]
            for stack, count in layers.items()
            if teacher_width
        }

    def build(self, shape=None):
        """Makes the maps, [D of the student, D of the teacher] each."""
        for several in self.maps.values():
            for one in several:
                one.build((None, None, self.bot.config.width))
        self.built = True

    def call(self, features: dict, **how) -> Outputs:
        """What the bot says, see `PersonaTransformer.call`."""
        return self.bot(features, **how)


class Heard(NamedTuple):
    """What a model says, and what its layers say on the way."""

    outputs: Outputs
    states: States


def hear(model: PersonaTransformer, features: dict, **how: Any) -> Heard:
    """Asks a model, as `PersonaTransformer.call`, and notes the states of all layers."""
    states: dict[str, list] = {}
    outputs = model(features, note=lambda what, x: states.setdefault(what, []).append(x), **how)
    return Heard(outputs, states)


def distill_objective(
    config: TrainConfig, distill: DistillConfig, teacher: PersonaTransformer, emote_weights: tuple[float, ...] = ()
) -> Objective:
    """What a `Student` learns: what bots learn, and beside it to be like its teacher.

    gold_weight * the bots' loss + soft_weight * T ** 2 * (sum over heads of weight * nats per label) + hidden_weight *
    the error per token. The teacher drops nothing out; under ``select`` it is shown gold items in training.

    The sums have, beside those of `losses.head_sums`, for each of `SOFT` the KL at T, the number of labels and how
    often the most likely class is the teacher's, and for `HIDDEN` the error, the number of tokens, and what is
    explained.
    """
    plain = reply_objective(config)
    soft = {name: distill.soft_weight * distill.temperature**2 * plain.weights[head] for name, head in SOFT.items()}
    weights = {**soft, HIDDEN: distill.hidden_weight}
    weights = {name: weight for name, weight in weights.items() if weight}

    def lesson(student: Student, own: Heard, features: dict, use_gold: bool) -> dict[str, tuple]:
        taught = hear(teacher, features, training=False, use_gold=use_gold)
        sums = soft_sums(own.outputs, taught.outputs, features, distill.temperature) if distill.soft_weight else {}
        if distill.hidden_weight:
            sums[HIDDEN] = hidden_sums(student.maps, own.states, taught.states, features)
        return {name: sums[name] for name in weights}

    def train(model: Student, features: dict, step: Any, labels: Mapping | None = None) -> tuple[Any, dict]:
        own = hear(model.bot, features, training=True, use_gold=losses.gold_share(step, config))
        log_variances = model.bot.log_variances if config.learned_weights else None
        gold, sums = reply_loss(own.outputs, features, config, emote_weights, labels, log_variances)
        more = lesson(model, own, features, True)
        return distill.gold_weight * gold + losses.mean_loss(more, weights, labels), sums | more

    def score(model: Student, features: dict) -> dict[str, tuple]:
        own = hear(model.bot, features, training=False)
        return losses.head_sums(own.outputs, features) | lesson(model, own, features, False)

    gold_weights = {head: distill.gold_weight * weight for head, weight in plain.weights.items()}
    return Objective(plain.features, plain.padding, gold_weights | weights, train, score)


def soft_sums(student: Outputs, teacher: Outputs, features: dict, temperature: float) -> dict[str, tuple]:
    """For each of `SOFT`: (summed KL at the temperature, labels, labels where both have one best), float32 scalars.

    ``soft_knowledge`` is about what each reply needs, so it has a label for each, also where the data know none.
    """
    head = features["target_head"]
    words = _divergence(choice_log_probs(student), choice_log_probs(teacher), temperature)
    emotes = _divergence(student.emote_logits, teacher.emote_logits, temperature)
    sources = _divergence(_source_logits(student), _source_logits(teacher), temperature)
    begins = ops.logical_and(head == REPLY_HEAD, features["target_position"] == 0)
    return {
        "soft_reply": losses.sums_where(head == REPLY_HEAD, *words),
        "soft_action": losses.sums_where(head == ACTION_HEAD, *words),
        "soft_emote": losses.sums_where(head == EMOTE_HEAD, *emotes),
        "soft_knowledge": losses.sums_where(begins, *sources),
        "soft_facts": losses.sums_where(head == FACTS_HEAD, *words),
    }


def choice_log_probs(outputs: Outputs) -> Any:
    """Log-probabilities of each word that is generated, and of each place that is copied: float32 [B, T, V + M].

    Without a copy head [B, T, V]. Of the places with the same word there are several: their sum is what is written.
    """
    words = ops.log_softmax(outputs.vocabulary_logits, axis=-1)
    if outputs.copy_gate is None:
        return words
    gate = outputs.copy_gate[..., None]
    copied = ops.log_sigmoid(gate) + ops.log(outputs.copy_attention + 1e-20)
    return ops.concatenate([ops.log_sigmoid(-gate) + words, copied], axis=-1)


def hidden_sums(maps: Mapping[str, list[Linear]], student: States, teacher: States, features: dict) -> tuple:
    """(Summed error, number of tokens, what is explained), float32 scalars: of all tokens that are read and written.

    At each token, the mean over the student's layers of |map(n(state)) - n(the teacher's)| ** 2 / D, where n takes away
    the mean of a state and divides by its deviation. A map that says nothing has an error of 1.
    """
    total, count = 0.0, 0.0
    for what, stack in _STACKS.items():
        mask = ops.cast(features[f"{what}_ids"] != 0, "float32")
        taught = teacher[what]
        places = mapped_layers(len(student[what]), len(taught))
        for one, state, place in zip(maps[stack], student[what], places, strict=True):
            wanted = ops.stop_gradient(_normalised(taught[place]))
            error = ops.mean(ops.square(one(_normalised(state)) - wanted), axis=-1)
            total = total + ops.sum(error * mask) / len(places)
        count = count + ops.sum(mask)
    return total, count, count - total


def _divergence(student: Any, teacher: Any, temperature: float) -> tuple[Any, Any]:
    """KL(teacher || student) of logits [..., N] that are divided by T, and whether both are highest at the same."""
    own = ops.log_softmax(student / temperature, axis=-1)
    given = ops.log_softmax(ops.stop_gradient(teacher) / temperature, axis=-1)
    nats = ops.sum(ops.exp(given) * (given - own), axis=-1)
    return nats, ops.argmax(student, axis=-1) == ops.argmax(teacher, axis=-1)


def _source_logits(outputs: Outputs) -> Any:
    """Log-probabilities of the sources, each at its first token alone: float32 [B, T, M]."""
    return ops.where(outputs.memory.first[:, None, :], outputs.source_log_probs, MASKED)


def _normalised(state: Any) -> Any:
    state = ops.cast(state, "float32")
    centred = state - ops.mean(state, axis=-1, keepdims=True)
    return centred * ops.rsqrt(ops.mean(ops.square(centred), axis=-1, keepdims=True) + EPSILON)
