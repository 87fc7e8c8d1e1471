"""The verbs: ``python -m persona_tf VERB``. Logging is set up here only.

Each verb imports its rooms when it runs, so that ``--help`` is instant. Where a lower room needs a higher one
at run time, the verb hands it over.
"""

import contextlib
import dataclasses
import io
import logging
import os
import pathlib
import random
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from persona_tf.atomic_file import check_writable
from persona_tf.command_line import GIN, Arguments, Verb, help_on, help_on_all, parse
from persona_tf.data import commands
from persona_tf.flag_table import in_words, near
from persona_tf.system_errors import explained
from persona_tf.text.native_stderr import everything_shown, without_lines

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot
    from persona_tf.config import Settings
    from persona_tf.data.world.config import WorldConfig
    from persona_tf.episode import Episode
    from persona_tf.run_dir import RunDir

_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a verb and returns the exit code.

    0: done. 1: it could not be done, for the reason printed. 2: the command line is wrong. 130: interrupted.
    """
    typed = list(sys.argv[1:] if argv is None else argv)
    if not typed or typed[0] in ("--help", "-h", "help"):
        print(help_on_all(VERBS))
        return 0
    name, rest = typed[0], typed[1:]
    if name not in VERBS:
        return _fail(f"unknown verb {name!r}{near(name, VERBS)}. Verbs: {', '.join(VERBS)}", 2)
    if "--help" in rest or "-h" in rest:
        print(help_on(name, VERBS[name]))
        return 0
    try:
        arguments = parse(name, VERBS[name], rest)
    except ValueError as error:
        return _fail(f"{name}: {in_words(str(error))}. See: python -m persona_tf {name} --help", 2)
    return _run(name, arguments)


def entry_point() -> None:
    """The console script ``persona_tf``."""
    try:
        code = main()
        sys.stdout.flush()
    except OSError as error:
        if "--debug" in sys.argv:
            raise
        # Nobody reads on (`... | head`), or the disk that standard output goes to is full.
        code = 0 if isinstance(error, BrokenPipeError) else _fail(f"standard output cannot be written: {error}", 1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if code == _INTERRUPTED:
        os._exit(code)  # what other threads compute is waited for no more
    sys.exit(code)


def _run(name: str, arguments: Arguments) -> int:
    _quieten(arguments.flags.debug)
    try:
        with everything_shown() if arguments.flags.debug else contextlib.nullcontext():
            VERBS[name].run(arguments)
    except KeyboardInterrupt:
        again = "; the same command goes on where it stopped" if name in ("train", "sweep") else ""
        return _fail(f"{name}: stopped{again}", _INTERRUPTED)
    except BrokenPipeError:
        raise
    except (ValueError, OSError, FloatingPointError) as error:
        if arguments.flags.debug:
            raise
        return _fail(f"{name}: {explained(error, VERBS[name].flags)}", 1)
    return 0


def _fail(message: str, code: int) -> int:
    print(f"persona_tf {message}", file=sys.stderr)
    return code


def _quieten(debug: bool) -> None:
    """Shows our progress and, of TensorFlow, errors only, or all. Must run before TensorFlow is imported."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if debug else "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("persona_tf").setLevel(logging.INFO)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # progress arrives also through a pipe


def _tensorflow_quiet() -> contextlib.AbstractContextManager[None]:
    """For importing TensorFlow: it speaks before any setting of the log level is read."""
    return without_lines(b"")


# ----------------------------------------------------------------------------------------------- the verbs


