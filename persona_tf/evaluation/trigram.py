"""The n-gram baseline of a run: a Kneser-Ney trigram over the pieces of the training dialogues' turns."""

from collections.abc import Iterable, Sequence

from persona_tf.episode import Episode
from persona_tf.evaluation.baselines import likelihood_baseline
from persona_tf.evaluation.metrics.kneser_ney import KneserNey
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.report import Metrics
from persona_tf.text.tokenizer import Tokenizer


def train_trigram(train: Iterable[Episode], tokenizer: Tokenizer) -> KneserNey:
    """A trigram of all that both speakers say in training.

    It has the bot's own vocabulary, closed, and is told the end of each turn.
    """
    spoken = [turn.speech for episode in train for turn in episode.turns if turn.speech]
    return KneserNey.train(tokenizer.encode(spoken), vocabulary=range(tokenizer.size))


def trigram_baseline(targets: Sequence[ScoredTarget], model: KneserNey, tokenizer: Tokenizer) -> Metrics:
    """Perplexities of the gold replies under a trigram, see `train_trigram`."""
    replies = tokenizer.encode([target.gold_reply for target in targets])
    nats = [model.nats(reply) for reply in replies]
    return likelihood_baseline(targets, nats, [len(reply) + 1 for reply in replies])
