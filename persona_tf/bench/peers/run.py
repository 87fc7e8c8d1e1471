"""From shapes to the report: measures every system that is installed, and says what came of it."""

import logging
import pathlib
from collections.abc import Sequence

from persona_tf.bench.peers import lacking, peers
from persona_tf.bench.peers.compare import compare
from persona_tf.bench.peers.report import markdown, report

SHAPES: tuple[tuple[int, int], ...] = (
    (1, 64),
    (1, 128),
    (1, 256),
    (1, 512),
    (1, 1024),
    (8, 256),
    (32, 64),
    (32, 256),
    (32, 1024),
)
"""Batch and tokens of context."""

FOLDER = pathlib.Path("experiments/bench_decoding")
"""Where the report goes; below the folder in which one stands."""


def run(
    shapes: Sequence[tuple[int, int]],
    rounds: int = 7,
    systems: Sequence[str] = (),
    folder: pathlib.Path = FOLDER,
    models: pathlib.Path | None = None,
) -> str:
    """Measures, writes the report into ``folder``, and gives its Markdown.

    Args:
      shapes: batch and tokens of context of each.
      rounds: of measurements in turns.
      systems: their names; none: all that are installed.
      models: keeps the peers' files for the next time; None: they are temporary.

    Raises:
      ValueError: there is no system of a name, or it is not installed.
    """
    for name in systems:
        if missing := lacking(name):
            raise ValueError(f"{name} needs {', '.join(missing)}: pip install '.[bench]'")
    names = list(systems) or list(peers())
    logging.info("%d systems, %d shapes, in turns: some ten seconds each, all in all", len(names), len(shapes))
    rows = compare(shapes, rounds, names, models)
    report(rows, folder)
    return f"{markdown(rows)}\nWritten to {folder}/results.md, results.json and context.png."
