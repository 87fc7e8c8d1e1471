"""What bots without a model would score on the same targets: the figures beside which others can be read.

``random``    says a random item or turn; acts, shows, ranks, chooses and leans at random, and acts on a coin's toss
``majority``  says, does and shows what the training split does most
``repeat``    says what the partner just said, and ranks first what is most like it
``overlap``   says the item or turn that shares most words with what the partner just said; chooses and leans
              likewise, and ranks first what is most like an item

``random`` leans on all that could be read by shares drawn evenly, so that it has the precision of a bot that leans on
everything alike, and the recall of one that draws lots.

None of them has a likelihood; an n-gram model (`kneser_ney`) is the baseline of perplexity, see
`likelihood_baseline`.
"""

import dataclasses
import functools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from persona_tf.episode import EMOTES, Episode
from persona_tf.evaluation.candidates import Ranked
from persona_tf.evaluation.metrics.words import normalise
from persona_tf.evaluation.prediction_file import SHOWN, ScoredTarget, Swapped
from persona_tf.evaluation.report import FACTS_SHOWN, Metrics, report

Item = tuple[str, str]
"""Key and text of a knowledge item."""

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Context:
    """What a bot may read before it answers one target.

    ``swapped_items`` and ``swapped_history`` are what could be read with the counterfactual in place; () when there is
    none. ``missing`` are the texts that are left when all that tells the answer is taken away. ``history_turns`` are
    the numbers in the episode of the turns of ``history``.
    """

    items: tuple[Item, ...] = ()
    history: tuple[str, ...] = ()
    last_partner_speech: str = ""
    swapped_items: tuple[Item, ...] = ()
    history_turns: tuple[int, ...] = ()
    swapped_history: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class TrainingCounts:
    """How often each reply, action, emote and grounding key is a target of the training split.

    In ``replies``, ``actions`` and ``emotes`` "" counts the turns without one.
    """

    replies: Mapping[str, int] = dataclasses.field(default_factory=dict)
    actions: Mapping[str, int] = dataclasses.field(default_factory=dict)
    emotes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    keys: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, episodes: Iterable[Episode]) -> "TrainingCounts":
        """Counts the turns of the learners."""
        turns = [turn for e in episodes for turn in e.turns if turn.speaker in e.learners]
        return cls(
            Counter(turn.speech for turn in turns),
            Counter(turn.action for turn in turns),
            Counter(turn.emote for turn in turns),
            Counter(key for turn in turns for key in turn.grounding),
        )

    @functools.cached_property
    def most_frequent(self) -> tuple[str, str, str]:
        """The most frequent reply, action and emote."""
        return _most_frequent(self.replies), _most_frequent(self.actions), _most_frequent(self.emotes)

    @functools.cached_property
    def action_frequency(self) -> Callable[[str], tuple[int, int]]:
        """Orders actions by their own frequency, then by their verb's: many objects are in one place only."""
        verbs: Counter[str] = Counter()
        for action, count in self.actions.items():
            verbs[action.split(" ")[0]] += count
        return lambda action: (self.actions.get(action, 0), verbs[action.split(" ")[0]])


def baselines(
    targets: Sequence[ScoredTarget], contexts: Sequence[Context], counts: TrainingCounts, seed: int = 0
) -> dict[str, Metrics]:
    """The metrics of every baseline, without intervals.

    Args:
      targets: the targets that the bot answered; only gold fields and what was asked are read.
      contexts: one a target.
      counts: of the training split.
      seed: of random answers and of ties.

    Raises:
      ValueError: the numbers of targets and contexts differ.
    """
    if len(targets) != len(contexts):
        raise ValueError(f"baselines: expected a context a target, got {len(contexts)} for {len(targets)}")
    answers: dict[str, Callable[[ScoredTarget, Context, random.Random], ScoredTarget]] = {
        "random": _random,
        "majority": functools.partial(_majority, counts=counts),
        "repeat": _repeat,
        "overlap": _overlap,
    }
    return {
        name: _scored(name, [answer(_bare(t), c, _rng(seed, t)) for t, c in zip(targets, contexts, strict=True)])
        for name, answer in answers.items()
    }


