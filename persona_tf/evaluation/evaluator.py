"""Runs a trained bot over a split and scores it: teacher-forced likelihoods, greedy replies, probes, baselines."""

import concurrent.futures
import contextlib
import dataclasses
import itertools
import logging
import pathlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from persona_tf.chat.bot import Answer, Bot
from persona_tf.data.config import DataConfig
from persona_tf.data.progress import progress_bar
from persona_tf.data.sources import read_split
from persona_tf.decoding.config import DecodeConfig
from persona_tf.episode import KEY_KINDS, Episode, Probe
from persona_tf.evaluation.baselines import Context, TrainingCounts, baselines
from persona_tf.evaluation.candidates import Ranked, draw_candidates
from persona_tf.evaluation.config import EvalConfig
from persona_tf.evaluation.counterfactual import changes, draw_missing, swap_value
from persona_tf.evaluation.leant_on import choose_probes, leant_on
from persona_tf.evaluation.notes import notes
from persona_tf.evaluation.pictures import probe_bars, save_picture
from persona_tf.evaluation.prediction_file import ScoredTarget, Swapped, write_predictions
from persona_tf.evaluation.report import report
from persona_tf.evaluation.roles import human_baseline, judged, load_judge
from persona_tf.evaluation.samples import Writer
from persona_tf.evaluation.scoring import Scorer, TargetScore, best_emote
from persona_tf.evaluation.shown_facts import load_finder, shown_facts
from persona_tf.evaluation.table import Result, write_result
from persona_tf.evaluation.trigram import train_trigram, trigram_baseline
from persona_tf.evaluation.written_facts import Ask, WrittenFacts, written_facts
from persona_tf.example import NO_EMOTE, PARTNER, Example, ExampleConfig, HistoryTurn, replies_alone
from persona_tf.learner import examples, knowledge_items
from persona_tf.retrieval.retriever import Retriever
from persona_tf.run_dir import RunDir

_log = logging.getLogger(__name__)
_COUNTED_EPISODES = 2000
_KEPT_SHARES = 8

Board = Callable[[pathlib.Path], contextlib.AbstractContextManager[Writer]]
"""Opens a writer of summaries for a folder."""


def evaluate(
    run: RunDir,
    data: DataConfig,
    config: EvalConfig,
    data_dir: pathlib.Path,
    splits: Sequence[str] = (),
    decode: DecodeConfig | None = None,
    board: Board | None = None,
) -> list[Result]:
    """Scores a run's bundle on some splits; writes and prints a table for each.

    Args:
      data: the source of the dialogues.
      splits: in the place of those of ``config``.
      decode: in the place of the bundle's decoding.
      board: writes the pictures into the run's summaries too, as ``evaluation/<split>/...``.

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
    judge = load_judge(config.judge) if config.judge else None
    finder = load_finder(config.retriever) if config.retriever else None
    results = []
    for split in chosen:
        targets, contexts = score_episodes(bot, scorer, read(split), config, f"{split}: ", finder)
        if judge:
            targets = judged(targets, read(split), judge)
        write_predictions(run.predictions(split), targets)
        metrics = report(targets, config.bootstrap_samples, config.seed)
        beside = baselines(targets, contexts, counts, config.seed)
        if trigram:
            beside["trigram"] = trigram_baseline(targets, trigram, tokenizer)
        if judge:
            beside["human"] = human_baseline(targets)
        decoding = bot.decode.described()
        bundle = bot.bundle
        below = notes(targets, metrics)
        result = Result(bundle.experiment, split, bundle.step, len(targets), decoding, metrics, beside, below)
        write_result(run.evaluation(split, "json").parent, result)
        if any(target.source for target in targets):
            pictures = {
                "probes": save_picture(run.evaluation(split, "png"), probe_bars, result),
                "leant_on": save_picture(run.leant_on(split), leant_on, choose_probes(targets, contexts)),
            }
            _show(board, run, {f"evaluation/{split}/{name}": png for name, png in pictures.items() if png}, bundle.step)
        results.append(result)
    return results


def _show(board: Board | None, run: RunDir, pictures: Mapping[str, bytes], step: int) -> None:
    """Writes the pictures into the run's summaries. They lie in files too: where it cannot, a word is enough."""
    if board is None or not pictures:
        return
    try:
        with board(run.summaries) as writer:
            for tag, png in pictures.items():
                writer.picture(tag, png, step)
    except OSError as error:
        _log.warning("TensorBoard does not show %s: %s", ", ".join(pictures), error)


