"""What a command line asks for: data, runs, and the settings of runs."""

import dataclasses
import pathlib
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from persona_tf.command_line import Arguments

if TYPE_CHECKING:
    from persona_tf.config import Settings
    from persona_tf.run_dir import RunDir


def data_dir(arguments: Arguments) -> pathlib.Path:
    """The folder of the data; it need not exist yet. Raises what `source_file.checked_data_dir` raises."""
    from persona_tf.data.source_file import checked_data_dir, default_data_dir

    given = arguments.flags.data_dir
    return checked_data_dir(pathlib.Path(given) if given else default_data_dir())


def run_dir(arguments: Arguments, settings: "Settings") -> "RunDir":
    """The run's folder, given or usual."""
    from persona_tf import config
    from persona_tf.run_dir import RunDir

    if arguments.flags.run:
        return RunDir(pathlib.Path(arguments.flags.run))
    return RunDir.default(config.root(), settings.experiment.name, settings.train.seed)


def trained(arguments: Arguments) -> "RunDir":
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
        run = run_dir(arguments, settings)
        gin = f' GIN="SEED={settings.train.seed}"' if settings.train.seed else ""
        make = f"make train EXP={settings.experiment.name}{gin}"
        takes = f" (about {duration(settings.experiment.minutes)} on two cores)"
    return run.check_trained(f"This makes one{takes}: {make}")


def trained_in(folder: str) -> "RunDir":
    """The run in a folder; as `trained`."""
    from persona_tf.run_dir import RunDir

    return RunDir(pathlib.Path(folder)).check_trained(f"This makes one: make train EXP=... RUN={shlex.quote(folder)}")


def overridden(run: "RunDir", bindings: Sequence[str]) -> tuple["Settings", dict[str, Any]]:
    """The run's settings with the bindings over them, and those fields of DecodeConfig that the bindings set.

    Raises:
      ValueError: they would change what was trained.
    """
    from persona_tf import config

    run.check_has_config()
    old, new = config.load(run.config), config.load(run.config, bindings)
    for field in ("data", "text", "example", "model", "retriever", "train", "distill"):
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


def duration(minutes: float) -> str:
    """Minutes in words."""
    return f"{minutes:g} minutes" if minutes < 120 else f"{minutes / 60:g} hours"