def likelihood_baseline(targets: Sequence[ScoredTarget], nats: Sequence[float], tokens: Sequence[int]) -> Metrics:
    """Perplexities of another model, such as an n-gram model, that reads no facts, on the same gold replies.

    Args:
      targets: the targets; their words and bytes are taken.
      nats: of each gold reply, END counted; targets without a likelihood are left out.
      tokens: of each gold reply, END counted.

    Raises:
      ValueError: the lengths differ.
    """
    if not len(targets) == len(nats) == len(tokens):
        raise ValueError(f"likelihood_baseline: got {len(targets)} targets, {len(nats)} nats, {len(tokens)} tokens")
    rows = [
        dataclasses.replace(
            t, reply_nats=n, reply_tokens=count, changed_nats=dict.fromkeys(t.changed_nats.keys() & SHOWN, n)
        )
        for t, n, count in zip(targets, nats, tokens, strict=True)
        if t.reply_tokens
    ]
    names = ("reply_ppl", "reply_word_ppl", "reply_bits_per_byte", *FACTS_SHOWN.values())
    return {name: value for name, value in report(rows, bootstrap_samples=0).items() if name in names}


_PREFIXES = {
    "random": ("",),
    "majority": ("",),
    "repeat": ("reply_", "probe_", "knowledge_f1"),
    "overlap": ("reply_", "probe_", "action_accuracy", "knowledge_", "leant_on_"),
}
"""Beginnings of the names that each baseline has an answer for."""


def _scored(name: str, targets: Sequence[ScoredTarget]) -> Metrics:
    metrics = report(targets, bootstrap_samples=0)
    return {metric: value for metric, value in metrics.items() if metric.startswith(_PREFIXES[name])}


def _rng(seed: int, target: ScoredTarget) -> random.Random:
    """Seeded by the target, so that its answer does not depend on the others."""
    return random.Random(f"{seed}/{target.id}")


def _bare(target: ScoredTarget) -> ScoredTarget:
    """The target without what the bot said to it."""
    return dataclasses.replace(
        target,
        reply="",
        action="",
        action_generated=None,
        emote="",
        emote_generated=None,
        reply_nats=0.0,
        reply_tokens=0,
        action_per_token="",
        knowledge_chosen="",
        said_by="",
        gold_said_by="",
        changed_nats={},
        leant_on={},
        facts_gold=(),
        facts=(),
        made_up=None,
    )


def _random(target: ScoredTarget, context: Context, rng: random.Random) -> ScoredTarget:
    action = _draw(target.available_actions, rng)
    emote = rng.choice(EMOTES)
    return dataclasses.replace(
        target,
        reply=_draw(_texts(context, context.items), rng),
        action=action,
        action_generated=rng.choice(("", action)),
        emote=emote,
        emote_generated=rng.choice(("", emote)),
        knowledge_chosen=_draw([key for key, _ in context.items], rng),
        ranked=_ranked(target, lambda candidate: rng.random()),
        swapped=_swapped(target, context, lambda texts: _draw(texts, rng)),
        missing=_missing(target, context, lambda texts: _draw(texts, rng)),
        leant_on=_shares({key: rng.expovariate(1) for key in _readable(context)}),
    )


def _majority(target: ScoredTarget, context: Context, rng: random.Random, counts: TrainingCounts) -> ScoredTarget:
    reply, action, emote = counts.most_frequent
    action = _best(target.available_actions, counts.action_frequency, rng) or action
    keys = [key for key, _ in context.items] if counts.keys else []
    return dataclasses.replace(
        target,
        reply=reply,
        action=action,
        action_generated=action if _usual(counts.actions) else "",
        emote=emote,
        emote_generated=emote if _usual(counts.emotes) else "",
        knowledge_chosen=_best(keys, lambda key: counts.keys.get(key, 0), rng) or "",
        ranked=None,
        swapped=_constant(target, reply),
        missing=None if target.missing is None else reply,
        leant_on=_shares({key: counts.keys.get(key, 0) for key in _readable(context)}),
    )


