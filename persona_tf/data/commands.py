"""What ``python -m persona_tf data ACTION SOURCE`` does. Knows no flags: it is given what they say."""

import ast
import dataclasses
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked of a source.

    ``splits`` may be empty: then the action has its own. ``count``: how many dialogues are shown. ``options``: what
    the source's reader takes besides, see `read_options`.
    """

    source: str
    data_dir: Path
    splits: tuple[str, ...] = ()
    count: int = 1
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def read_options(texts: Iterable[str]) -> dict[str, Any]:
    """``NAME=VALUE`` texts as a dict; a value is a Python literal or a string.

    Raises:
      ValueError: a text has no "=", or no name before it.

    >>> read_options(["persona=both", "learners=(0, 1)"])
    {'persona': 'both', 'learners': (0, 1)}
    """
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ValueError(f"--option {text}: expected NAME=VALUE")
        try:
            options[name] = ast.literal_eval(value)
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):  # all that `literal_eval` raises
            options[name] = value
    return options


def _prepare(asked: Request) -> None:
    from persona_tf.data.prepare import prepare

    prepare(asked.source, asked.data_dir, print, asked.options)


def _display(asked: Request) -> None:
    from persona_tf.data.display import display
    from persona_tf.data.sources import read_split

    split, *others = asked.splits or ("train",)
    if others or asked.count < 0:
        raise ValueError("data display takes one --split, and an --n of 0 or more")
    display(read_split(asked.source, split, asked.data_dir, asked.options), asked.count, sys.stdout)


def _stats(asked: Request) -> None:
    from persona_tf.data.sources import read_split, source_named
    from persona_tf.data.stats import stats, stats_table

    splits = asked.splits or source_named(asked.source).splits
    columns = {s: stats(read_split(asked.source, s, asked.data_dir, asked.options)) for s in splits}
    print(stats_table(columns))


def _verify(asked: Request) -> None:
    from persona_tf.data.verify import verify

    problems = verify(asked.source, asked.data_dir, asked.options, asked.splits or None)
    if problems:
        raise ValueError(f"{asked.source}: {len(problems)} problems\n" + "\n".join(f"  {line}" for line in problems))
    print(f"{asked.source}: all is well")


def _export_chats(asked: Request) -> None:
    from persona_tf.data.chats import export_chats

    written = export_chats(Path(asked.source), asked.data_dir, **asked.options)
    print("\n".join(f"{asked.data_dir}/chats, {split}: {count} conversations" for split, count in written.items()))
    print("To train on them: DataConfig.source = 'chats'")


ACTIONS: Mapping[str, Callable[[Request], None]] = {
    "prepare": _prepare,
    "display": _display,
    "stats": _stats,
    "verify": _verify,
    "export-chats": _export_chats,
}
"""Each action by its name. All raise a ValueError or OSError that says what to do."""
