"""From predictions to named metrics with intervals. Knows predictions, not the bots that made them.

| name | over | definition |
|---|---|---|
| reply_ppl, reply_word_ppl, reply_bits_per_byte | targets with a likelihood | see `perplexity.Perplexity` |
| reply_persona_gap | the same, if scored | nats a token that another dialogue's persona costs |
| reply_f1, reply_bleu_4 | turns with a gold reply | see `metrics.f1`, `bleu.bleu` |
| reply_intra_distinct_1, _2 | turns with a gold reply | see `distinct.intra_distinct`, of what is generated |
| reply_inter_distinct_2 | turns with a gold reply | see `distinct.InterDistinct`; without interval |
| reply_r1, reply_r5, reply_mrr | replies that were ranked | the true one is best, is among five best; 1 / its rank |
| reply_r1_per_token .. | the same | the same by nats a token in place of summed nats |
| action_accuracy, emote_accuracy | turns that have one | the chosen one is the gold one |
| action_decision_f1, emote_decision_f1 | all, if any turn has one | F1 of the decision to act, to show one |
| knowledge_r1 | turns with known grounding, if the bot chooses | the chosen item is one of the gold items |
| probe_<source>_accuracy | probes of that source | see `probes.probe_right` |
| probe_persona_swapped_accuracy | persona probes asked again | the new value, not the old one or a decoy |
| probe_persona_leak | persona probes asked again | the reply still says the old value: less is better |

``count`` is the number of targets. A resample of dialogues holds some twice, which makes its n-grams less
distinct than those of the true sample, so that an interval of inter-distinct would lie beside its value.
"""

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from persona_tf.episode import Probe
from persona_tf.evaluation.bleu import bleu
from persona_tf.evaluation.bootstrap import Floats, bootstrap, interval
from persona_tf.evaluation.distinct import InterDistinct, intra_distinct
from persona_tf.evaluation.metrics import f1
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.probes import leaks, probe_right
from persona_tf.evaluation.ranking import gold_indices, gold_rank

Metrics = dict[str, dict[str, float]]
"""Name to ``value``, ``count`` and, where there is an interval, ``low`` and ``high``."""

_SCALES: dict[str, Callable[[Floats], Floats]] = {
    "reply_ppl": np.exp,
    "reply_word_ppl": np.exp,
    "reply_bits_per_byte": lambda nats: nats / math.log(2),
}

NAMES = (
    "reply_ppl",
    "reply_word_ppl",
    "reply_bits_per_byte",
    "reply_persona_gap",
    "reply_f1",
    "reply_bleu_4",
    "reply_intra_distinct_1",
    "reply_intra_distinct_2",
    "reply_inter_distinct_2",
    "reply_r1",
    "reply_r5",
    "reply_mrr",
    "reply_r1_per_token",
    "reply_r5_per_token",
    "reply_mrr_per_token",
    "action_accuracy",
    "action_decision_f1",
    "emote_accuracy",
    "emote_decision_f1",
    "knowledge_r1",
    "probe_persona_accuracy",
    "probe_setting_accuracy",
    "probe_history_accuracy",
    "probe_unanswerable_accuracy",
    "probe_persona_swapped_accuracy",
    "probe_persona_leak",
)
"""All that a report may hold, in the order of its tables."""


@dataclasses.dataclass(frozen=True)
class EpisodeSums:
    """What each of E dialogues adds to the numerator and denominator of each of M metrics, both [E, M].

    ``counts`` [M] are targets. The value of a metric is the ratio of its summed numerators and denominators,
    then `scaled`.
    """

    episodes: tuple[str, ...]
    names: tuple[str, ...]
    numerators: Floats
    denominators: Floats
    counts: tuple[int, ...]


def report(targets: Iterable[ScoredTarget], bootstrap_samples: int = 1000, seed: int = 0) -> Metrics:
    """All metrics that apply to ``targets``, with 95 % bootstrap intervals over dialogues.

    Args:
      targets: the predictions on one split.
      bootstrap_samples: 0 leaves the intervals out; so does a single dialogue.
      seed: of the bootstrap.

    Returns:
      Name to ``{"value", "count"}`` and, where there is an interval, ``"low"`` and ``"high"``; in the order
      of `NAMES`. A name is there only where something was counted.
    """
    listed = list(targets)
    sums = episode_sums(listed)
    metrics = {**_ratios(sums, bootstrap_samples, seed), **_inter_distinct(listed)}
    return {name: metrics[name] for name in NAMES if name in metrics}


def episode_sums(targets: Sequence[ScoredTarget]) -> EpisodeSums:
    """Adds up by dialogue what `report` and paired comparisons divide."""
    rows = {episode: i for i, episode in enumerate(dict.fromkeys(t.episode for t in targets))}
    columns = {name: m for m, name in enumerate(NAMES)}
    numerators, denominators = np.zeros((2, len(rows), len(columns)))
    counts = [0] * len(columns)
    for target in targets:
        for name, numerator, denominator in _contributions(target):
            at = rows[target.episode], columns[name]
            numerators[at] += numerator
            denominators[at] += denominator
            counts[columns[name]] += 1
    applies = _applies(targets)
    kept = [m for name, m in columns.items() if applies.get(name, True) and denominators[:, m].sum() > 0]
    names = tuple(NAMES[m] for m in kept)
    sums = numerators[:, kept], denominators[:, kept]
    return EpisodeSums(tuple(rows), names, *sums, tuple(counts[m] for m in kept))