def _train(arguments: Arguments) -> None:
    from persona_tf import config
    from persona_tf.atomic_file import write_atomically
    from persona_tf.evaluation.commands import evaluate
    from persona_tf.run_dir import RunDir

    settings = config.load(arguments.flags.experiment, arguments.bindings)
    run, data_dir = _run_dir(arguments, settings), _data_dir(arguments)
    name = settings.experiment.name
    print(f"{name}: about {_duration(settings.experiment.minutes)} on two cores. The run is kept in {run.path}.")
    print("Ctrl-C stops it; the same command goes on from the last checkpoint.")
    with run.as_it_was_unless_begun():
        RunDir.create(run.path, name, settings.config_text, arguments.typed)
        write_atomically(run.operative_config, settings.operative_text.encode())
        with _tensorflow_quiet():
            from persona_tf.training import experiment
        experiment.train(settings, run, data_dir, experiment.Hooks(_save_bundle, _show_samples))
    print(f"Trained. Evaluating on {', '.join(settings.evaluate.splits)} ...")
    evaluate(run, settings, data_dir, board=_board)
    of = f"RUN={shlex.quote(arguments.flags.run)}" if arguments.flags.run else f"EXP={name}"
    print(f"Done. What came of it is in {run.path}. Next:")
    for make, about in _NEXT.items():
        if settings.experiment.task == "reply" or make != _CHAT:
            print(f"  {make.format(of):<{len(of) + 12}} {about}")


def _save_bundle(settings: "Settings", run: "RunDir", model: Any, vocabulary_model: bytes, step: int) -> None:
    from persona_tf.export.bundle import save_bundle

    configs = {name: getattr(settings, name) for name in ("text", "example", "decode")}
    configs["model"] = model.config  # with the sizes that the vocabulary decides
    save_bundle(run.bundle, settings.experiment.name, step, configs, model, vocabulary_model)


def _vocab(arguments: Arguments) -> None:
    if not arguments.flags.out:
        raise ValueError("expected --out=FILE: where the vocabulary goes")
    from persona_tf import config

    with _tensorflow_quiet():
        from persona_tf.training.experiment import make_vocabulary

    settings = config.load(arguments.flags.experiment, arguments.bindings)
    path = pathlib.Path(arguments.flags.out)
    make_vocabulary(settings, _data_dir(arguments), path)
    print(f"{path}: {settings.text.vocabulary_size:,} ids")


def _show_samples(settings: "Settings", writer: Any, model: Any, packer: Any, examples: Any, step: int) -> None:
    from persona_tf.chat.bot import Bot
    from persona_tf.evaluation.samples import show_samples
    from persona_tf.export.bundle import Bundle

    bundle = Bundle(settings.experiment.name, step, settings.text, settings.example, settings.decode, model, packer)
    # A new one each time: it keeps the weights as they are now. Greedy, which is ready at once: what TensorFlow alone
    # does, as guidance, would be traced anew each time.
    show_samples(writer, Bot(bundle, settings.decode.as_greedy()), examples, step)


def _board(folder: pathlib.Path) -> contextlib.AbstractContextManager[Any]:
    """For what comes on top of the curves of a training."""
    from persona_tf.training.summaries import SummaryWriter

    return contextlib.closing(SummaryWriter(folder, begins=False))


def _evaluate(arguments: Arguments) -> None:
    from persona_tf.evaluation.commands import evaluate, evaluate_file

    predictions, references = arguments.flags.predictions, arguments.flags.references
    if predictions:
        idle = [f"--{name}" for name in ("experiment", "run", "splits") if getattr(arguments.flags, name)]
        if idle := [*idle, *(f"{GIN}{binding}" for binding in arguments.bindings)]:
            raise ValueError(f"--predictions=FILE is scored without a run: leave out {' and '.join(idle)}")
        return evaluate_file(pathlib.Path(predictions), pathlib.Path(references) if references else None)
    if references:
        raise ValueError("--references go with --predictions=FILE: whose answers are to be scored?")
    run = _trained(arguments)
    settings, decoding = _overridden(run, arguments.bindings)
    check_writable(run.evaluation("x", "md").parent, run.predictions("x").parent)
    splits, decode = tuple(arguments.flags.splits), settings.decode if decoding else None
    evaluate(run, settings, _data_dir(arguments), splits, decode, _board)
    print(f"The tables are in {run.path / 'evaluation'}, the answers in {run.path / 'predictions'}.")


