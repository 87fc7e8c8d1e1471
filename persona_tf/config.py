"""The control panel: reads gin files into the frozen config dataclasses of the rooms.

The only module that imports gin. gin itself lets pass much that is a mistake: macros that nothing uses, wrong
types, scopes, values that are required but never set. So the files are read here first, each binding with its
place, checked, and only then handed to gin, which builds the dataclasses and writes down what was in force.

gin launches and never loads: a bundle holds its configs as JSON, talking and serving need none of this.
"""

import dataclasses
import difflib
import pathlib
import re
import tokenize
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import gin
from gin import config_parser

from persona_tf.data.config import DataConfig
from persona_tf.decoding.config import DecodeConfig
from persona_tf.evaluation.config import EvalConfig
from persona_tf.example import ExampleConfig
from persona_tf.model.config import ModelConfig
from persona_tf.pretrained.config import PretrainedConfig
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.text.config import TextConfig
from persona_tf.training.config import TrainConfig
from persona_tf.training.distill_config import DistillConfig

TASKS = ("reply", "retrieve")


class ConfigError(ValueError):
    """A config that cannot be meant: the message names the binding, its file and line, and what to do."""


@dataclasses.dataclass(frozen=True)
class Experiment:
    """An experiment: its name (that of its folder), how many minutes it takes on two cores, and its task.

    ``task``: ``reply`` trains a bot, ``retrieve`` what finds facts for one.
    """

    name: str
    minutes: float
    task: str = "reply"

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise ValueError(f"Experiment.task must be one of {TASKS}, got {self.task!r}")


@dataclasses.dataclass(frozen=True)
class Settings:
    """All configs of one run.

    ``config_text`` holds every binding in force, without includes: it can be loaded again. ``operative_text``
    adds the defaults that nothing has bound.
    """

    experiment: Experiment
    data: DataConfig
    text: TextConfig
    example: ExampleConfig
    model: ModelConfig
    retriever: RetrieverConfig
    pretrained: PretrainedConfig
    train: TrainConfig
    distill: DistillConfig
    decode: DecodeConfig
    evaluate: EvalConfig
    config_text: str
    operative_text: str


CONFIGS: Mapping[str, type] = {
    "Experiment": Experiment,
    "DataConfig": DataConfig,
    "TextConfig": TextConfig,
    "ExampleConfig": ExampleConfig,
    "ModelConfig": ModelConfig,
    "RetrieverConfig": RetrieverConfig,
    "PretrainedConfig": PretrainedConfig,
    "TrainConfig": TrainConfig,
    "DistillConfig": DistillConfig,
    "DecodeConfig": DecodeConfig,
    "EvalConfig": EvalConfig,
}
"""What a gin file may configure: ``Name.field = value``."""

_BUILDERS = {name: gin.external_configurable(cls, name, module="persona_tf") for name, cls in CONFIGS.items()}
_REQUIRED = "gin.REQUIRED"


def root() -> pathlib.Path:
    """The clone that this package lies in.

    Raises:
      FileNotFoundError: the package is installed elsewhere, without gin/ and experiments/.
    """
    folder = pathlib.Path(__file__).resolve().parents[1]
    if not (folder / "gin").is_dir() or not (folder / "experiments").is_dir():
        raise FileNotFoundError(
            f"no gin/ and experiments/ beside {folder / 'persona_tf'}: experiments live in a clone of the "
            "repository, not in the installed package. Clone it and type `make train EXP=quickstart` there"
        )
    return folder


def experiments() -> dict[str, str]:
    """The experiments that exist, each with its question: the first line of its config.gin."""
    files = sorted(file for file in (root() / "experiments").glob("*/config.gin") if file.is_file())
    return {file.parent.name: _first_line(file).lstrip("# ") for file in files}


