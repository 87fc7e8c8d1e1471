"""Runs a trained bot over a split and scores it: teacher-forced likelihoods, greedy replies, probes, baselines."""

import concurrent.futures
import dataclasses
import itertools
import pathlib
from collections.abc import Iterable, Iterator, Sequence

from persona_tf.chat.bot import Answer, Bot
from persona_tf.data.config import DataConfig
from persona_tf.data.progress import progress_bar
from persona_tf.data.sources import read_split
from persona_tf.decoding.config import DecodeConfig
from persona_tf.episode import Episode, Probe
from persona_tf.evaluation.baselines import Context, TrainingCounts, baselines
from persona_tf.evaluation.candidates import Ranked, draw_candidates
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.counterfactual import shuffle_personas, swap_value
from persona_tf.evaluation.leant_on import choose_probes, leant_on
from persona_tf.evaluation.notes import notes
from persona_tf.evaluation.pictures import probe_bars, save_picture
from persona_tf.evaluation.prediction_file import ScoredTarget, Swapped, write_predictions
from persona_tf.evaluation.report import report
from persona_tf.evaluation.scoring import Scorer, TargetScore, best_emote
from persona_tf.evaluation.table import Result, write_result
from persona_tf.evaluation.trigram import train_trigram, trigram_baseline
from persona_tf.example import EMOTE_LABELS, NO_EMOTE, PARTNER, Example, HistoryTurn, Target, examples
from persona_tf.run_dir import RunDir

_COUNTED_EPISODES = 2000


def evaluate(
    run: RunDir,
    data: DataConfig,
    config: EvalConfig,
    data_dir: pathlib.Path,
    splits: Sequence[str] = (),
    decode: DecodeConfig | None = None,
) -> list[Result]:
    """Scores a run's bundle on some splits; writes and prints a table for each.

    Args:
      data: the source of the dialogues.
      splits: in the place of those of ``config``.
      decode: in the place of the bundle's decoding.

    Raises:
      FileNotFoundError, ValueError: the bundle or the data cannot be read; nothing is overwritten then.
    """
    chosen = tuple(splits or config.splits)

    def read(split: str) -> Iterator[Episode]:
        # What training has read lies ready.
        options = data.options_of_training if split == data.train_split and split not in chosen else data.options
        return iter(read_split(data.source, split, data_dir, options))

    for split in chosen:
        next(read(split), None)  # a split that cannot be read fails here, before anything is written
    bot = Bot.load(run.bundle, decode)
    scorer, tokenizer = Scorer(bot.bundle), bot.bundle.packer.tokenizer
    counts = TrainingCounts.of(itertools.islice(read(data.train_split), _COUNTED_EPISODES))
    trigram = train_trigram(read(data.train_split), tokenizer) if config.trigram else None
    results = []
    for split in chosen:
        targets, contexts = score_episodes(bot, scorer, read(split), config, f"{split}: ")
        write_predictions(run.predictions(split), targets)
        metrics = report(targets, config.bootstrap_samples, config.seed)
        beside = baselines(targets, contexts, counts, config.seed)
        if trigram:
            beside["trigram"] = trigram_baseline(targets, trigram, tokenizer)
        decoding = bot.decode.described()
        bundle = bot.bundle
        below = notes(targets, metrics)
        result = Result(bundle.experiment, split, bundle.step, len(targets), decoding, metrics, beside, below)
        write_result(run.evaluation(split, "json").parent, result)
        if any(target.source for target in targets):
            save_picture(run.evaluation(split, "png"), probe_bars, result)
            save_picture(run.leant_on(split), leant_on, choose_probes(targets, contexts))
        results.append(result)
    return results