def score_episodes(
    bot: Bot,
    scorer: Scorer,
    episodes: Iterable[Episode],
    config: EvalConfig,
    label: str = "",
    finder: Retriever | None = None,
) -> tuple[list[ScoredTarget], list[Context]]:
    """Every target of some episodes, scored and answered, with what the bot could read before it.

    ``scorer`` is of the bot's bundle; like the bot, it takes seconds to make ready. ``finder`` finds facts, if it is
    to be told how well the bot does with those.
    """
    known: dict[str, Mapping[str, str]] = {}
    with_facts = at_most(_examples(episodes, bot.bundle.example, known), config.max_examples)
    chosen = [replies_alone(example) for example in with_facts]
    scores = list(itertools.chain.from_iterable(scorer.score(chosen)))
    answers = list(itertools.chain.from_iterable(answer_all(bot, chosen, config.batch_targets, label + "replies")))
    # Later turns are left in the history, though a target does not see them: so where it is too long, the same of it is
    # dropped as for the reply that this is compared with.
    alone = [dataclasses.replace(example, targets=(target,)) for example in chosen for target in example.targets]
    swapped = [swap_value(example) if config.swapped else None for example in alone]
    missing = draw_missing(alone, config.missing_probes, config.seed)
    singles = [_single(example) for example in alone]
    targets = [
        _scored_target(*of_one)
        for of_one in zip(
            singles,
            scores,
            answers,
            _actions(scorer, singles, scores),
            _asked_again(bot, swapped, config, label + "swapped"),
            _asked_again(bot, missing, config, label + "missing"),
            _changed_nats(scorer, chosen, alone, config, finder),
            _ranked(scorer, alone, config),
            [known[example.id] for example in alone],
            _written_facts(bot, with_facts, config, label),
            strict=True,
        )
    ]
    return targets, [_context(*of_one) for of_one in zip(singles, swapped, missing, strict=True)]


def _examples(
    episodes: Iterable[Episode], config: ExampleConfig, known: dict[str, Mapping[str, str]]
) -> Iterator[Example]:
    """Fills ``known`` by the way: id of an example to key and text of all items, also of those that are not shown."""
    everything = ExampleConfig(kinds=KEY_KINDS)
    for episode in episodes:
        for learner in episode.learners:
            items = knowledge_items(episode, learner, everything)
            known[f"{episode.id}:{learner}"] = {item.key: item.text for item in items}
        yield from examples(episode, config, with_facts=True)


def at_most(stream: Iterable[Example], targets: int) -> list[Example]:
    """Whole examples until there are ``targets`` replies; 0: all."""
    chosen: list[Example] = []
    count = 0
    for example in stream:
        if targets and count >= targets:
            break
        count += len(replies_alone(example).targets)
        chosen.append(example)
    return chosen


def answer_all(bot: Bot, chosen: Sequence[Example], batch_targets: int, label: str) -> Iterator[list[Answer]]:
    """Answers in the order of the examples; see `in_batches`."""
    return in_batches(bot.answer, chosen, batch_targets, label)


def in_batches(ask: Ask, chosen: Sequence[Example], batch_targets: int, label: str) -> Iterator[list[Any]]:
    """What ``ask`` gives for each example; those of like length are asked together, two batches at a time.

    The steps of a decoder are too small to keep more than one core busy.
    """
    order = sorted(range(len(chosen)), key=lambda i: sum(len(turn.speech) for turn in chosen[i].history))
    answers: dict[int, list[Any]] = {}
    with progress_bar(total=sum(len(example.targets) for example in chosen), desc=label) as bar:
        batches = list(_batches(order, chosen, batch_targets))
        pool = concurrent.futures.ThreadPoolExecutor(2)
        try:
            replies = pool.map(lambda batch: ask([chosen[i] for i in batch]), batches)
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


def _single(example: Example) -> Example:
    """The example of one target without later turns."""
    [target] = example.targets
    return dataclasses.replace(example, history=tuple(t for t in example.history if t.turn < target.turn))


def _actions(scorer: Scorer, singles: Sequence[Example], scores: Sequence[TargetScore]) -> list[tuple[str, str]]:
    """The likeliest available action where the gold turn acts or the bot would; "" elsewhere.

    Of the smallest summed nats, and of the smallest nats a token.
    """
    would = [bool(e.targets[0].action) or s.no_action < 0.5 for e, s in zip(singles, scores, strict=True)]
    acting = [e for e, acts in zip(singles, would, strict=True) if acts and e.targets[0].available_actions]
    ranked = iter(scorer.rank_actions(acting))
    chosen = {id(example): _likeliest(costs) for example, costs in zip(acting, ranked, strict=True)}
    return [chosen.get(id(example), ("", "")) for example in singles]


def _likeliest(costs: Mapping[str, tuple[float, int]]) -> tuple[str, str]:
    """Nats and tokens of each -> the one of the smallest sum, and the one of the smallest nats a token."""
    return min(costs, key=lambda a: costs[a][0]), min(costs, key=lambda a: costs[a][0] / costs[a][1])


def _asked_again(bot: Bot, changed: Sequence[Example | None], config: EvalConfig, label: str) -> list[str | None]:
    """What is answered to the examples of one target; None where there is none."""
    asked = {i: example for i, example in enumerate(changed) if example is not None}
    found: list[str | None] = [None] * len(changed)
    if asked:
        replies = answer_all(bot, list(asked.values()), config.batch_targets, label)
        for i, [answer] in zip(asked, replies, strict=True):
            found[i] = answer.reply
    return found


