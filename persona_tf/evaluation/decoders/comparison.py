"""One bot under several ways of choosing words: what each does to its answers, and what it costs."""

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from persona_tf.chat.bot import Answer, Bot
from persona_tf.data.progress import to_stderr
from persona_tf.episode import Episode
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.decoders.table import HUMAN, Row
from persona_tf.evaluation.decoders.ways import WAYS, effort, setting
from persona_tf.evaluation.evaluator import answer_all, at_most, score_episodes
from persona_tf.evaluation.generation import Generated, generation_quality
from persona_tf.evaluation.prediction_file import ScoredTarget
from persona_tf.evaluation.report import Metrics, report
from persona_tf.evaluation.scoring import Scorer, TargetScore
from persona_tf.example import Example
from persona_tf.export.bundle import Bundle
from persona_tf.learner import examples
from persona_tf.text.tokenizer import Tokenizer

_OF_HUMANS = ("reply_intra", "reply_inter", "probe_")
"""Beginnings of the metrics that say something of the gold replies: overlap with themselves does not."""


def compare_decoders(
    bundle: Bundle,
    episodes: Iterable[Episode],
    config: EvalConfig,
    ways: Mapping[str, Mapping[str, Any]] = WAYS,
    say: Callable[[str], object] = to_stderr,
) -> list[Row]:
    """Answers the same targets in each way; a warm-up before the clock starts. The first row is of the gold replies.

    Args:
      bundle: the bot.
      episodes: of one split.
      config: how much is evaluated; counterfactuals and ranking, which no way changes, are left out.
      ways: as `WAYS`, or some of them (`ways.chosen_ways`).
      say: is told which way comes next and how long all may still take.

    Raises:
      ValueError: the split has no targets.
    """
    plain = bundle.decode.as_greedy()
    config = dataclasses.replace(
        config, swapped=False, missing_probes=0, shuffled_persona=False, gaps=False, ranked=0, judge=""
    )
    settings = {way: setting(plain, fields) for way, fields in ways.items()}
    left = _TimeLeft([2, *(effort(decode) for decode, _ in settings.values())])
    scorer, episodes = Scorer(bundle), list(episodes)
    scored, _ = score_episodes(Bot(bundle, plain), scorer, episodes, config, "likelihoods, ")
    if not scored:
        raise ValueError("decoders: the split has no targets to answer")
    stream = (example for episode in episodes for example in examples(episode, bundle.example))
    chosen = at_most(stream, config.max_examples)
    tokenizer = bundle.packer.tokenizer
    rows = [_human(tokenizer, scored, config)]
    for number, (way, (decode, engine)) in enumerate(settings.items(), 1):
        say(f"way {number} of {len(ways)}: {way}; about {left.after(number)} left")
        bot = Bot(bundle, decode, engine)
        bot.answer(chosen[:1])
        start = time.perf_counter()
        answers = list(answer_all(bot, chosen, config.batch_targets, way))
        milliseconds = 1000 * (time.perf_counter() - start) / len(scored)
        said = [dataclasses.replace(t, reply=a.reply) for t, a in zip(scored, itertools.chain(*answers), strict=True)]
        scores = list(itertools.chain(*scorer.score(_as_said(chosen, answers))))
        metrics = report(said, config.bootstrap_samples, config.seed) | _quality(tokenizer, said, scores, config)
        rows.append(Row(way, bot.engine, metrics, milliseconds))
    return rows


class _TimeLeft:
    """Tells from what is done how long the rest takes; ``efforts`` are of each part."""

    def __init__(self, efforts: Sequence[int]):
        self._efforts, self._start = efforts, time.perf_counter()

    def after(self, parts: int) -> str:
        """Minutes and seconds that are left when the first ``parts`` are done."""
        done, rest = sum(self._efforts[:parts]), sum(self._efforts[parts:])
        seconds = round((time.perf_counter() - self._start) * rest / done)
        return f"{seconds // 60}:{seconds % 60:02d} minutes"


def _human(tokenizer: Tokenizer, scored: Sequence[ScoredTarget], config: EvalConfig) -> Row:
    """The figures of the gold replies, by whose side those of the bot can be read."""
    said = [dataclasses.replace(target, reply=target.gold_reply) for target in scored]
    metrics = report(said, config.bootstrap_samples, config.seed)
    kept = {name: metric for name, metric in metrics.items() if name.startswith(_OF_HUMANS)}
    return Row(HUMAN, "", kept | _quality(tokenizer, said, said, config), None)


def _quality(
    tokenizer: Tokenizer,
    said: Sequence[ScoredTarget],
    likelihoods: Sequence[ScoredTarget | TargetScore],
    config: EvalConfig,
) -> Metrics:
    """Of the replies to turns that have a gold one; ``likelihoods`` are theirs."""
    pieces = tokenizer.encode([target.reply for target in said])
    generated = [
        Generated(target.episode, target.reply, found.reply_nats, found.reply_tokens, tuple(ids))
        for target, found, ids in zip(said, likelihoods, pieces, strict=True)
        if target.gold_reply
    ]
    return generation_quality(generated, config.bootstrap_samples, config.seed)


def _as_said(chosen: Sequence[Example], answers: Sequence[Sequence[Answer]]) -> list[Example]:
    """The examples with the bot's replies as targets, each after the same history as before."""
    return [
        dataclasses.replace(
            example,
            targets=tuple(
                dataclasses.replace(target, reply=answer.reply)
                for target, answer in zip(example.targets, replies, strict=True)
            ),
        )
        for example, replies in zip(chosen, answers, strict=True)
    ]
