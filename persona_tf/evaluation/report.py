"""From predictions to named metrics with intervals. Knows predictions, not the bots that made them.

| name | over | definition |
|---|---|---|
| reply_ppl, reply_word_ppl, reply_bits_per_byte | targets with a likelihood | see `perplexity.Perplexity` |
| reply_token_accuracy | the same, if known | tokens of the gold reply that are the likeliest, given those before |
| reply_<source>_gap | the same, if scored | nats a token more when persona, setting or history is another dialogue's |
| reply_<source>_missing_gap | the same | nats a token more when it is not there |
| reply_facts_<shown>_bits_per_byte | replies that draw on facts, if scored | when some facts alone are shown |
| reply_facts_found_gap | the same | nats a token more with those found than with gold ones |
| reply_facts_none_gap | the same | nats a token more with none than with those found |
| reply_f1, reply_exact | turns with a gold reply | see `metrics.f1`, `metrics.exact_match` |
| reply_bleu_4 | turns with a gold reply | see `bleu.bleu`: of each reply |
| reply_corpus_bleu | turns with a gold reply | see `corpus_bleu.CorpusBleu`: sacreBLEU's, of all replies |
| reply_rouge_1, _2, _L | turns with a gold reply | see `rouge.rouge` |
| reply_intra_distinct_1, _2 | turns with a gold reply | see `distinct.intra_distinct`, of what is generated |
| reply_inter_distinct_1, _2 | turns with a gold reply | see `distinct.InterDistinct`; without interval |
| reply_r1, reply_r5, reply_mrr | replies that were ranked | the true one is best, is among five best; 1 / its rank |
| reply_r1_per_token .. | the same | the same by nats a token in place of summed nats |
| action_accuracy, emote_accuracy | turns that have one | the chosen one is the gold one |
| action_accuracy_per_token | turns that have an action | the same, chosen by nats a token in place of summed nats |
| action_decision_f1, emote_decision_f1 | all, if any turn has one | F1 of the decision to act, to show one |
| knowledge_r1 | turns with known grounding, if the bot chooses | the chosen item is one of the gold items |
| reply_role_accuracy | replies whose speaker a classifier was asked for | it says: the own character, see `roles` |
| reply_role_own_accuracy | those whose gold reply draws on the own facts or name | the same |
| knowledge_f1 | turns with gold items | `metrics.f1` of the reply and the gold item's text, of several the best |
| leant_on_precision | turns with known grounding, if the bot leans | share of attention that lies on gold ones |
| leant_on_recall | the same | share of the n gold ones that are among the n most attended, see `attended.attended` |
| probe_<source>_accuracy | probes of that source | see `probes.probe_right` |
| probe_<source>_swapped_accuracy | those asked again with another value | the new value, not the old one or a decoy |
| probe_<source>_missing_accuracy | those asked again with nothing that tells it | still right: chance, or a leak |
| probe_<source>_leak | those asked again with another value | the reply still says the old value: less is better |
| facts_precision, facts_recall | facts written down of the turns, facts that they state | see `written_down.matched` |
| facts_f1 | both | 2 matched / (written down + stated) |
| facts_made_up | probes for which the bot lacks a fact of its own | it makes up what could answer (`_could_answer`) |
| facts_made_up_needlessly | all other probes | it makes something up: less is better |

A bot that never says anything has no figures of replies and probes, one that never chooses an action none of actions,
and so with emotes and items: it was not asked, or cannot. `notes` says what is left out and why.

A gap is over the replies that the change touches: none is of a setting where there is none. The history is what was
said before the turn that is answered; that one stays.

Of the facts of the persona a bot can be shown the ``gold`` ones that a reply draws on, those ``found`` for it by a
retriever, or ``none``.

``count`` is the number of targets. A resample of dialogues holds some twice, which makes its n-grams less
distinct than those of the true sample, so that an interval of inter-distinct would lie beside its value.
"""

import dataclasses
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from persona_tf.episode import Probe
from persona_tf.evaluation.metrics.attended import attended
from persona_tf.evaluation.metrics.bleu import bleu
from persona_tf.evaluation.metrics.bootstrap import Floats, bootstrap, interval
from persona_tf.evaluation.metrics.corpus_bleu import CorpusBleu
from persona_tf.evaluation.metrics.distinct import InterDistinct, intra_distinct
from persona_tf.evaluation.metrics.probes import holds, leaks, probe_right
from persona_tf.evaluation.metrics.ranking import gold_indices, gold_rank
from persona_tf.evaluation.metrics.rouge import rouge
from persona_tf.evaluation.metrics.words import exact_match, f1
from persona_tf.evaluation.metrics.written_down import matched
from persona_tf.evaluation.prediction_file import CHANGES, SHOWN, ScoredTarget

