"""Reads what was typed: the flags, words and gin bindings of a verb; and says which there are. Knows no rooms."""

import dataclasses
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import flags

from persona_tf.flag_table import FLAGS, check_value

GIN = "--gin."
"""What a binding of gin begins with."""


@dataclasses.dataclass(frozen=True)
class Arguments:
    """A command line: flags by name, what stands beside them, ``--gin.NAME=VALUE``, and the whole."""

    flags: Any
    words: tuple[str, ...]
    bindings: tuple[str, ...]
    typed: str


@dataclasses.dataclass(frozen=True)
class Verb:
    """What a verb does, in one line; the function; the names of its flags; the words it takes; whether it reads gin."""

    about: str
    run: Callable[[Arguments], None]
    flags: tuple[str, ...]
    words: str = ""
    gin: bool = True


def parse(name: str, verb: Verb, rest: Sequence[str]) -> Arguments:
    """What stands after a verb.

    Raises:
      ValueError: a flag is unknown, twice there or of another type, or something is there that the verb does not take.
    """
    bindings = [word.removeprefix(GIN) for word in rest if word.startswith(GIN)]
    if bindings and not verb.gin:
        raise ValueError(f"{GIN}{bindings[0]}: this verb reads no gin")
    values = _flag_values(verb)
    try:
        words = values([name, *(word for word in rest if not word.startswith(GIN))])[1:]
    except flags.Error as error:
        raise ValueError(str(error)) from error
    if words and not verb.words:
        raise ValueError(f"unexpected {words[0]!r}")
    for flag in verb.flags:
        check_value(flag, getattr(values, flag))
    return Arguments(values, tuple(words), tuple(bindings), shlex.join(["python", "-m", "persona_tf", name, *rest]))


def help_on_all(verbs: Mapping[str, Verb]) -> str:
    """A line a verb."""
    lines = [f"  {name:10} {verb.about}" for name, verb in verbs.items()]
    usage = "usage: python -m persona_tf VERB [--flag=value ...]"
    return "\n".join([usage, "", *lines, "", "python -m persona_tf VERB --help lists the flags of a verb."])


def help_on(name: str, verb: Verb) -> str:
    """What a verb does, and its flags."""
    words = f" {verb.words}" if verb.words else ""
    usage = f"usage: python -m persona_tf {name}{words} [--flag=value ...]"
    return "\n".join([usage, verb.about, "", *_flag_help(verb)])


def _flag_values(verb: Verb) -> Any:
    values = flags.FlagValues()
    for flag in (*verb.flags, "debug"):
        kind, default, about = FLAGS[flag]
        getattr(flags, f"DEFINE_{kind}")(flag, default, about, flag_values=values)
    return values


def _flag_help(verb: Verb) -> Iterator[str]:
    for flag in (*verb.flags, "debug"):
        yield f"  --{flag:12} {FLAGS[flag][2]}"
    if verb.gin:
        yield "  --gin.NAME=VALUE overrides the config: --gin.SEED=2, --gin.DecodeConfig.method=sample"