def score_episodes(
    bot: Bot, scorer: Scorer, episodes: Iterable[Episode], config: EvalConfig, label: str = ""
) -> tuple[list[ScoredTarget], list[Context]]:
    """Every target of some episodes, scored and answered, with what the bot could read before it.

    ``scorer`` is of the bot's bundle; like the bot, it takes seconds to make ready.
    """
    stream = (example for episode in episodes for example in examples(episode, bot.bundle.example))
    chosen = at_most(stream, config.max_examples)
    scores = list(itertools.chain.from_iterable(scorer.score(chosen)))
    answers = list(itertools.chain.from_iterable(answer_all(bot, chosen, config.batch_targets, label + "replies")))
    singles = [_single(example, target) for example in chosen for target in example.targets]
    actions = _actions(scorer, singles, scores)
    swapped = _swapped(bot, chosen, config, label + "swapped")
    shuffled = _shuffled_nats(scorer, chosen, config)
    ranked = _ranked(scorer, chosen, config)
    targets = [
        _scored_target(single, score, answer, action, swap, nats, ranks)
        for single, score, answer, action, swap, nats, ranks in zip(
            singles, scores, answers, actions, swapped, shuffled, ranked, strict=True
        )
    ]
    return targets, [_context(single) for single in singles]


def at_most(stream: Iterable[Example], targets: int) -> list[Example]:
    """Whole examples until there are ``targets`` targets; 0: all."""
    chosen: list[Example] = []
    count = 0
    for example in stream:
        if targets and count >= targets:
            break
        count += len(example.targets)
        chosen.append(example)
    return chosen


def answer_all(bot: Bot, chosen: Sequence[Example], batch_targets: int, label: str) -> Iterator[list[Answer]]:
    """Answers in the order of the examples; those of like length are answered together, two batches at a time.

    The steps of a decoder are too small to keep more than one core busy.
    """
    order = sorted(range(len(chosen)), key=lambda i: sum(len(turn.speech) for turn in chosen[i].history))
    answers: dict[int, list[Answer]] = {}
    with progress_bar(total=sum(len(example.targets) for example in chosen), desc=label) as bar:
        batches = list(_batches(order, chosen, batch_targets))
        pool = concurrent.futures.ThreadPoolExecutor(2)
        try:
            replies = pool.map(lambda batch: bot.answer([chosen[i] for i in batch]), batches)
            for batch, found in zip(batches, replies, strict=True):
                answers |= dict(zip(batch, found, strict=True))
                bar.update(sum(map(len, found)))
        finally:
            # After Ctrl-C only the batches that have begun are waited for.
            pool.shutdown(cancel_futures=True)
    return (answers[i] for i in range(len(chosen)))