def _decoders(arguments: Arguments) -> None:
    from persona_tf.evaluation.decoders.ways import chosen_ways

    chosen_ways(arguments.flags.ways)
    run = _trained(arguments)
    settings, decoding = _overridden(run, arguments.bindings)
    settings.decode.check_greedy_but_lengths(decoding)
    check_writable(run.evaluation("x", "md").parent)
    ways = chosen_ways(arguments.flags.ways or settings.evaluate.ways)
    with _tensorflow_quiet():
        from persona_tf.evaluation.decoders import comparison as _  # noqa: F401
    from persona_tf.evaluation.commands import decoders

    decoders(run, settings, arguments.flags.splits, _data_dir(arguments), ways)


def _override(arguments: Arguments) -> None:
    run = _trained(arguments)
    settings, decoding = _overridden(run, arguments.bindings)
    settings.decode.check_greedy_but_lengths(decoding)
    check_writable(run.evaluation("x", "md").parent, run.predictions("x").parent)
    with _tensorflow_quiet():
        from persona_tf.evaluation.override import experiment as override
    override.evaluate_override(run, settings.data, settings.evaluate, settings.decode)
    print(f"Table and picture are in {run.path / 'evaluation'}, what was said in {run.path / 'predictions'}.")


def _chat(arguments: Arguments) -> None:
    run = _trained(arguments)
    decoding = _overridden(run, arguments.bindings)[1] if arguments.bindings else {}
    given = arguments.flags
    seed = random.randrange(10_000) if given.seed is None else given.seed
    from persona_tf.chat.card import read_card
    from persona_tf.data.world.generator import character_and_place
    from persona_tf.data.world_cache import people_of
    from persona_tf.serving.scene import scene

    world = _world_of(run)
    card = read_card(given.card) if given.card else None
    realm = people_of(world, _data_dir(arguments)) if world.people else None
    drawn = character_and_place(seed, world, realm)
    where = scene(drawn, given.name, given.partner, given.place, given.persona, card)
    print(f"Waking the bot of {run.path}. Seed {seed} brings this meeting back.")
    with _tensorflow_quiet():
        from persona_tf.serving import terminal
    terminal.chat(run.bundle, where, seed, decoding, given.engine, card=card)


def _serve(arguments: Arguments) -> None:
    run = _trained(arguments)
    decoding = _overridden(run, arguments.bindings)[1] if arguments.bindings else {}
    given = arguments.flags
    try:
        from persona_tf.serving.web.server import serve
    except ModuleNotFoundError as error:
        raise ValueError(f"the server needs {error.name}: pip install 'persona_tf[serve]', or make setup") from error
    chats = pathlib.Path(given.chat_file) if given.chat_file else run.chats
    check_writable(chats.parent)
    print(f"Serving the bot of {run.path}.")

    def load() -> "Bot":
        from persona_tf.serving.waking import wake

        with _tensorflow_quiet():
            from persona_tf.chat import bot as _  # noqa: F401
        return wake(run.bundle, decoding, given.engine)

    def draw(seed: int) -> "Episode":
        from persona_tf.data.world.generator import character_and_place

        return character_and_place(seed, _world_of(run))

    serve(load, chats, given.host, given.port, given.each_minute, draw)


def _world_of(run: "RunDir") -> "WorldConfig":
    """The built-in world that the run was trained on, so that one meets what it knows; else the whole of it."""
    from persona_tf import config
    from persona_tf.data.world.config import WorldConfig
    from persona_tf.data.world_cache import world_config

    if not run.config.is_file():
        return WorldConfig()
    data = config.load(run.config).data
    return world_config(data.options) if data.source == "world" else WorldConfig()


