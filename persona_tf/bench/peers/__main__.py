"""``python -m persona_tf.bench.peers``: the decoding bench with shapes and systems of one's choice."""

import argparse
import itertools
import logging
import pathlib

from persona_tf.bench.peers.run import FOLDER, SHAPES, run


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m persona_tf.bench.peers", description=__doc__)
    parser.add_argument("--batches", type=_numbers, help="1,8,32; with --contexts in place of the usual shapes")
    parser.add_argument("--contexts", type=_numbers, help="64,128,256,512,1024")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--systems", type=lambda text: text.split(","), default=[], help="by default all installed")
    parser.add_argument("--folder", type=pathlib.Path, default=FOLDER, help="for the report")
    parser.add_argument("--models", type=pathlib.Path, help="keeps the peers' files for the next time")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    shapes = SHAPES
    if options.batches or options.contexts:
        shapes = tuple(itertools.product(options.batches or [1], options.contexts or [256]))
    print(run(shapes, options.rounds, options.systems, options.folder, options.models))


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