def _batches(order: Sequence[int], chosen: Sequence[Example], batch_targets: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for i in order:
        if batch and sum(len(chosen[j].targets) for j in [*batch, i]) > batch_targets:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _single(example: Example, target: Target) -> Example:
    """The example with one of its targets, and no later turns."""
    return dataclasses.replace(
        example, targets=(target,), history=tuple(t for t in example.history if t.turn < target.turn)
    )


def _actions(scorer: Scorer, singles: Sequence[Example], scores: Sequence[TargetScore]) -> list[str]:
    """The likeliest available action (smallest summed nats) where the gold turn acts or the bot would; "" elsewhere."""
    would = [bool(e.targets[0].action) or s.no_action < 0.5 for e, s in zip(singles, scores, strict=True)]
    acting = [e for e, acts in zip(singles, would, strict=True) if acts and e.targets[0].available_actions]
    ranked = iter(scorer.rank_actions(acting))
    chosen = {id(example): min(nats, key=lambda a: nats[a]) for example, nats in zip(acting, ranked, strict=True)}
    return [chosen.get(id(example), "") for example in singles]


def _swapped(bot: Bot, chosen: Sequence[Example], config: EvalConfig, label: str) -> list[Swapped | None]:
    """What is answered with the counterfactual put in; one a target.

    Later turns are left in the history, though a target does not see them: so where it is too long, the same of it is
    dropped as for the reply that this is compared with.
    """
    alone = [dataclasses.replace(example, targets=(target,)) for example in chosen for target in example.targets]
    pairs = [(i, swap_value(example)) for i, example in enumerate(alone)] if config.swapped else []
    asked = {i: example for i, example in pairs if example is not None}
    found: list[Swapped | None] = [None] * len(alone)
    if asked:
        replies = answer_all(bot, list(asked.values()), config.batch_targets, label)
        for i, [answer] in zip(asked, replies, strict=True):
            found[i] = _as_swapped(alone[i].targets[0].probe, answer)
    return found


def _as_swapped(probe: Probe | None, answer: Answer) -> Swapped:
    assert probe is not None
    assert probe.swap is not None
    return Swapped(probe.swap.value, probe.value, answer.reply)


def _shuffled_nats(scorer: Scorer, chosen: Sequence[Example], config: EvalConfig) -> list[float | None]:
    """Nats of each gold reply under another dialogue's persona; None where there is none to be had."""
    if not config.shuffled_persona:
        return [None for example in chosen for _ in example.targets]
    shuffled = shuffle_personas(chosen, config.seed)
    pairs = zip(chosen, shuffled, scorer.score(shuffled), strict=True)
    return [None if other == own else score.reply_nats for own, other, scores in pairs for score in scores]


def _ranked(scorer: Scorer, chosen: Sequence[Example], config: EvalConfig) -> list[Ranked | None]:
    """Each reply among its candidates; later turns are left in the history, see `_swapped`."""
    alone = [dataclasses.replace(example, targets=(target,)) for example in chosen for target in example.targets]
    if not config.ranked:
        return [None for _ in alone]
    return scorer.rank_replies(alone, draw_candidates(alone, config.ranked, config.seed))


def _scored_target(
    example: Example,
    score: TargetScore,
    answer: Answer,
    action: str,
    swapped: Swapped | None,
    shuffled_nats: float | None,
    ranked: Ranked | None,
) -> ScoredTarget:
    [target] = example.targets
    probe = target.probe
    emote, emote_generated = best_emote(score, EMOTE_LABELS, NO_EMOTE)
    return ScoredTarget(
        id=f"{example.id}/{target.turn}",
        episode=example.episode_id,
        source=probe.source if probe else "",
        slot=probe.slot if probe else "",
        question=_last_speech(example.history),
        value=probe.value if probe else "",
        decoys=probe.decoys if probe else (),
        gold_reply=target.reply,
        reply=answer.reply,
        gold_action=target.action,
        action=action,
        action_generated=(action or answer.action) if score.no_action < 0.5 else "",
        available_actions=target.available_actions,
        gold_emote="" if target.emote == NO_EMOTE else target.emote,
        emote=emote,
        emote_generated=emote_generated,
        swapped=swapped,
        reply_nats=score.reply_nats,
        reply_tokens=score.reply_tokens,
        reply_words=len(target.reply.split()),
        reply_bytes=len(target.reply.encode()),
        shuffled_persona_nats=shuffled_nats,
        ranked=ranked,
        knowledge_gold=target.grounding,
        knowledge_chosen=example.items[score.item].key if score.item >= 0 else example.turn_key(score.turn),
        leant_on={key: round(share, 4) for key, share in list(answer.leant_on.items())[:8]},
    )


def _context(example: Example) -> Context:
    swapped = swap_value(example)
    return Context(
        items=tuple((item.key, item.text) for item in example.knowledge),
        history=tuple(turn.speech for turn in example.history if turn.item is None),
        history_turns=tuple(turn.turn for turn in example.history if turn.item is None),
        last_partner_speech=_last_speech(example.history),
        swapped_items=tuple((item.key, item.text) for item in swapped.knowledge) if swapped else (),
    )


def _last_speech(history: Sequence[HistoryTurn]) -> str:
    return next((turn.speech for turn in reversed(history) if turn.who == PARTNER), "")