def _self_chat(arguments: Arguments) -> None:
    given = arguments.flags
    runs = [_trained(arguments), *([_trained_in(given.other)] if given.other else [])]
    overridden = [_overridden(run, arguments.bindings) for run in runs]
    check_writable(runs[0].self_chat)
    with _tensorflow_quiet():
        from persona_tf.evaluation.self_chat import record as _  # noqa: F401
    from persona_tf.evaluation.commands import Talk, self_chat

    decode = [settings.decode if decoding else None for settings, decoding in overridden]
    asked = (_data_dir(arguments), given.splits, given.turns, given.chats, given.seed or 0, given.engine)
    self_chat(Talk(runs, decode, *asked), overridden[0][0])


def _compare(arguments: Arguments) -> None:
    from persona_tf.evaluation.commands import compare

    compare(arguments.words, arguments.flags.splits, arguments.flags.out)


def _sweep(arguments: Arguments) -> None:
    from persona_tf import config
    from persona_tf.evaluation.commands import Sweep, sweep
    from persona_tf.training.checkpoint import is_trained

    given = arguments.flags
    root = pathlib.Path(given.runs) if given.runs else config.root() / "runs"
    options = [f"--data_dir={given.data_dir}"] if given.data_dir else []
    sweep(Sweep(given.experiments, given.seeds, arguments.bindings, root, options), config.load, is_trained)


def _data(arguments: Arguments) -> None:
    known = "|".join(commands.ACTIONS)
    if len(arguments.words) != 2 or arguments.words[0] not in commands.ACTIONS:
        raise ValueError(f"expected `data {known} SOURCE`, got `data {' '.join(arguments.words)}`")
    (action, source), given = arguments.words, arguments.flags
    options = commands.read_options(given.option)
    request = commands.Request(source, _data_dir(arguments), tuple(given.split or ()), given.n, options)
    commands.ACTIONS[action](request)


def _bench(arguments: Arguments) -> None:
    with _tensorflow_quiet():
        from persona_tf.bench import bench
    bench.main(arguments.words)


_CHAT = "make chat {}"
_NEXT = {
    _CHAT: "talk to it",
    "make eval {}": "evaluate it again",
    "make board": "curves in TensorBoard",
    "make test": "the tests",
}

_WHO = ("name", "partner", "place", "persona", "card")

VERBS: Mapping[str, Verb] = {
    "data": Verb(
        "download, show, count or check a source of dialogues; export those with the server's bot",
        _data,
        ("data_dir", "split", "n", "option"),
        "|".join(commands.ACTIONS) + " SOURCE (export-chats: the server's file)",
        gin=False,
    ),
    "vocab": Verb(
        "train an experiment's vocabulary alone, as `train` does",
        _vocab,
        ("experiment", "data_dir", "out"),
    ),
    "train": Verb("train an experiment, then evaluate it", _train, ("experiment", "run", "data_dir")),
    "evaluate": Verb(
        "evaluate a trained bot, or a file of predictions",
        _evaluate,
        ("experiment", "run", "data_dir", "splits", "predictions", "references"),
    ),
    "decoders": Verb(
        "answer in several ways of choosing words, and compare them",
        _decoders,
        ("experiment", "run", "data_dir", "splits", "ways"),
    ),
    "override": Verb("attack a trained bot's persona, and see whether it holds", _override, ("experiment", "run")),
    "chat": Verb(
        "talk to a trained bot in the terminal",
        _chat,
        ("experiment", "run", "data_dir", "seed", "engine", *_WHO),
    ),
    "serve": Verb(
        "talk to a trained bot in the browser; for programs an API of its own, and that of OpenAI's clients",
        _serve,
        ("experiment", "run", "engine", "host", "port", "chat_file", "each_minute"),
    ),
    "self_chat": Verb(
        "let two bots talk to each other, and measure how it goes",
        _self_chat,
        ("experiment", "run", "other", "data_dir", "splits", "turns", "chats", "seed", "engine"),
    ),
    "compare": Verb(
        "set runs on the same data side by side, with tests", _compare, ("splits", "out"), "RUN RUN ...", False
    ),
    "sweep": Verb("train experiments with several seeds", _sweep, ("experiments", "seeds", "runs", "data_dir")),
    "bench": Verb("measure speed, ours and of peers", _bench, (), "[NAME ...]", gin=False),
}
"""All verbs."""


