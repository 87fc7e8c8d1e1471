"""What verbs of the command line do with trained bots and their answers. Knows no flags and no gin."""

import dataclasses
import functools
import itertools
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from persona_tf.atomic_file import check_writable
from persona_tf.run_dir import RunDir
from persona_tf.text.native_stderr import tensorflow_quiet

if TYPE_CHECKING:
    from persona_tf.decoding.config import DecodeConfig
    from persona_tf.evaluation.comparison.sweep import Job
    from persona_tf.evaluation.evaluator import Board


@dataclasses.dataclass(frozen=True)
class Talk:
    """What is asked of self-chats. ``decode``: for each run, None is the bundle's own."""

    runs: Sequence[RunDir]
    decode: Sequence["DecodeConfig | None"]
    data_dir: Path
    splits: Sequence[str]
    turns: int
    chats: int
    seed: int
    engine: str = "auto"


@dataclasses.dataclass(frozen=True)
class Sweep:
    """What is asked of a sweep; ``bindings`` are put over each experiment, ``options`` stand behind each command."""

    experiments: Sequence[str]
    seeds: Sequence[str]
    bindings: Sequence[str]
    root: Path
    options: Sequence[str] = ()


def evaluate(
    run: RunDir,
    settings: Any,
    data_dir: Path,
    splits: Sequence[str] = (),
    decode: "DecodeConfig | None" = None,
    board: "Board | None" = None,
) -> None:
    """Evaluates a run's bot, or its retriever; writes a table for each split into the run and shows it.

    Args:
      run: the run.
      settings: its own, with another EvalConfig perhaps.
      data_dir: where the data are.
      splits: in the place of those of EvalConfig.
      decode: in the place of the bot's own; a retriever has none.
      board: opens what TensorBoard reads; a retriever has no pictures.
    """
    if settings.experiment.task == "retrieve":
        with tensorflow_quiet():
            from persona_tf.evaluation.retrieval import experiment
        experiment.evaluate_retriever(run, settings.data, settings.example, settings.evaluate, data_dir, splits)
    else:
        with tensorflow_quiet():
            from persona_tf.evaluation import evaluator
        evaluator.evaluate(run, settings.data, settings.evaluate, data_dir, splits, decode, board)


def evaluate_file(path: Path, references: Path | None = None) -> None:
    """Scores a file of predictions, whoever made it, and shows the table.

    Args:
      path: the predictions.
      references: None, or predictions of another bot, for answers that have no gold replies beside.

    Raises:
      OSError: a file is not there, or is a folder.
      ValueError: it holds none, or see `prediction_file.read_predictions` and `references.with_references`.
    """
    for flag, file in (("predictions", path), ("references", references)):
        if file is not None and not file.exists():
            raise FileNotFoundError(f"--{flag}: there is no file {file}")
        if file is not None and file.is_dir():
            raise IsADirectoryError(f"--{flag}: expected a file, such as predictions/test.jsonl, got a folder, {file}")
    from persona_tf.evaluation.notes import notes
    from persona_tf.evaluation.prediction_file import read_predictions
    from persona_tf.evaluation.references import with_references
    from persona_tf.evaluation.report import report
    from persona_tf.evaluation.table import Result, markdown

    targets = with_references(path, references) if references else read_predictions(path)
    if not targets:
        raise ValueError(f"{path} holds no predictions; see persona_tf/evaluation/prediction_file.py for its lines")
    metrics = report(targets)
    print(markdown(Result(str(path), path.stem, 0, len(targets), {}, metrics, notes=notes(targets, metrics))))