def scaled(name: str, ratio: Floats) -> Floats:
    """A ratio of sums in the unit of metric ``name``: exp of nats a token for a perplexity, for example."""
    with np.errstate(over="ignore"):
        return _SCALES[name](ratio) if name in _SCALES else ratio


def _applies(targets: Sequence[ScoredTarget]) -> dict[str, bool]:
    return {
        "action_decision_f1": any(t.gold_action for t in targets),
        "emote_decision_f1": any(t.gold_emote for t in targets),
        "knowledge_r1": any(t.knowledge_chosen for t in targets),
    }


def _ratios(sums: EpisodeSums, samples: int, seed: int) -> Metrics:
    if not sums.names:
        return {}
    values = sums.numerators.sum(0) / sums.denominators.sum(0)
    metrics: Metrics = {
        name: {"value": float(scaled(name, values[m])), "count": sums.counts[m]} for m, name in enumerate(sums.names)
    }
    if samples and len(sums.episodes) > 1:
        bounds = interval(bootstrap(sums.numerators, sums.denominators, samples, seed))
        for m, name in enumerate(sums.names):
            low, high = (float(scaled(name, bound[m])) for bound in bounds)
            metrics[name] |= {"low": low, "high": high}
    return metrics


def _inter_distinct(targets: Sequence[ScoredTarget]) -> Metrics:
    replies = [t.reply for t in targets if t.gold_reply]
    if not replies:
        return {}
    return {"reply_inter_distinct_2": {"value": InterDistinct.of(replies, 2).value, "count": len(replies)}}


def _contributions(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    """Yields (name, what is added to the numerator, what is added to the denominator)."""
    yield from _likelihood(target)
    yield from _reply(target)
    yield from _ranking(target)
    yield from _choices(target)
    yield from _probe(target)


def _likelihood(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    if target.reply_tokens:
        yield "reply_ppl", target.reply_nats, target.reply_tokens
        yield "reply_word_ppl", target.reply_nats, target.reply_words
        yield "reply_bits_per_byte", target.reply_nats, target.reply_bytes
        if target.shuffled_persona_nats is not None:
            yield "reply_persona_gap", target.shuffled_persona_nats - target.reply_nats, target.reply_tokens


def _reply(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    if target.gold_reply:
        yield "reply_f1", f1(target.reply, target.gold_reply), 1
        yield "reply_bleu_4", bleu(target.reply, target.gold_reply, k=4), 1
        yield "reply_intra_distinct_1", intra_distinct(target.reply, 1), 1
        yield "reply_intra_distinct_2", intra_distinct(target.reply, 2), 1


def _ranking(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    ranked = target.ranked
    if ranked is None:
        return
    gold = gold_indices(ranked.candidates, target.gold_reply)
    for ending, scores in (
        ("", [-nats for nats in ranked.nats]),
        ("_per_token", [-nats / max(count, 1) for nats, count in zip(ranked.nats, ranked.tokens, strict=True)]),
    ):
        rank = gold_rank(scores, gold)
        yield f"reply_r1{ending}", rank <= 1, 1
        yield f"reply_r5{ending}", rank <= 5, 1
        yield f"reply_mrr{ending}", 1 / rank, 1


def _choices(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    if target.gold_action:
        yield "action_accuracy", target.action == target.gold_action, 1
    yield "action_decision_f1", *_decision(target.action_generated, target.gold_action)
    if target.gold_emote:
        yield "emote_accuracy", target.emote == target.gold_emote, 1
    shown = target.emote if target.emote_generated is None else target.emote_generated
    yield "emote_decision_f1", *_decision(shown, target.gold_emote)
    if target.knowledge_gold:
        yield "knowledge_r1", target.knowledge_chosen in target.knowledge_gold, 1


def _decision(decided: str, gold: str) -> tuple[int, int]:
    """F1 = 2 tp / (2 tp + fp + fn); tp, fp and fn of one target."""
    return 2 * bool(decided and gold), bool(decided) + bool(gold)


def _probe(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    if target.source not in Probe.SOURCES:
        return
    value = "" if target.source == "unanswerable" else target.value
    yield f"probe_{target.source}_accuracy", probe_right(target.reply, value, target.decoys), 1
    if target.source == "persona" and target.swapped is not None:
        swapped = target.swapped
        wrong = (*target.decoys, swapped.old_value)
        right = probe_right(swapped.reply, swapped.value, wrong)
        yield "probe_persona_swapped_accuracy", right, 1
        yield "probe_persona_leak", leaks(swapped.reply, swapped.old_value, swapped.value), 1
