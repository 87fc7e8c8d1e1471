"""What a table has to say beside its figures: how some were computed, what is not there, and why. Knows predictions."""

import math
from collections.abc import Sequence

from persona_tf.episode import Probe
from persona_tf.evaluation.metrics.corpus_bleu import bleu_signature
from persona_tf.evaluation.metrics.rouge import rouge_signature
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.report import FACTS, FACTS_SHOWN, GAPS, NAMES, Metrics

_NEEDS = {
    "reply_ppl": "no reply_nats and reply_tokens",
    "reply_word_ppl": "no reply_nats and reply_words",
    "reply_bits_per_byte": "no reply_nats and reply_bytes",
    "reply_token_accuracy": "no reply_right",
    **dict.fromkeys((*FACTS_SHOWN.values(), *GAPS.values()), "no such changed_nats"),
    **dict.fromkeys((name for name in NAMES if name.startswith(("reply_r1", "reply_r5", "reply_mrr"))), "not ranked"),
    "knowledge_r1": "no knowledge_gold or no knowledge_chosen",
    "reply_role_accuracy": "no said_by",
    "reply_role_own_accuracy": "no said_by, or no knowledge_gold of the own persona",
    "knowledge_f1": "no knowledge_texts",
    **dict.fromkeys(FACTS, "the bot writes no facts, or none was stated"),
    **dict.fromkeys(("leant_on_precision", "leant_on_recall"), "no knowledge_gold or no leant_on"),
}
"""What is missing where such a metric is: fields of the predictions. Of the others see `_reason`."""


def notes(targets: Sequence[ScoredTarget], metrics: Metrics) -> tuple[str, ...]:
    """Lines to stand below the table of ``metrics``, which is the report on ``targets``.

    They name the libraries' signatures, how many candidates were ranked, how many probes were asked again without what
    tells the answer, the metrics that do not apply and why, those that are no number, how many replies are empty, and
    why there are no intervals.
    """
    found = [*_signatures(metrics), *_candidates(targets), *_asked_again(targets)]
    found += [*_absent(targets, metrics), *_no_number(targets, metrics)]
    found += _not_scored(targets)
    empty = sum(not target.reply.strip() for target in targets)
    if empty:
        found.append(f"Empty replies: {_of(empty, len(targets))}.")
    if len({target.episode for target in targets}) == 1:
        found.append("One dialogue: there is nothing to draw intervals from.")
    return tuple(found)


def _signatures(metrics: Metrics) -> list[str]:
    found = []
    if "reply_corpus_bleu" in metrics:
        found.append(f"reply_corpus_bleu: sacreBLEU {bleu_signature()}")
    if "reply_rouge_1" in metrics:
        found.append(f"reply_rouge: {rouge_signature()}")
    return found


def _candidates(targets: Sequence[ScoredTarget]) -> list[str]:
    counts = {len(target.ranked.candidates) for target in targets if target.ranked}
    if not counts:
        return []
    least, most = min(counts), max(counts)
    return [f"reply_r1, reply_r5, reply_mrr: among {most} candidates{f', or as few as {least}' * (least < most)}."]


def _asked_again(targets: Sequence[ScoredTarget]) -> list[str]:
    """How many probes of each source have an answer without what tells it."""
    counts = []
    for source in Probe.SOURCES:
        asked = [target for target in targets if target.source == source]
        again = sum(target.missing is not None for target in asked)
        if again:
            counts.append(f"{source} {_of(again, len(asked))}")
    return [f"missing: probes asked again without all that tells the answer: {', '.join(counts)}."] if counts else []


def _absent(targets: Sequence[ScoredTarget], metrics: Metrics) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for name in NAMES:
        if name not in metrics:
            reasons.setdefault(_reason(name, targets), []).append(name)
    why = "; ".join(f"{', '.join(names)} ({reason})" for reason, names in reasons.items())
    return [f"Does not apply: {why}."] if why else []


def _reason(name: str, targets: Sequence[ScoredTarget]) -> str:
    if not targets:
        return "no targets"
    kind, gold = name.partition("_")[0], f"gold_{name.partition('_')[0]}"
    if name.startswith(("action", "emote")):
        if not any(getattr(target, gold) for target in targets):
            return f"no {gold}"
        needs = {"action_decision_f1": "action_generated", "action_accuracy_per_token": "action_per_token"}
        chooses = kind == "action" and any(target.action for target in targets)
        return f"no {needs[name]}" if chooses else f"the bot chooses no {kind}"
    silent = not any(target.reply.strip() for target in targets)
    if name == "knowledge_f1" and silent and any(target.knowledge_texts for target in targets):
        return "all replies are empty"
    if name in _NEEDS:
        return _NEEDS[name]
    if kind == "probe":
        asked = [target for target in targets if name.startswith(f"probe_{target.source}_")]
        if not asked:
            return "no such probes"
        if name.endswith("missing_accuracy") and all(target.missing is None for target in asked):
            return "none was asked again without what tells it"
        if name.endswith(("swapped_accuracy", "leak")) and all(target.swapped is None for target in asked):
            return "none was asked again with another value"
    if kind == "reply" and not any(target.gold_reply for target in targets):
        return "no gold_reply"
    return "all replies are empty" if silent else "no reply has so many words"


def _no_number(targets: Sequence[ScoredTarget], metrics: Metrics) -> list[str]:
    names = [name for name, metric in metrics.items() if math.isnan(metric["value"])]
    if not names:
        return []
    numbers = [(target.id, (target.reply_nats, *target.changed_nats.values())) for target in targets]
    guilty = [name for name, nats in numbers if any(map(math.isnan, nats))]
    where = f": of {_of(len(guilty), len(targets))} targets, first {guilty[0]!r}" if guilty else ""
    return [f"No number: {', '.join(names)}. The nats are none{where}; has the model diverged?"]


def _not_scored(targets: Sequence[ScoredTarget]) -> list[str]:
    """How many gold replies have no likelihood, where others have one."""
    known = [target.reply_tokens > 0 for target in targets if target.gold_reply]
    if all(known) or not any(known):
        return []
    return [f"Likelihoods: without {_of(known.count(False), len(known))} gold replies, too long or not scored."]


def _of(some: int, everything: int) -> str:
    return f"all {everything:,}" if some == everything else f"{some:,} of {everything:,}"