def decoders(run: RunDir, settings: Any, splits: Sequence[str], data_dir: Path, ways: Any) -> None:
    """Answers in several ways of choosing words, writes a table for each split into the run and shows it.

    Args:
      run: whose bot answers.
      settings: its own, with another EvalConfig perhaps, and other lengths of replies.
      splits: () is the first of the run's.
      data_dir: where the data are.
      ways: as `ways.chosen_ways` gives them.
    """
    from persona_tf.data.sources import read_split
    from persona_tf.evaluation.decoders.comparison import compare_decoders
    from persona_tf.evaluation.decoders.table import write_comparison
    from persona_tf.export.bundle import load_bundle

    data, chosen = settings.data, splits or settings.evaluate.splits[:1]
    for episodes in [read_split(data.source, split, data_dir, data.options) for split in chosen]:
        next(iter(episodes), None)  # a split that is not there is told before the first is answered
    # The engines write the same in float32 alone.
    bundle = dataclasses.replace(load_bundle(run.bundle, "float32"), decode=settings.decode)
    for split in chosen:
        episodes = read_split(data.source, split, data_dir, data.options)
        rows = compare_decoders(bundle, episodes, settings.evaluate, ways)
        print(write_comparison(run.evaluation(split, "json").parent, split, rows))
    print(f"The tables and pictures are in {run.path / 'evaluation'}.")


def self_chat(asked: Talk, settings: Any) -> None:
    """Lets two bots (or one with itself) talk, writes the chats into the first run and shows the figures.

    Args:
      asked: how.
      settings: of the first run; its source says where the two meet, its EvalConfig who tells the speakers apart.

    Raises:
      ValueError: several splits, a seed below 0 or of more than 64 bits, or see `record.scenes`,
        `record.self_chats` and `roles.load_judge`.
    """
    if not 0 <= asked.seed < 1 << 64:
        raise ValueError(f"--seed: expected a whole number from 0 to 2 ** 64 - 1, got {asked.seed}")
    if asked.turns < 1:
        raise ValueError(f"--turns: expected 1 or more, got {asked.turns}")
    from persona_tf.chat.bot import Bot
    from persona_tf.data.sources import read_split
    from persona_tf.evaluation.roles import load_judge
    from persona_tf.evaluation.self_chat import record

    if len(asked.splits) > 1:
        raise ValueError(f"--splits: expected one split to meet on, got {','.join(asked.splits)}")
    data, split, folder = settings.data, (*asked.splits, *settings.evaluate.splits)[0], asked.runs[0].self_chat
    episodes = read_split(data.source, split, asked.data_dir, data.options)
    meetings = record.scenes(episodes, asked.chats, asked.seed)
    judge = load_judge(settings.evaluate.judge) if settings.evaluate.judge else None
    print(f"Waking the bot{'s' * (len(asked.runs) > 1)} of {' and '.join(str(run.path) for run in asked.runs)}.")
    loaded = [Bot.load(run.bundle, own, asked.engine) for run, own in zip(asked.runs, asked.decode, strict=True)]
    bots = loaded[0], loaded[-1]
    chats = record.self_chats(bots, meetings, asked.turns, asked.seed)
    who = record.Speaker.of(bots[0]), record.Speaker.of(bots[1])
    print(record.write_self_chats(folder, asked.seed, who, chats, judge))
    print(f"The chats are in {folder / f'{asked.seed}.jsonl'}; to be read: {folder / f'{asked.seed}.html'}")


def compare(folders: Sequence[str], splits: Sequence[str], out: str = "") -> None:
    """Sets runs side by side: writes a table, and learning curves where there are some; shows the table.

    Args:
      folders: of runs, or of folders with a run for each seed.
      splits: () are those that all have.
      out: the Markdown file; "" is ``compare.md`` in the folder that all runs are in.

    Raises:
      FileNotFoundError, ValueError: the runs are not there or do not belong together; see `run_group`.
    """
    from persona_tf.evaluation.comparison import run_group
    from persona_tf.evaluation.comparison.table import compare_runs, write_comparisons
    from persona_tf.evaluation.pictures import learning_curves, save_picture

    groups = run_group.find_groups(folders)
    path = Path(out) if out else run_group.common_folder(groups) / "compare.md"
    if path.suffix != ".md":
        raise ValueError(f"--out: expected the name of a Markdown file, such as compare.md, got {path}")
    check_writable(path.parent)
    for file in (path, path.with_suffix(".json")):
        if file.is_dir():
            raise IsADirectoryError(f"{file} is to be written, but is a folder: give another name with --out")
    chosen = run_group.common_splits(groups, splits)
    found = [compare_runs(split, run_group.read_answers(groups, split)) for split in chosen]
    print(write_comparisons(path, found))
    written = [path, path.with_suffix(".json")]
    curves = {group.name: run_group.curves(group) for group in groups}
    if any(curves.values()) and save_picture(path.with_suffix(".png"), learning_curves, curves):
        written.append(path.with_suffix(".png"))
    print(f"Written: {', '.join(map(str, written))}")