def _repeat(target: ScoredTarget, context: Context, rng: random.Random) -> ScoredTarget:
    reply = context.last_partner_speech
    ranked = _ranked(target, lambda candidate: _likeness(candidate, reply))
    missing = None if target.missing is None else reply
    return dataclasses.replace(target, reply=reply, swapped=_constant(target, reply), missing=missing, ranked=ranked)


def _overlap(target: ScoredTarget, context: Context, rng: random.Random) -> ScoredTarget:
    asked = _words(context.last_partner_speech)

    def shared(text: str) -> int:
        return len(asked & _words(text))

    item = _best(context.items, lambda item: shared(item[1]), rng)
    known = [text for _, text in context.items]
    return dataclasses.replace(
        target,
        reply=_best(_texts(context, context.items), shared, rng) or "",
        action=_best(target.available_actions, shared, rng) or "",
        knowledge_chosen=item[0] if item else "",
        ranked=_ranked(target, lambda candidate: max((_likeness(candidate, text) for text in known), default=0.0)),
        swapped=_swapped(target, context, lambda texts: _best(texts, shared, rng) or ""),
        missing=_missing(target, context, lambda texts: _best(texts, shared, rng) or ""),
        leant_on=_shares({key: shared(text) for key, text in _readable(context).items()}),
    )


def _texts(context: Context, items: Iterable[Item], history: Sequence[str] | None = None) -> list[str]:
    """All that could be copied; not the question, which resembles itself most."""
    heard = context.history if history is None else history
    return [text for _, text in items] + [text for text in heard if text and text != context.last_partner_speech]


def _readable(context: Context) -> dict[str, str]:
    """Key to text of all that could be copied, see `_texts`."""
    turns = zip(context.history_turns, context.history, strict=False)
    said = {f"turn/{number}": text for number, text in turns if text and text != context.last_partner_speech}
    return {**dict(context.items), **said}


def _shares(weights: Mapping[str, float]) -> dict[str, float]:
    """The weights as shares of their sum; {} where there are none."""
    whole = sum(weights.values())
    return {key: weight / whole for key, weight in weights.items()} if whole else {}


def _swapped(target: ScoredTarget, context: Context, say: Callable[[list[str]], str]) -> Swapped | None:
    if target.swapped is None or not (context.swapped_items or context.swapped_history):
        return None
    texts = _texts(context, context.swapped_items, context.swapped_history)
    return dataclasses.replace(target.swapped, reply=say(texts))


def _missing(target: ScoredTarget, context: Context, say: Callable[[list[str]], str]) -> str | None:
    return None if target.missing is None else say(list(context.missing))


def _ranked(target: ScoredTarget, score: Callable[[str], float]) -> Ranked | None:
    """The candidates by a score, largest first, in the place of the model's nats."""
    if target.ranked is None:
        return None
    own = target.ranked.candidates
    return Ranked(own, tuple(-score(candidate) for candidate in own), (1,) * len(own))


def _constant(target: ScoredTarget, reply: str) -> Swapped | None:
    return None if target.swapped is None else dataclasses.replace(target.swapped, reply=reply)


def _draw(options: Sequence[str], rng: random.Random) -> str:
    return rng.choice(options) if options else ""


def _best(options: Sequence[T], score: Callable[[T], int | tuple[int, int]], rng: random.Random) -> T | None:
    """The best option, drawn among equals: the first might owe its place to being the gold."""
    if not options:
        return None
    scores = [score(option) for option in options]
    best = max(scores)
    return rng.choice([option for option, s in zip(options, scores, strict=True) if s == best])


def _most_frequent(counts: Mapping[str, int]) -> str:
    """The most frequent one that is not ""; the first in the alphabet among equals."""
    return min((text for text in counts if text), key=lambda text: (-counts[text], text), default="")


def _usual(counts: Mapping[str, int]) -> bool:
    """Whether more turns have one than have none."""
    return 2 * counts.get("", 0) < sum(counts.values())


def _likeness(text: str, other: str) -> float:
    """F1 of the sets of words."""
    words, others = _words(text), _words(other)
    return 2 * len(words & others) / max(len(words) + len(others), 1)


@functools.lru_cache(maxsize=1 << 16)
def _words(text: str) -> frozenset[str]:
    return frozenset(normalise(text).split())
