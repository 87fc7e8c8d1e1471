"""The verbs that train: train, vocab, sweep."""

import contextlib
import importlib.util
import logging
import os
import pathlib
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from persona_tf.command_line import GIN, Arguments
from persona_tf.text.native_stderr import tensorflow_quiet
from persona_tf.verbs.asked import data_dir, duration, run_dir

if TYPE_CHECKING:
    from persona_tf.config import Settings
    from persona_tf.run_dir import RunDir

_CHAT = "make chat {}"
_NEXT = {
    _CHAT: "talk to it",
    "make eval {}": "evaluate it again",
    "make board": "curves in TensorBoard",
    "make test": "the tests",
}


def train(arguments: Arguments) -> None:
    """Trains an experiment, then evaluates it on its splits."""
    from persona_tf import config
    from persona_tf.evaluation.commands import evaluate
    from persona_tf.training.meeting import cluster_from

    if cluster_from():
        return _train_as_worker(arguments)
    on_tensorflow = _backend() == "tensorflow"
    settings = config.load(arguments.flags.experiment, arguments.bindings)
    _check_workers(arguments.flags.workers, settings.experiment.task, on_tensorflow)
    run, data = run_dir(arguments, settings), data_dir(arguments)
    name = settings.experiment.name
    print(f"{name}: about {duration(settings.experiment.minutes)} on two cores. The run is kept in {run.path}.")
    print("Ctrl-C stops it; the same command goes on from the last checkpoint.")
    with run.as_it_was_unless_begun():
        _begin(arguments, settings, run)
        if arguments.flags.workers > 1:
            _train_in_workers(arguments, settings, run, data)
        else:
            _train_here(settings, run, data)
    print(f"Trained. Evaluating on {', '.join(settings.evaluate.splits)} ...")
    if on_tensorflow:
        evaluate(run, settings, data, board=board)
    else:
        _evaluate_apart(run, data)
    of = f"RUN={shlex.quote(arguments.flags.run)}" if arguments.flags.run else f"EXP={name}"
    print(f"Done. What came of it is in {run.path}. Next:")
    for make, about in _NEXT.items():
        if settings.experiment.task == "reply" or make != _CHAT:
            print(f"  {make.format(of):<{len(of) + 12}} {about}")


def _check_workers(workers: int, task: str, on_tensorflow: bool) -> None:
    if workers < 1:
        raise ValueError(f"--workers: expected 1 or more, got {workers}")
    if workers > 1 and not on_tensorflow:
        raise ValueError(f"--workers={workers}: only TensorFlow trains in several processes; unset KERAS_BACKEND")
    if workers > 1 and task != "reply":
        raise ValueError(
            f"--workers={workers}: a retriever tells the facts of a whole batch apart; train it in one process"
        )


def _begin(arguments: Arguments, settings: "Settings", run: "RunDir") -> None:
    from persona_tf.atomic_file import write_atomically
    from persona_tf.run_dir import RunDir

    RunDir.create(run.path, settings.experiment.name, settings.config_text, arguments.typed)
    write_atomically(run.operative_config, settings.operative_text.encode())


def _train_here(settings: "Settings", run: "RunDir", data: pathlib.Path) -> None:
    with tensorflow_quiet():
        from persona_tf.training import experiment
    more = (_show_samples, _open_teacher) if _backend() == "tensorflow" else ()
    experiment.train(settings, run, data, experiment.Hooks(_save_bundle, *more))


def _train_in_workers(arguments: Arguments, settings: "Settings", run: "RunDir", data: pathlib.Path) -> None:
    with tensorflow_quiet():
        from persona_tf.training import experiment
    from persona_tf.training.checkpoint import LAST
    from persona_tf.training.launcher import launch
    from persona_tf.training.teacher import check_can_be_taught

    check_can_be_taught(settings, arguments.flags.workers)
    experiment.run_vocabulary(settings, run, data)  # once, not by each of them
    last = run.checkpoints / LAST
    options = (f"--experiment={arguments.flags.experiment}", f"--run={run.path}", f"--data_dir={data}")
    bindings = [f"{GIN}{binding}" for binding in arguments.bindings]
    command = (sys.executable, "-m", "persona_tf", "train", *options, *bindings)
    launch(command, arguments.flags.workers, lambda: last.stat().st_mtime_ns if last.is_file() else 0)