Metrics = dict[str, dict[str, float]]
"""Name to ``value``, ``count`` and, where there is an interval, ``low`` and ``high``."""

FACTS_SHOWN = {shown: f"reply_{shown}_bits_per_byte" for shown in SHOWN}
"""What is shown to the name of what a reply costs then."""

_SCALES: dict[str, Callable[[Floats], Floats]] = {
    **dict.fromkeys(("reply_ppl", "reply_word_ppl", "generated_ppl"), np.exp),
    **dict.fromkeys(("reply_bits_per_byte", *FACTS_SHOWN.values()), lambda nats: nats / math.log(2)),
}

_BEFORE = {"facts_found": "facts_gold", "facts_none": "facts_found"}
"""Change to what it is compared with, where that is another change."""

GAPS = {change: f"reply_{change}_gap".replace("_shuffled", "") for change in (*CHANGES, *_BEFORE)}
"""Change to the name of what it costs."""

_LIKELIHOODS = (
    "reply_ppl",
    "reply_word_ppl",
    "reply_bits_per_byte",
    "reply_token_accuracy",
    *FACTS_SHOWN.values(),
    *GAPS.values(),
)

_RANKS = tuple(f"reply_{part}{ending}" for ending in ("", "_per_token") for part in ("r1", "r5", "mrr"))

ROLES = ("reply_role_accuracy", "reply_role_own_accuracy")
"""Of who would say a reply; only where a classifier was asked."""

_OWN = ("persona/", "self_name/")

_ANSWERABLE = Probe.SOURCES[:3]

FACTS = ("facts_precision", "facts_recall", "facts_f1", "facts_made_up", "facts_made_up_needlessly")
"""Of what is written down; only of bots that write facts."""

