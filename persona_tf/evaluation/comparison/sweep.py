"""Experiments times seeds: one run after the other, each in a process of its own, and a table of what came of them.

How a run is trained is not known here: a `Job` says which command makes it and whether it is done.
"""

import contextlib
import dataclasses
import json
import shlex
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from persona_tf.atomic_file import write_atomically
from persona_tf.evaluation.comparison.statistics import Spread
from persona_tf.evaluation.comparison.table import mean_and_sd
from persona_tf.evaluation.table import finite, markdown_table, write_json
from persona_tf.run_dir import RunDir


@dataclasses.dataclass(frozen=True)
class Job:
    """One run to be made: ``command`` makes it or goes on with it, ``trained()`` says whether its training is over.

    ``minutes``: about how long it takes, for the one who waits.
    """

    experiment: str
    seed: int
    run: RunDir
    splits: tuple[str, ...]
    command: tuple[str, ...]
    trained: Callable[[], bool]
    minutes: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether it is trained to the end, and the bundle that this left is evaluated on every split."""
        return self.trained() and all(_is_evaluated(self.run, split) for split in self.splits)


def seeds_of(texts: Sequence[str]) -> tuple[int, ...]:
    """Seeds as they are typed.

    Raises:
      ValueError: there is none, one is no whole number of 0 or more, or stands twice.
    """
    if not texts or not all(text.strip().isascii() and text.strip().isdigit() for text in texts):
        raise ValueError(f"--seeds: expected whole numbers with commas, such as 0,1,2, got {','.join(texts)!r}")
    seeds = tuple(map(int, texts))
    twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
    if twice:
        raise ValueError(f"--seeds: {', '.join(map(str, twice))} stands there twice; a run of one seed is one run")
    return seeds


def run_jobs(jobs: Sequence[Job], say: Callable[[str], None] = print) -> dict[str, str]:
    """Makes what is not complete, one after the other. A run that fails does not keep the others from being made.

    Returns:
      What failed: the run's folder and why.

    Raises:
      KeyboardInterrupt: it was stopped; the run that was being made has saved what it had.
    """
    failed = {}
    for number, job in enumerate(jobs, 1):
        which = f"[{number}/{len(jobs)}] {job.experiment}, seed {job.seed}"
        if job.is_complete:
            say(f"{which}: complete in {job.run.path}")
            continue
        took = f", about {job.minutes:g} minutes" if job.minutes else ""
        say(f"{which}: {shlex.join(job.command)}{took}")
        code = _call(job.command)
        if code == _INTERRUPTED or code == -signal.SIGINT:
            raise KeyboardInterrupt
        if code:
            why = f"killed by signal {-code}" if code < 0 else f"exit code {code}: see above"
        elif not job.is_complete:
            why = f"it ended, but {_missing(job)}"
        else:
            continue
        failed[str(job.run.path)] = why
        say(f"{which}: failed ({why})")
    return failed


def sweep_table(jobs: Sequence[Job], failed: Mapping[str, str]) -> tuple[str, dict[str, Any]]:
    """What came of some jobs, as Markdown and as JSON-able dicts: mean and deviation over seeds for each experiment."""
    done = [job for job in jobs if str(job.run.path) not in failed]
    experiments = tuple(dict.fromkeys(job.experiment for job in jobs))
    splits = tuple(dict.fromkeys(split for job in done for split in job.splits))
    parts, found = [], {}
    for split in splits:
        columns = {
            name: _spreads([j for j in done if j.experiment == name and split in j.splits], split)
            for name in experiments
        }
        found[split] = {name: _json(column) for name, column in columns.items()}
        parts.append(_split_table(split, columns, done))
    if failed:
        parts.append("Not in the table:\n\n" + "".join(f"* {path}: {why}\n" for path, why in failed.items()))
    seeds = {name: [job.seed for job in done if job.experiment == name] for name in experiments}
    return "\n".join(parts), finite({"seeds": seeds, "splits": found, "failed": dict(failed)})


def write_sweep(path: Path, jobs: Sequence[Job], failed: Mapping[str, str]) -> str:
    """Writes ``path`` (Markdown) and the same with the ending ``.json``; returns the text."""
    text, data = sweep_table(jobs, failed)
    write_json(path.with_suffix(".json"), data)
    write_atomically(path, text.encode())
    return text


_INTERRUPTED = 130
_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _call(command: Sequence[str]) -> int:
    """Runs a command to its end and returns its exit code.

    It is in a session of its own, so that Ctrl-C reaches it once and from here alone: it then saves, which is waited
    for. A second Ctrl-C ends it at once.
    """
    with _stopped_by_signals(), subprocess.Popen(command, start_new_session=True) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.send_signal(signal.SIGINT)
            try:
                child.wait()
            except KeyboardInterrupt:
                child.kill()
            raise


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """A closed terminal or a polite kill stops the body as Ctrl-C does: no child is left behind.

    SIGINT is among them since a shell script starts what is in the background with that one ignored, which a child
    would inherit: it would not hear that it is to stop.
    """

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in _STOPS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_evaluated(run: RunDir, split: str) -> bool:
    """Whether all files of the evaluation are there, and of the step of the bundle. The table is written last."""
    paths = run.predictions(split), run.evaluation(split, "md"), run.evaluation(split, "json")
    try:
        evaluated, about = (json.loads(path.read_text("utf-8")) for path in (paths[2], run.bundle / "bundle.json"))
        return all(path.is_file() for path in paths) and evaluated["step"] == about["step"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _missing(job: Job) -> str:
    if not job.trained():
        return "its training is not over"
    return f"it is not evaluated on {', '.join(s for s in job.splits if not _is_evaluated(job.run, s))}"


def _spreads(jobs: Sequence[Job], split: str) -> dict[str, Spread]:
    """The metrics that all seeds of one experiment have."""
    found = [_metrics(job.run.evaluation(split, "json")) for job in jobs]
    names = [name for name in (found[0] if found else ()) if all(name in one for one in found)]
    return {name: Spread(tuple(one[name] for one in found)) for name in names}


def _metrics(path: Path) -> dict[str, float]:
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))["metrics"]
        return {name: float("nan") if m["value"] is None else float(m["value"]) for name, m in metrics.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: is no evaluation ({error}); evaluate the run again") from error


def _split_table(split: str, columns: Mapping[str, Mapping[str, Spread]], jobs: Sequence[Job]) -> str:
    counts = {name: sum(job.experiment == name for job in jobs) for name in columns}
    head = ["metric", *(f"{name} ({n} seed{'s' * (n != 1)})" for name, n in counts.items())]
    names = dict.fromkeys(name for column in columns.values() for name in column)
    rows = [[name, *(mean_and_sd(name, c[name]) if name in c else "–" for c in columns.values())] for name in names]
    return f"{split}: mean ± standard deviation over seeds\n\n{markdown_table([head, *rows])}"


def _json(column: Mapping[str, Spread]) -> dict[str, Any]:
    return {name: {"mean": s.mean, "sd": s.sd, "values": list(s.values)} for name, s in column.items()}