# ----------------------------------------------------------------------------------------------- what is asked for


def _data_dir(arguments: Arguments) -> pathlib.Path:
    """The folder of the data; it need not exist yet. Raises what `source_file.checked_data_dir` raises."""
    from persona_tf.data.source_file import checked_data_dir, default_data_dir

    given = arguments.flags.data_dir
    return checked_data_dir(pathlib.Path(given) if given else default_data_dir())


def _run_dir(arguments: Arguments, settings: "Settings") -> "RunDir":
    from persona_tf import config
    from persona_tf.run_dir import RunDir

    if arguments.flags.run:
        return RunDir(pathlib.Path(arguments.flags.run))
    return RunDir.default(config.root(), settings.experiment.name, settings.train.seed)


def _trained(arguments: Arguments) -> "RunDir":
    """The run that is asked for.

    Raises:
      FileNotFoundError: nothing is trained there; the message says what makes one and how long it takes.
      ValueError: a run of another experiment is there.
    """
    from persona_tf import config
    from persona_tf.run_dir import RunDir

    if arguments.flags.run:
        run = RunDir(pathlib.Path(arguments.flags.run))
        if arguments.flags.experiment and run.experiment not in ("", arguments.flags.experiment):
            asked = arguments.flags.experiment
            raise ValueError(f"{run.path} holds a run of {run.experiment}, not of {asked}: leave one of the two out")
        make, takes = f"make train EXP=... RUN={shlex.quote(arguments.flags.run)}", ""
    else:
        settings = config.load(arguments.flags.experiment, arguments.bindings)
        run = _run_dir(arguments, settings)
        gin = f' GIN="SEED={settings.train.seed}"' if settings.train.seed else ""
        make = f"make train EXP={settings.experiment.name}{gin}"
        takes = f" (about {_duration(settings.experiment.minutes)} on two cores)"
    return run.check_trained(f"This makes one{takes}: {make}")


def _trained_in(folder: str) -> "RunDir":
    """The run in a folder; as `_trained`."""
    from persona_tf.run_dir import RunDir

    return RunDir(pathlib.Path(folder)).check_trained(f"This makes one: make train EXP=... RUN={shlex.quote(folder)}")


def _overridden(run: "RunDir", bindings: Sequence[str]) -> tuple["Settings", dict[str, Any]]:
    """The run's settings with the bindings over them, and those fields of DecodeConfig that the bindings set.

    Raises:
      ValueError: they would change what was trained.
    """
    from persona_tf import config

    run.check_has_config()
    old, new = config.load(run.config), config.load(run.config, bindings)
    for field in ("data", "text", "example", "model", "retriever", "train"):
        if getattr(old, field) != getattr(new, field):
            name = type(getattr(old, field)).__name__
            raise ValueError(
                f"GIN changes {name}, but {run.path} was trained with another: after training, only "
                "DecodeConfig and EvalConfig can be changed"
            )
    named = {binding.partition("=")[0].strip() for binding in bindings}
    was, values = dataclasses.asdict(old.decode), dataclasses.asdict(new.decode)
    # What is named counts also where it says what held before: the terminal has defaults of its own.
    return new, {k: v for k, v in values.items() if v != was[k] or f"DecodeConfig.{k}" in named}


def _duration(minutes: float) -> str:
    return f"{minutes:g} minutes" if minutes < 120 else f"{minutes / 60:g} hours"


if __name__ == "__main__":
    entry_point()