NAMES = (
    *_LIKELIHOODS,
    "reply_f1",
    "reply_exact",
    "reply_bleu_4",
    "reply_corpus_bleu",
    "reply_rouge_1",
    "reply_rouge_2",
    "reply_rouge_L",
    "reply_intra_distinct_1",
    "reply_intra_distinct_2",
    "reply_inter_distinct_1",
    "reply_inter_distinct_2",
    *_RANKS,
    "action_accuracy",
    "action_accuracy_per_token",
    "action_decision_f1",
    "emote_accuracy",
    "emote_decision_f1",
    *ROLES,
    "knowledge_r1",
    "knowledge_f1",
    "leant_on_precision",
    "leant_on_recall",
    *(f"probe_{source}_accuracy" for source in Probe.SOURCES),
    *(f"probe_{source}_{kind}" for kind in ("swapped_accuracy", "missing_accuracy", "leak") for source in _ANSWERABLE),
    *FACTS,
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
      bootstrap_samples: 0 leaves the intervals out; so does a metric that a single dialogue has.
      seed: of the bootstrap.

    Returns:
      Name to ``{"value", "count"}`` and, where there is an interval, ``"low"`` and ``"high"``; in the order
      of `NAMES`. A name is there only where something was counted.
    """
    listed = list(targets)
    metrics = ratios(episode_sums(listed), bootstrap_samples, seed)
    if _says_anything(listed):
        metrics |= {**_corpus_bleu(listed, bootstrap_samples, seed), **_inter_distinct(listed)}
    return {name: metrics[name] for name in NAMES if name in metrics}


def episode_sums(targets: Sequence[ScoredTarget]) -> EpisodeSums:
    """Adds up by dialogue what `report` and paired comparisons divide."""
    applies = _applies(targets)
    parts = ((t.episode, part) for t in targets for part in _contributions(t))
    return added_up(NAMES, (t.episode for t in targets), (p for p in parts if applies(p[1][0])))


def added_up(
    names: Sequence[str], episodes: Iterable[str], parts: Iterable[tuple[str, tuple[str, float, float]]]
) -> EpisodeSums:
    """Adds up by dialogue.

    Args:
      names: the metrics, in order; those without a denominator are left out.
      episodes: of all targets, so that a dialogue that adds nothing is there too.
      parts: (dialogue, (metric, what is added to the numerator, what is added to the denominator)).
    """
    rows = {episode: i for i, episode in enumerate(dict.fromkeys(episodes))}
    columns = {name: m for m, name in enumerate(names)}
    numerators, denominators = np.zeros((2, len(rows), len(columns)))
    counts = [0] * len(columns)
    for episode, (name, numerator, denominator) in parts:
        at = rows[episode], columns[name]
        numerators[at] += numerator
        denominators[at] += denominator
        counts[columns[name]] += 1
    kept = [m for m in columns.values() if denominators[:, m].sum() > 0]
    sums = numerators[:, kept], denominators[:, kept]
    return EpisodeSums(tuple(rows), tuple(names[m] for m in kept), *sums, tuple(counts[m] for m in kept))


def ratios(sums: EpisodeSums, samples: int, seed: int) -> Metrics:
    """The value of each metric of ``sums``, its interval where ``samples`` is not 0 and several dialogues have it."""
    if not sums.names:
        return {}
    values = sums.numerators.sum(0) / sums.denominators.sum(0)
    metrics: Metrics = {
        name: {"value": float(scaled(name, values[m])), "count": sums.counts[m]} for m, name in enumerate(sums.names)
    }
    several = (sums.denominators > 0).sum(0) > 1
    numbers = [m for m in range(len(sums.names)) if several[m] and not np.isnan(values[m])]
    if samples and numbers:
        low, high = interval(bootstrap(sums.numerators[:, numbers], sums.denominators[:, numbers], samples, seed))
        for i, m in enumerate(numbers):
            name = sums.names[m]
            metrics[name] |= {"low": float(scaled(name, low[i])), "high": float(scaled(name, high[i]))}
    return metrics


def scaled(name: str, ratio: Floats) -> Floats:
    """A ratio of sums in the unit of metric ``name``: exp of nats a token for a perplexity, for example."""
    with np.errstate(over="ignore"):
        return _SCALES[name](ratio) if name in _SCALES else ratio


def _applies(targets: Sequence[ScoredTarget]) -> Callable[[str], bool]:
    """Whether the bot does at all what a metric of that name is about."""
    says, swaps = _says_anything(targets), any(t.swapped and t.swapped.reply for t in targets)
    acts = any(t.action or t.action_generated for t in targets)
    shows = any(t.emote or t.emote_generated for t in targets)
    known = {
        "action_accuracy": any(t.action for t in targets),
        "action_accuracy_per_token": any(t.action_per_token for t in targets),
        "action_decision_f1": acts and any(t.gold_action for t in targets),
        "emote_accuracy": any(t.emote for t in targets),
        "emote_decision_f1": shows and any(t.gold_emote for t in targets),
        "knowledge_r1": any(t.knowledge_chosen for t in targets),
        **dict.fromkeys(("leant_on_precision", "leant_on_recall"), any(t.leant_on for t in targets)),
        **dict.fromkeys(ROLES, says and any(t.said_by for t in targets)),
        **dict.fromkeys(FACTS[:3], any(t.facts for t in targets)),
        **{f"probe_{source}_{kind}": swaps for source in _ANSWERABLE for kind in ("swapped_accuracy", "leak")},
        **dict.fromkeys((*_LIKELIHOODS, *_RANKS, *FACTS[3:]), True),
    }
    return lambda name: known.get(name, says)


def _says_anything(targets: Sequence[ScoredTarget]) -> bool:
    return any(t.reply.strip() for t in targets)


def _corpus_bleu(targets: Sequence[ScoredTarget], samples: int, seed: int) -> Metrics:
    """With the resamples of `ratios`: BLEU of the sums is that of the means."""
    pairs: dict[str, list[ScoredTarget]] = {t.episode: [] for t in targets}
    for target in targets:
        if target.gold_reply:
            pairs[target.episode].append(target)
    parts = [CorpusBleu.of([t.reply for t in of], [t.gold_reply for t in of]) for of in pairs.values()]
    whole, count = sum(parts, CorpusBleu()), sum(map(len, pairs.values()))
    if not count:
        return {}
    metric: dict[str, float] = {"value": whole.value, "count": count}
    if samples and sum(map(bool, pairs.values())) > 1:
        rows = np.array([part.row() for part in parts], np.float64)
        sums = np.rint(len(rows) * bootstrap(rows, np.ones_like(rows), samples, seed)).astype(int).tolist()
        low, high = interval([CorpusBleu.from_row(row).value for row in sums])
        metric |= {"low": float(low), "high": float(high)}
    return {"reply_corpus_bleu": metric}


def _inter_distinct(targets: Sequence[ScoredTarget]) -> Metrics:
    replies = [t.reply for t in targets if t.gold_reply]
    values = {f"reply_inter_distinct_{n}": InterDistinct.of(replies, n) for n in (1, 2)}
    return {name: {"value": d.value, "count": len(replies)} for name, d in values.items() if d.counts}


def _contributions(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    """Yields (name, what is added to the numerator, what is added to the denominator)."""
    yield from _likelihood(target)
    yield from _reply(target)
    yield from _ranking(target)
    yield from _choices(target)
    yield from _knowledge(target)
    yield from _probe(target)
    yield from _facts(target)


def _likelihood(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    if target.reply_tokens:
        yield "reply_ppl", target.reply_nats, target.reply_tokens
        yield "reply_word_ppl", target.reply_nats, target.reply_words
        yield "reply_bits_per_byte", target.reply_nats, target.reply_bytes
        if target.reply_right is not None:
            yield "reply_token_accuracy", target.reply_right, target.reply_tokens
        costs = {"": target.reply_nats, **target.changed_nats}
        for change, nats in target.changed_nats.items():
            if change in FACTS_SHOWN:
                yield FACTS_SHOWN[change], nats, target.reply_bytes
            if change in GAPS and (before := _BEFORE.get(change, "")) in costs:
                yield GAPS[change], nats - costs[before], target.reply_tokens


def _reply(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    if target.gold_reply:
        yield "reply_f1", f1(target.reply, target.gold_reply), 1
        yield "reply_exact", exact_match(target.reply, target.gold_reply), 1
        yield "reply_bleu_4", bleu(target.reply, target.gold_reply, k=4), 1
        for kind, value in rouge(target.reply, target.gold_reply).items():
            yield f"reply_rouge_{kind}", value, 1
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
        yield "action_accuracy_per_token", target.action_per_token == target.gold_action, 1
    if target.action_generated is not None:
        yield "action_decision_f1", *_decision(target.action_generated, target.gold_action)
    if target.gold_emote:
        yield "emote_accuracy", target.emote == target.gold_emote, 1
    shown = target.emote if target.emote_generated is None else target.emote_generated
    yield "emote_decision_f1", *_decision(shown, target.gold_emote)


def _knowledge(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    if target.said_by or target.gold_said_by:
        yield "reply_role_accuracy", target.said_by == "self", 1
        if any(key.startswith(_OWN) for key in target.knowledge_gold):
            yield "reply_role_own_accuracy", target.said_by == "self", 1
    if target.knowledge_texts:
        yield "knowledge_f1", f1(target.reply, *target.knowledge_texts), 1
    if target.knowledge_gold:
        yield "knowledge_r1", target.knowledge_chosen in target.knowledge_gold, 1
        precision, recall = attended(target.leant_on, target.knowledge_gold)
        yield "leant_on_precision", precision, 1
        yield "leant_on_recall", recall, 1


def _decision(decided: str, gold: str) -> tuple[int, int]:
    """F1 = 2 tp / (2 tp + fp + fn); tp, fp and fn of one target."""
    return 2 * bool(decided and gold), bool(decided) + bool(gold)


def _probe(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    if target.source not in Probe.SOURCES:
        return
    yield f"probe_{target.source}_accuracy", probe_right(target.reply, target.right_value, target.decoys), 1
    value = target.right_value
    if target.missing is not None and value:
        yield f"probe_{target.source}_missing_accuracy", probe_right(target.missing, value, target.decoys), 1
    if target.swapped is not None and value:
        swapped = target.swapped
        wrong = (*target.decoys, swapped.old_value)
        right = probe_right(swapped.reply, swapped.value, wrong)
        yield f"probe_{target.source}_swapped_accuracy", right, 1
        yield f"probe_{target.source}_leak", leaks(swapped.reply, swapped.old_value, swapped.value), 1


def _facts(target: ScoredTarget) -> Iterator[tuple[str, float, float]]:
    written, stated = len(set(target.facts)), len(set(target.facts_gold))
    if written or stated:
        right = matched(target.facts, target.facts_gold)
        yield "facts_precision", right, written
        yield "facts_recall", right, stated
        yield "facts_f1", 2 * right, written + stated
    if target.made_up is not None and target.made_up_gold:
        yield "facts_made_up", _could_answer(target.made_up, target.made_up_gold, target.decoys), 1
    elif target.made_up is not None:
        yield "facts_made_up_needlessly", bool(target.made_up), 1


def _could_answer(made_up: str, gold: str, values: Sequence[str]) -> bool:
    """Whether it holds one of the known values of the right type, or another word in the place of the gold one's."""
    if any(holds(made_up, value) for value in values):
        return True
    value = max((value for value in values if value in gold), key=len, default="")
    before, _, after = gold.partition(value) if value else ("", "", "")
    return bool(value) and re.fullmatch(re.escape(before) + "(.+)" + re.escape(after), made_up) is not None