def load(experiment_or_file: str | pathlib.Path, bindings: Iterable[str] = ()) -> Settings:
    """Reads an experiment, or any gin file, and puts ``bindings`` over it.

    Args:
      experiment_or_file: ``"quickstart"``, or the path of a file that ends in ``.gin``.
      bindings: such as ``"SEED=2"`` or ``"ModelConfig.precision=float32"``; a bare word is a string.

    Raises:
      FileNotFoundError: there is no such experiment or file; the message lists those that exist.
      ConfigError: see the class.
    """
    panel = _Panel()
    file = _config_file(experiment_or_file)
    for binding in _read(file, ()):
        panel.bind(binding)
    for text in bindings:
        panel.bind(_from_command_line(text))
    panel.check(_shown(file))
    settings = _build(panel)
    _check_name(experiment_or_file, settings.experiment.name)
    return settings


# ----------------------------------------------------------------------------------------------- reading


class _Macro(str):
    """A use of ``%NAME``; prints as gin writes it."""

    def __repr__(self) -> str:
        return f"%{self}"


class _Reference(str):
    """A use of ``@name``: parsed, so that the message can say where it stands."""


class _Delegate(config_parser.ParserDelegate):
    def configurable_reference(self, scoped_configurable_name: str, evaluate: bool) -> _Reference:
        return _Reference(scoped_configurable_name)

    def macro(self, macro_name: str) -> _Macro:
        return _Macro(macro_name)


@dataclasses.dataclass(frozen=True)
class _Binding:
    """``config.field = value``, or ``macro = value`` with ``field`` ""; ``place`` is a file and line."""

    config: str
    field: str
    value: Any
    place: str

    @property
    def key(self) -> str:
        return f"{self.config}.{self.field}" if self.field else self.config


def _config_file(experiment_or_file: str | pathlib.Path) -> pathlib.Path:
    if str(experiment_or_file).endswith(".gin"):
        return pathlib.Path(experiment_or_file)
    file = root() / "experiments" / str(experiment_or_file) / "config.gin"
    if not experiment_or_file or not file.is_file():
        known = experiments()
        listed = "\n".join(f"  {name:20} {question}" for name, question in known.items())
        near = _near(str(experiment_or_file), known) or "."
        asked = f"no experiment {str(experiment_or_file)!r}"
        if not experiment_or_file:
            asked = "which experiment? --experiment=NAME names it, EXP=NAME to make"
        raise FileNotFoundError(f"{asked}{near} There are:\n{listed}")
    return file


def _read(file: pathlib.Path, within: tuple[pathlib.Path, ...]) -> Iterator[_Binding]:
    """The bindings of a file, those of its includes before its own."""
    if file in within:
        raise ConfigError(f"{_shown(within[-1])} includes {_shown(file)}, which includes it in turn")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, IsADirectoryError) as error:
        where = f", included by {_shown(within[-1])}" if within else ""
        raise FileNotFoundError(f"no config file {_shown(file)}{where}") from error
    except UnicodeDecodeError as error:
        line = 1 + error.object[: error.start].count(b"\n")
        raise ConfigError(f"{_shown(file)}:{line}: expected text in UTF-8 ({error}); save the file anew") from error
    bound: dict[str, _Binding] = {}
    for statement in _parse(text, _shown(file)):
        place = f"{_shown(file)}:{statement.location.line_num}"
        if isinstance(statement, config_parser.IncludeStatement):
            if bound:
                raise ConfigError(f"{place}: includes come first (one after a binding would override it)")
            yield from _read(root() / statement.filename, (*within, file))
        elif isinstance(statement, config_parser.BindingStatement):
            binding = _binding(statement, place)
            if binding.key in bound:
                raise ConfigError(f"{place}: {binding.key} is bound at {bound[binding.key].place} already")
            bound[binding.key] = binding
            yield binding
        else:
            raise ConfigError(f"{place}: expected `include '...'` or `Name.field = value`, nothing else")


def _first_line(file: pathlib.Path) -> str:
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        return lines.readline().rstrip("\n")


def _parse(text: str, shown: str) -> list[Any]:
    try:
        return list(config_parser.ConfigParser(text, _Delegate()))
    except SyntaxError as error:
        raise ConfigError(f"{shown}:{error.lineno or 1}: {str(error.msg).strip()}") from error
    except tokenize.TokenError as error:
        raise ConfigError(f"{shown}: a bracket or quote is not closed ({error.args[0]})") from error