def sweep(asked: Sweep, load: Callable[..., Any], is_trained: Callable[[Path, int, int], bool]) -> None:
    """Makes each experiment with each seed, then shows a table of means and deviations.

    Args:
      asked: what.
      load: experiment and bindings -> settings.
      is_trained: folder of checkpoints, steps and patience -> whether training came to its end.

    Raises:
      ValueError: what is asked for cannot be meant (nothing has begun then), or a run failed.
      KeyboardInterrupt: it was stopped.
    """
    from persona_tf.evaluation.comparison.sweep import run_jobs, write_sweep

    jobs = sweep_jobs(asked, load, is_trained)
    print(f"{len(jobs)} runs in {asked.root}, one after the other. Ctrl-C stops; the same command goes on.")
    failed = run_jobs(jobs)
    if len(failed) < len(jobs):  # else a table of an earlier sweep is worth more
        path = asked.root / "sweep" / f"{'-'.join(asked.experiments)}.md"
        print(f"\n{write_sweep(path, jobs, failed)}\nThe table is {path}.")
    if failed:
        raise ValueError(f"{len(failed)} of {len(jobs)} runs failed: {', '.join(failed)}. The same command tries again")


def sweep_jobs(asked: Sweep, load: Callable[..., Any], is_trained: Callable[[Path, int, int], bool]) -> list["Job"]:
    """The runs of a sweep, all of them checked. Arguments and errors: see `sweep`."""
    from persona_tf.evaluation.comparison.sweep import Job, seeds_of

    names = ",".join(asked.experiments)
    if not names or len(set(asked.experiments)) < len(asked.experiments):
        raise ValueError(f"--experiments: expected different names with commas, such as quickstart, got {names!r}")
    for name in asked.experiments:
        if Path(name).name != name or name.endswith(".gin"):  # it names folders below the root
            raise ValueError(f"--experiments: expected names of folders of experiments/, got {name!r}")
    for binding in asked.bindings:
        if (macro := binding.partition("=")[0].strip()) in ("SEED", "TrainConfig.seed"):
            raise ValueError(f"--gin.{macro}: name the seeds of a sweep with --seeds, such as --seeds=0,1,2")
    check_writable(asked.root)
    jobs = []
    for experiment, seed in itertools.product(asked.experiments, seeds_of(asked.seeds)):
        bindings = (*asked.bindings, f"SEED={seed}")
        settings = load(experiment, bindings)
        run = RunDir(asked.root / experiment / str(seed))
        try:
            run.check_holds(experiment, settings.config_text)
        except ValueError as error:
            raise ValueError(f"{error}\nOf a sweep, --runs=... names another folder") from error
        options = (f"--experiment={experiment}", f"--run={run.path}", *asked.options, *(f"--gin.{b}" for b in bindings))
        jobs.append(
            Job(
                experiment,
                seed,
                run,
                tuple(settings.evaluate.splits),
                (sys.executable, "-m", "persona_tf", "train", *options),
                functools.partial(is_trained, run.checkpoints, settings.train.steps, settings.train.patience),
                settings.experiment.minutes,
            )
        )
    return jobs
