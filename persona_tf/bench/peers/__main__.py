"""``python -m persona_tf.bench.peers``: measures every system that is installed and writes the report."""

import argparse
import logging
import pathlib

from persona_tf.bench.peers import peers
from persona_tf.bench.peers.compare import compare
from persona_tf.bench.peers.report import markdown, report


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m persona_tf.bench.peers", description=__doc__)
    parser.add_argument("--batches", type=_numbers, default=[1, 8, 32], help="1,8,32")
    parser.add_argument("--contexts", type=_numbers, default=[64, 128, 256, 512, 1024], help="64,128,256,512,1024")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--systems", type=lambda text: text.split(","), help="names; by default all installed")
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path("runs/peers"), help="for the report")
    parser.add_argument("--models", type=pathlib.Path, help="keeps the peers' files for the next time")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    systems = options.systems or list(peers())
    rows = compare(options.batches, options.contexts, options.rounds, systems, options.models)
    report(rows, options.folder)
    print(markdown(rows))


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


if __name__ == "__main__":
    main()