def _from_command_line(text: str) -> _Binding:
    place = f"--gin.{text}"
    name, equals, value = text.partition("=")
    if not equals or not name.strip() or not value.strip():
        raise ConfigError(f"{place}: expected NAME=VALUE, such as SEED=2")
    if re.fullmatch(r"[A-Za-z_][\w./-]*", value.strip()) and value.strip() not in ("True", "False", "None"):
        value = repr(value.strip())
    statements = _parse(f"{name} = {value}", place)
    if len(statements) != 1 or not isinstance(statements[0], config_parser.BindingStatement):
        raise ConfigError(f"{place}: expected one NAME=VALUE, such as SEED=2")
    return _binding(statements[0], place)


def _binding(statement: Any, place: str) -> _Binding:
    if statement.scope:
        raise ConfigError(f"{place}: scopes ({statement.scope}/...) are not used here; bind {statement.selector}")
    return _Binding(statement.selector, statement.arg_name or "", statement.value, place)


# ----------------------------------------------------------------------------------------------- checking


class _Panel:
    """The bindings in force, a later one in the place of an earlier, and what must hold of them."""

    def __init__(self) -> None:
        self.fields: dict[str, _Binding] = {}
        self.macros: dict[str, _Binding] = {}
        self._replaced: dict[str, _Binding] = {}  # macro -> what took the place of a binding that uses it

    def bind(self, binding: _Binding) -> None:
        """Takes a binding; refuses one of a config or field that does not exist."""
        if not binding.field:
            self.macros[binding.config] = binding
            return
        if binding.config not in CONFIGS:
            raise ConfigError(f"{binding.place}: there is no {binding.config}{_near(binding.config, CONFIGS)}")
        names = [field.name for field in dataclasses.fields(CONFIGS[binding.config])]
        if binding.field not in names:
            near = _near(binding.field, names) or f"; it has {', '.join(names)}"
            raise ConfigError(f"{binding.place}: {binding.config} has no field {binding.field!r}{near}")
        if binding.key in self.fields:
            self._replaced |= dict.fromkeys(_macros_in(self.fields[binding.key].value), binding)
        self.fields[binding.key] = binding

    def check(self, file: str) -> None:
        """Raises a ConfigError unless every macro is used, and every field set and of its type."""
        values = {key: self.resolve(binding) for key, binding in self.fields.items()}
        self._check_macros_used()
        for config, cls in CONFIGS.items():
            hints = typing.get_type_hints(cls)
            for field in dataclasses.fields(cls):
                key = f"{config}.{field.name}"
                if key in values:
                    self._check_type(key, values[key], hints[field.name])
                elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
                    raise ConfigError(f"{key} is required, and nothing sets it: add `{key} = ...` to {file}")

    def resolve(self, binding: _Binding) -> Any:
        """The binding's value with every macro replaced by what it stands for."""
        return self._resolved(binding.value, binding, ())

    def place(self, key: str) -> str:
        """Where a field got its value: the place of the macro that it names, or its own."""
        binding = self.fields[key]
        while isinstance(binding.value, _Macro):
            binding = self.macros[binding.value]
        return binding.place

    def _resolved(self, value: Any, binding: _Binding, within: tuple[str, ...]) -> Any:
        if isinstance(value, _Reference):
            raise ConfigError(f"{binding.place}: {binding.key} = @{value}: only plain values are taken here")
        if isinstance(value, _Macro):
            return self._macro(value, binding, within)
        if isinstance(value, list | tuple):
            return type(value)(self._resolved(v, binding, within) for v in value)
        if isinstance(value, dict):
            return {k: self._resolved(v, binding, within) for k, v in value.items()}
        return value

    def _macro(self, name: _Macro, binding: _Binding, within: tuple[str, ...]) -> Any:
        if name == _REQUIRED:
            raise ConfigError(f"{binding.key} is required, and nothing sets it (declared at {binding.place})")
        if name not in self.macros:
            raise ConfigError(f"{binding.place}: the macro %{name} is not defined{_near(name, self.macros)}")
        if name in within:
            raise ConfigError(f"{binding.place}: the macro %{name} is defined by itself")
        return self._resolved(self.macros[name].value, self.macros[name], (*within, name))

    def _check_macros_used(self) -> None:
        used: set[str] = set()
        wanted = {name for binding in self.fields.values() for name in _macros_in(binding.value)}
        while wanted:
            used |= wanted
            wanted = {n for m in wanted for n in _macros_in(self.macros[m].value)} - used
        for name, binding in self.macros.items():
            if name not in used:
                near = _near(name, used) or f"; there are {', '.join(sorted(used)) or 'none'}"
                if name in self._replaced:
                    near = f" any more, since {self._replaced[name].place} is in its place: set {name} instead"
                raise ConfigError(f"{binding.place}: nothing uses the macro {name}{near}")

    def _check_type(self, key: str, value: Any, hint: Any) -> None:
        if not fits(value, hint):
            got = f"{value!r} ({type(value).__name__})"
            raise ConfigError(f"{self.place(key)}: {key} must be of type {_type_name(hint)}, got {got}")


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of an annotated type; an int does for a float, a bool for no number.

    >>> fits(3, float), fits(True, int), fits(("a",), tuple[str, ...]), fits("a", tuple[str, ...])
    (True, False, True, False)
    """
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, one) for one in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        hints = inner[:1] * len(value) if inner[1:] == (...,) else inner
        return len(hints) == len(value) and all(map(fits, value, hints))
    if origin in (list, dict):
        return isinstance(value, origin)
    if hint in (int, float) and isinstance(value, bool):
        return False
    if hint is float:
        return isinstance(value, int | float)
    return isinstance(value, hint)


def _macros_in(value: Any) -> Iterator[str]:
    if isinstance(value, _Macro):
        yield value
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _macros_in(inner)
    elif isinstance(value, dict):
        yield from _macros_in(list(value.values()))


def _type_name(hint: Any) -> str:
    if typing.get_origin(hint) is tuple:
        return f'{hint}, such as ("a", "b") or ("a",)' if typing.get_args(hint)[:1] == (str,) else str(hint)
    return getattr(hint, "__name__", str(hint))


def _near(name: str, known: Iterable[str]) -> str:
    """A suggestion, also where only the case differs."""
    lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(name.lower(), lower, n=1)
    return f"; did you mean {lower[close[0]]}?" if close else ""


# ----------------------------------------------------------------------------------------------- building


def _build(panel: _Panel) -> Settings:
    bindings = [*panel.macros.values(), *panel.fields.values()]
    gin.clear_config()
    try:
        gin.parse_config_files_and_bindings([], [f"{b.key} = {b.value!r}" for b in bindings])
        configs = [_call(builder, panel) for builder in _BUILDERS.values()]
        texts = [gin.config_str(100), gin.operative_config_str(100)]
    finally:
        gin.clear_config()
    settings = Settings(*configs, *texts)  # CONFIGS stand in the order of Settings' fields
    if settings.example.history_tokens:
        return settings
    example = dataclasses.replace(settings.example, history_tokens=settings.text.history_tokens)
    return dataclasses.replace(settings, example=example)


def _call(builder: Any, panel: _Panel) -> Any:
    try:
        return builder()
    except (TypeError, ValueError) as error:
        message = str(error).partition("\n  In call to")[0]
        places = [f"{key} is set at {panel.place(key)}" for key in panel.fields if key in message]
        raise ConfigError(f"{message} ({'; '.join(places)})" if places else message) from error


def _check_name(experiment_or_file: str | pathlib.Path, name: str) -> None:
    if not str(experiment_or_file).endswith(".gin") and name != str(experiment_or_file):
        file = f"experiments/{experiment_or_file}/config.gin"
        raise ConfigError(f"{file}: Experiment.name must be the name of the folder, got {name!r}")


def _shown(file: pathlib.Path) -> str:
    """The path as seen from the clone where it lies inside."""
    folder = pathlib.Path(__file__).resolve().parents[1]
    return str(file.relative_to(folder)) if file.is_relative_to(folder) else str(file)