def _train_as_worker(arguments: Arguments) -> None:
    """Trains with the other workers of TF_CONFIG; who started them evaluates."""
    from persona_tf import config
    from persona_tf.training.launcher import die_with_launcher
    from persona_tf.training.meeting import cluster_from

    is_launched, cluster = die_with_launcher(), cluster_from()
    settings = config.load(arguments.flags.experiment, arguments.bindings)
    run = run_dir(arguments, settings)
    if cluster and not cluster.is_chief:
        logging.getLogger("persona_tf").setLevel(logging.WARNING)  # the first one tells it all
    elif not is_launched:
        _begin(arguments, settings, run)
    _train_here(settings, run, data_dir(arguments))


def _backend() -> str:
    """What Keras will run on.

    Raises:
      ValueError: training cannot run there, or that is not installed.
    """
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend not in ("tensorflow", "jax"):
        raise ValueError(f"KERAS_BACKEND is {backend!r}: expected tensorflow or jax")
    if importlib.util.find_spec(backend) is None:
        raise ValueError(f"KERAS_BACKEND is {backend!r}, which is not installed: pip install '.[{backend}]'")
    return backend


def _evaluate_apart(run: "RunDir", data: pathlib.Path) -> None:
    """Evaluates in a process of its own, on TensorFlow: what writes answers runs there alone."""
    command = (sys.executable, "-m", "persona_tf", "evaluate", f"--run={run.path}", f"--data_dir={data}")
    if subprocess.run(command, env={**os.environ, "KERAS_BACKEND": "tensorflow"}, check=False).returncode:
        raise ChildProcessError(f"the bot in {run.path} is trained, but was not evaluated; `make eval` tries again")


def _save_bundle(settings: "Settings", run: "RunDir", model: Any, vocabulary_model: bytes, step: int) -> None:
    from persona_tf.export.bundle import save_bundle

    configs = {name: getattr(settings, name) for name in ("text", "example", "decode")}
    configs["model"] = model.config  # with the sizes that the vocabulary decides
    save_bundle(run.bundle, settings.experiment.name, step, configs, model, vocabulary_model)


def _open_teacher(folder: pathlib.Path) -> Any:
    from persona_tf.chat.bot import Bot
    from persona_tf.export.bundle import load_bundle, open_bundle
    from persona_tf.training.teacher import Teacher

    text, example, sizes, decode = (
        open_bundle(folder).configs[name] for name in ("text", "example", "model", "decode")
    )
    return Teacher(
        text,
        example,
        sizes,
        load=lambda: load_bundle(folder).model,
        answer=lambda: Bot.load(folder, decode.as_greedy()).answer,
    )


def vocab(arguments: Arguments) -> None:
    """Trains an experiment's vocabulary alone."""
    if not arguments.flags.out:
        raise ValueError("expected --out=FILE: where the vocabulary goes")
    from persona_tf import config

    with tensorflow_quiet():
        from persona_tf.training.experiment import make_vocabulary

    settings = config.load(arguments.flags.experiment, arguments.bindings)
    path = pathlib.Path(arguments.flags.out)
    make_vocabulary(settings, data_dir(arguments), path)
    print(f"{path}: {settings.text.vocabulary_size:,} ids")


def _show_samples(settings: "Settings", writer: Any, model: Any, packer: Any, examples: Any, step: int) -> None:
    from persona_tf.chat.bot import Bot
    from persona_tf.evaluation.samples import show_samples
    from persona_tf.export.bundle import Bundle

    bundle = Bundle(settings.experiment.name, step, settings.text, settings.example, settings.decode, model, packer)
    # A new one each time: it keeps the weights as they are now. Greedy, which is ready at once: what TensorFlow alone
    # does, as guidance, would be traced anew each time.
    show_samples(writer, Bot(bundle, settings.decode.as_greedy()), examples, step)


def board(folder: pathlib.Path) -> contextlib.AbstractContextManager[Any]:
    """For what comes on top of the curves of a training."""
    from persona_tf.training.summaries import SummaryWriter

    return contextlib.closing(SummaryWriter(folder, begins=False))


def sweep(arguments: Arguments) -> None:
    """Trains experiments with several seeds, one after the other."""
    from persona_tf import config
    from persona_tf.evaluation.commands import Sweep, sweep
    from persona_tf.training.checkpoint import is_trained

    given = arguments.flags
    root = pathlib.Path(given.runs) if given.runs else config.root() / "runs"
    options = [f"--data_dir={given.data_dir}"] if given.data_dir else []
    sweep(Sweep(given.experiments, given.seeds, arguments.bindings, root, options), config.load, is_trained)