def _written_facts(bot: Bot, chosen: Sequence[Example], config: EvalConfig, label: str) -> list[WrittenFacts]:
    """For each reply, the facts that the bot writes down and makes up."""
    return written_facts(
        bot, chosen, lambda ask, asked, task: in_batches(ask, asked, config.batch_targets, f"{label}facts, {task}")
    )


def _changed_nats(
    scorer: Scorer,
    chosen: Sequence[Example],
    alone: Sequence[Example],
    config: EvalConfig,
    finder: Retriever | None,
) -> list[dict[str, float]]:
    """Nats of each gold reply under every change that is asked for and touches its example; ``alone``: one a target."""
    found: list[dict[str, float]] = [{} for _ in alone]
    for name, (each_alone, change) in changes(config.seed).items():
        if not config.gaps and not (config.shuffled_persona and name == "persona_shuffled"):
            continue
        before = alone if each_alone else chosen
        places = itertools.accumulate((len(example.targets) for example in before), initial=0)
        touched = [(i, new) for i, old, new in zip(places, before, change(before), strict=False) if new != old]
        for (place, _), scores in zip(touched, scorer.score([new for _, new in touched]), strict=True):
            for offset, score in enumerate(scores):
                found[place + offset][name] = score.reply_nats
    if finder:
        shown = shown_facts(alone, finder, config.found_facts)
        asked = [(i, name, example) for i, of_one in enumerate(shown) for name, example in of_one.items()]
        for (i, name, _), [score] in zip(asked, scorer.score([example for _, _, example in asked]), strict=True):
            found[i][name] = score.reply_nats
    return found


def _ranked(scorer: Scorer, alone: Sequence[Example], config: EvalConfig) -> list[Ranked | None]:
    """Each reply among its candidates."""
    if not config.ranked:
        return [None for _ in alone]
    return scorer.rank_replies(alone, draw_candidates(alone, config.ranked, config.seed))


def _scored_target(
    example: Example,
    score: TargetScore,
    answer: Answer,
    actions: tuple[str, str],
    swapped: str | None,
    missing: str | None,
    changed_nats: Mapping[str, float],
    ranked: Ranked | None,
    known: Mapping[str, str],
    facts: WrittenFacts,
) -> ScoredTarget:
    [target] = example.targets
    probe, (action, action_per_token) = target.probe, actions
    emote, emote_generated = best_emote(score, example.emotes, NO_EMOTE)
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
        action_per_token=action_per_token,
        action_generated=(action or answer.action) if score.no_action < 0.5 else "",
        available_actions=target.available_actions,
        gold_emote="" if target.emote == NO_EMOTE else target.emote,
        emote=emote,
        emote_generated=emote_generated,
        swapped=_as_swapped(probe, swapped),
        missing=missing,
        reply_nats=score.reply_nats if score.reply_whole else 0.0,
        reply_tokens=score.reply_tokens if score.reply_whole else 0,
        reply_right=score.reply_right if score.reply_whole else None,
        reply_words=len(target.reply.split()),
        reply_bytes=len(target.reply.encode()),
        changed_nats=changed_nats if score.reply_whole else {},
        ranked=ranked,
        knowledge_gold=target.grounding,
        knowledge_texts=tuple(known[key] for key in target.grounding if key in known),
        knowledge_chosen=example.items[score.item].key if score.item >= 0 else example.turn_key(score.turn),
        leant_on=_largest(answer.leant_on, target.grounding),
        facts_gold=facts.facts_gold,
        facts=facts.facts,
        made_up_gold=facts.made_up_gold,
        made_up=facts.made_up,
    )


def _as_swapped(probe: Probe | None, reply: str | None) -> Swapped | None:
    if reply is None or probe is None or probe.swap is None:
        return None
    return Swapped(probe.swap.value, probe.value, reply)


def _largest(shares: Mapping[str, float], needed: Sequence[str]) -> dict[str, float]:
    """The largest shares, at least as many as are needed, and the needed ones; in order."""
    kept = {*itertools.islice(shares, max(_KEPT_SHARES, len(needed))), *needed}
    return {key: round(share, 4) for key, share in shares.items() if key in kept}


def _context(example: Example, swapped: Example | None, missing: Example | None) -> Context:
    swapped, missing = swapped and _single(swapped), missing and _single(missing)
    return Context(
        items=tuple((item.key, item.text) for item in example.knowledge),
        history=_speeches(example),
        history_turns=tuple(turn.turn for turn in example.history if turn.item is None),
        last_partner_speech=_last_speech(example.history),
        swapped_items=tuple((item.key, item.text) for item in swapped.knowledge) if swapped else (),
        swapped_history=_speeches(swapped) if swapped else (),
        missing=_texts_left(missing) if missing else (),
    )


def _speeches(example: Example) -> tuple[str, ...]:
    return tuple(turn.speech for turn in example.history if turn.item is None)


def _texts_left(example: Example) -> tuple[str, ...]:
    question = _last_speech(example.history)
    return (
        *(item.text for item in example.knowledge),
        *(text for text in _speeches(example) if text and text != question),
    )


def _last_speech(history: Sequence[HistoryTurn]) -> str:
    return next((turn.speech for turn in reversed(history) if turn.who == PARTNER), "")
