"""Measures systems in turns: for each batch and context fresh workers, then round after round, each asked once."""

import dataclasses
import logging
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from persona_tf.bench.peers import SYSTEMS, lacking, quiet, sizes
from persona_tf.bench.peers.workers import Worker, WorkerFailed, environment, start

NOT_THE_SAME_WORK = (
    "The peers run BART (transformers, KerasHub, CTranslate2 and ONNX Runtime the same weights; with top-p near 0 they "
    "write the same tokens), which normalises after each sublayer. Ours normalises before it, reads half the context "
    "as items and half as turns (`concat`, no copy head); on TensorFlow it also scores the sources and has an emote "
    "head; its weights are others.",
    "All draw from the exact nucleus. KerasHub keeps one id more where the mass before it is exactly 0.9.",
    "transformers and CTranslate2 sort the whole vocabulary at each step, KerasHub by top_k of all of it, or of "
    "1,024, which is exact as long as no nucleus is larger (the largest of 128 had 164 ids); for ONNX "
    "Runtime, which brings no sampler, the loop and the drawing are ours, in NumPy.",
    "Each has its own random numbers: the same seed gives other tokens, but as many.",
    "CTranslate2 takes and gives strings; their translation to and from ids is in its time. Its end token is forbidden "
    "for 32 tokens; with the others no token ends a reply.",
    "Two threads each; CTranslate2's int8 and ONNX Runtime also with one, which is faster where a step is short. Ours "
    "on ONNX Runtime reads with two, and writes each row with one.",
    "int8: CTranslate2 also stores embeddings so; ONNX Runtime quantises products with weights only; ours also what "
    "several rows read of the context.",
    "KerasHub's BART has GELU; it was exchanged for ReLU. Its first pass runs over all 33 positions of the decoder.",
    "KerasHub and ours as float32 XLA make a program for each shape before the measurement (some 20 seconds a shape); "
    "the others take any shape.",
    "ONNX Runtime's graphs are our own layout of BART's weights (fused projections, its own attention operator), "
    "not what an exporter gives for transformers' own code.",
)
"""To be read with the table."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One system at one batch and context. ``spread_ms`` is half the interquartile range over the rounds.

    ``added_mb`` is the peak above the imports, ``total_mb`` the peak of the process, medians over the rounds.
    """

    system: str
    precision: str
    batch: int
    context_tokens: int
    median_ms: float
    spread_ms: float
    tokens_per_s: float
    added_mb: float
    total_mb: float


def compare(
    shapes: Sequence[tuple[int, int]],
    rounds: int,
    systems: Sequence[str],
    folder: pathlib.Path | None = None,
    warm_up: int = 2,
) -> list[Row]:
    """Each system at each shape, ``rounds`` times in turns after ``warm_up`` unmeasured replies.

    A shape is a batch and tokens of context. Workers are started anew for each, so that memory does not depend on
    what was measured before. ``folder`` keeps the peers' files for the next time; by default they are temporary. A
    system that fails is left out of that shape, and the log says why.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = folder or pathlib.Path(temporary)
        prepared(folder, systems)
        rows = []
        for number, (batch, context) in enumerate(shapes, 1):
            logging.info("shape %d of %d: batch %d, %d tokens of context", number, len(shapes), batch, context)
            rows += _shape(systems, batch, context, rounds, warm_up, folder)
        return rows


def prepared(folder: pathlib.Path, systems: Iterable[str]) -> None:
    """Makes the files that the peers among ``systems`` load, unless they are there, in a process of its own."""
    installed = [name for name in SYSTEMS if SYSTEMS[name].requires and not lacking(name)]
    done, stamp = folder / "done", repr((installed, {k: v for k, v in vars(sizes).items() if k.isupper()}))
    if not any(SYSTEMS[name].requires for name in systems):
        return
    if done.exists() and done.read_text(encoding="utf-8") == stamp:
        return
    logging.info("making the peers' files in %s (about a minute)", folder)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "persona_tf.bench.peers.prepare", str(folder)]
    with (folder / "prepare.log").open("w", encoding="utf-8") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, env=environment("transformers"))
    done.write_text(stamp, encoding="utf-8")


def _shape(
    systems: Sequence[str], batch: int, context: int, rounds: int, warm_up: int, folder: pathlib.Path
) -> list[Row]:
    workers: dict[str, Worker] = {}
    answers: dict[str, list[dict[str, float]]] = {}

    def trying(name: str, work: Callable[[], object]) -> None:
        try:
            work()
        except WorkerFailed as error:
            logging.warning("batch %d, context %d: %s", batch, context, error)
            answers.pop(name, None)

    def warm(name: str) -> None:
        workers[name] = start(name, folder, folder / f"{name}.log")
        for number in range(warm_up):
            workers[name].ask(batch, context, number)
        answers[name] = []

    def ask(name: str, number: int) -> None:
        answers[name].append(undisturbed(workers[name], batch, context, warm_up + number))

    try:
        for name in systems:
            trying(name, partial(warm, name))
        for number in range(rounds):
            for name in turned(list(answers), number):
                trying(name, partial(ask, name, number))
    finally:
        for worker in workers.values():
            worker.close()
    return [row(name, batch, context, found) for name, found in answers.items()]


def undisturbed(worker: Worker, batch: int, context: int, seed: int, tries: int = 30) -> dict[str, float]:
    """An answer while nobody else used the processor; after ``tries``, a second apart, one with a warning."""
    for _ in range(tries):
        before = quiet.others_s(worker.pid)
        answer = worker.ask(batch, context, seed)
        if not quiet.disturbed(quiet.others_s(worker.pid) - before, answer["milliseconds"] / 1000):
            return answer
        time.sleep(1)
    logging.warning("batch %d, context %d: others use the processor; the figures are too high", batch, context)
    return answer


def turned(names: list[str], number: int) -> list[str]:
    """The names, forwards and backwards in turn and from another one each time, so that none follows one always.

    >>> turned(["a", "b", "c"], 1)
    ['c', 'b', 'a']
    >>> turned(["a", "b", "c"], 2)
    ['b', 'c', 'a']
    """
    start = number // 2 % len(names) if names else 0
    order = names[start:] + names[:start]
    return order[::-1] if number % 2 else order


def row(name: str, batch: int, context: int, answers: Sequence[dict[str, float]]) -> Row:
    """What one system's answers come to."""
    milliseconds = [answer["milliseconds"] for answer in answers]
    median_ms = statistics.median(milliseconds)
    spread_ms = 0.0
    if len(milliseconds) > 1:
        low, _, high = statistics.quantiles(milliseconds, n=4, method="inclusive")
        spread_ms = (high - low) / 2
    return Row(
        system=name,
        precision=SYSTEMS[name].precision,
        batch=batch,
        context_tokens=context,
        median_ms=median_ms,
        spread_ms=spread_ms,
        tokens_per_s=1000 * batch * sizes.NEW_TOKENS / median_ms,
        added_mb=statistics.median(answer["added_mb"] for answer in answers),
        total_mb=statistics.median(answer["total_mb"] for answer in answers),
    )
