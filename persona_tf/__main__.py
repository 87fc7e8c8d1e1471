"""The verbs: ``python -m persona_tf VERB``. Logging is set up here only.

Each verb imports its rooms when it runs, so that ``--help`` is instant. Where a lower room needs a higher one
at run time, the verb hands it over.
"""

import contextlib
import io
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from persona_tf.command_line import Arguments, Verb, help_on, help_on_all, parse
from persona_tf.data import commands
from persona_tf.flag_table import in_words, near
from persona_tf.system_errors import explained
from persona_tf.text.native_stderr import everything_shown
from persona_tf.verbs import data, describing, evaluating, talking, training

if TYPE_CHECKING:
    pass

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
    _choose_backend(name)
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
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("persona_tf").setLevel(logging.INFO)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # progress arrives also through a pipe


def _choose_backend(name: str) -> None:
    """Keras chooses when it is imported. Only training runs elsewhere than on TensorFlow."""
    chosen = os.environ.get("KERAS_BACKEND") if name in ("train", "sweep") else None
    os.environ["KERAS_BACKEND"] = chosen or "tensorflow"


_WHO = ("name", "partner", "place", "persona", "card")
_ON_TELEGRAM = tuple(
    "experiment run data_dir engine chat_file retriever telegram_api name place persona card offensive".split()
)

VERBS: Mapping[str, Verb] = {
    "data": Verb(
        "download, show, count or check a source of dialogues; export those with the server's bot",
        data.data,
        ("data_dir", "split", "n", "option"),
        "|".join(commands.ACTIONS) + " SOURCE (export-chats: the server's file)",
        gin=False,
    ),
    "vocab": Verb(
        "train an experiment's vocabulary alone, as `train` does",
        training.vocab,
        ("experiment", "data_dir", "out"),
    ),
    "describe": Verb("draw a model, and count what it costs", describing.describe, ("experiment", "run")),
    "train": Verb(
        "train an experiment, then evaluate it", training.train, ("experiment", "run", "data_dir", "workers")
    ),
    "evaluate": Verb(
        "evaluate a trained bot, or a file of predictions",
        evaluating.evaluate,
        ("experiment", "run", "data_dir", "splits", "predictions", "references"),
    ),
    "decoders": Verb(
        "answer in several ways of choosing words, and compare them",
        evaluating.decoders,
        ("experiment", "run", "data_dir", "splits", "ways"),
    ),
    "override": Verb(
        "attack a trained bot's persona, and see whether it holds", evaluating.override, ("experiment", "run")
    ),
    "remember": Verb(
        "see what a trained bot with a memory still knows long after",
        evaluating.remember,
        ("experiment", "run", "retriever"),
    ),
    "chat": Verb(
        "talk to a trained bot in the terminal",
        talking.chat,
        ("experiment", "run", "data_dir", "seed", "engine", *_WHO, "retriever", "memory", "offensive"),
    ),
    "serve": Verb(
        "talk to a trained bot in the browser; for programs an API of its own, and that of OpenAI's clients",
        talking.serve,
        tuple("experiment run other retriever engine host port chat_file each_minute offensive".split()),
    ),
    "telegram": Verb(
        "talk to a trained bot on Telegram; its token is in TELEGRAM_TOKEN", talking.telegram, _ON_TELEGRAM
    ),
    "self_chat": Verb(
        "let two bots talk to each other, and measure how it goes",
        evaluating.self_chat,
        ("experiment", "run", "other", "data_dir", "splits", "turns", "chats", "seed", "engine"),
    ),
    "compare": Verb(
        "set runs on the same data side by side, with tests",
        evaluating.compare,
        ("splits", "out"),
        "RUN RUN ...",
        False,
    ),
    "sweep": Verb("train experiments with several seeds", training.sweep, ("experiments", "seeds", "runs", "data_dir")),
    "bench": Verb("measure speed, ours and of peers", evaluating.bench, ("run",), "[NAME ...]", gin=False),
}
"""All verbs."""


if __name__ == "__main__":
    entry_point()
