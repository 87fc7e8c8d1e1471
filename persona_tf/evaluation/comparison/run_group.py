"""Runs that are compared: what a folder stands for, and predictions that belong together."""

import dataclasses
import json
import logging
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from persona_tf.evaluation.comparison.learning_curves import Curve, read_curves
from persona_tf.evaluation.prediction_file import ScoredTarget, read_predictions
from persona_tf.run_dir import RunDir

_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class RunGroup:
    """A run, or all seeds of one: ``runs/NAME`` stands for ``runs/NAME/0``, ``runs/NAME/1`` ..."""

    name: str
    runs: tuple[RunDir, ...]

    @property
    def seeds(self) -> tuple[str, ...]:
        """The names of the runs' folders."""
        return tuple(run.path.name for run in self.runs)


@dataclasses.dataclass(frozen=True)
class Answers:
    """What a group answered on one split: the same targets in the same order for each of its seeds."""

    name: str
    seeds: tuple[str, ...]
    targets: tuple[tuple[ScoredTarget, ...], ...]


def find_groups(paths: Sequence[str | Path]) -> list[RunGroup]:
    """The groups that some folders stand for, with names that tell them apart.

    Raises:
      FileNotFoundError: a folder is not there, or holds no run.
      ValueError: there are fewer than two, or a run is in two of them.
    """
    if len(paths) < 2:
        raise ValueError("expected two runs or more: compare runs/quickstart runs/world_base")
    groups = [_runs(Path(path)) for path in paths]
    seen: dict[Path, str] = {}
    for path, runs in zip(paths, groups, strict=True):
        for run in runs:
            where = run.path.resolve()
            if where in seen:
                raise ValueError(f"{run.path} is given twice, by {seen[where]} and by {path}: leave one of them out")
            seen[where] = str(path)
    return [RunGroup(name, runs) for name, runs in zip(_short_names(paths), groups, strict=True)]


def common_splits(groups: Sequence[RunGroup], asked: Sequence[str] = ()) -> tuple[str, ...]:
    """The splits on which every run has predictions, in the order of the first run; or those asked for.

    Raises:
      FileNotFoundError: a run has no predictions at all, or none on a split that was asked for; the message names it.
      ValueError: the runs have no split in common.
    """
    runs = [run for group in groups for run in group.runs]
    have = {run.path: _splits(run) for run in runs}
    for run in runs:
        missing = [split for split in asked if split not in have[run.path]]
        if missing or not have[run.path]:
            on = f" on {', '.join(missing)}" if missing else ""
            there = f" (but on {', '.join(have[run.path])})" if missing and have[run.path] else ""
            raise FileNotFoundError(
                f"{run.path} has no predictions{on}{there}: was its training or evaluation stopped? "
                f"`{_goes_on(run)}` goes on with it; or compare the others alone"
            )
    common = [split for split in have[runs[0].path] if all(split in found for found in have.values())]
    if not common:
        listed = "; ".join(f"{run.path}: {', '.join(have[run.path])}" for run in runs)
        raise ValueError(f"the runs have no split in common ({listed}): evaluate them on the same one")
    return tuple(asked) or tuple(common)


def common_folder(groups: Sequence[RunGroup]) -> Path:
    """The folder that all runs are in."""
    return Path(os.path.commonpath([run.path.absolute().parent for group in groups for run in group.runs]))


def curves(group: RunGroup) -> list[dict[str, Curve]]:
    """The learning curves of each seed that left some; what cannot be read is told and left out."""
    found = []
    for run in group.runs:
        try:
            found.append(read_curves(run.summaries))
        except (ValueError, OSError) as error:
            _log.warning("%s: no learning curves (%s)", run.path, error)
    return found


def read_answers(groups: Sequence[RunGroup], split: str) -> list[Answers]:
    """The predictions of all groups on a split.

    Raises:
      ValueError: they do not belong together: other targets, other data or another decoding; or a file is malformed.
      FileNotFoundError: a file is missing.
    """
    answers = [
        Answers(group.name, group.seeds, tuple(read_predictions(run.predictions(split)) for run in group.runs))
        for group in groups
    ]
    files = [run.predictions(split) for group in groups for run in group.runs]
    every = [targets for one in answers for targets in one.targets]
    for path, targets in zip(files, every, strict=True):
        if not targets:
            raise ValueError(f"{path} holds no predictions")
        _check_same_targets(files[0], every[0], path, targets)
    _check_same_decoding([run for group in groups for run in group.runs], split, [len(t) for t in every])
    return answers


def _runs(path: Path) -> tuple[RunDir, ...]:
    if not path.is_dir():
        raise FileNotFoundError(f"no run {path}: expected the folder of a run, or one that holds a run for each seed")
    if _is_run(path):
        return (RunDir(path),)
    inside = sorted((p for p in path.iterdir() if p.is_dir() and _is_run(p)), key=lambda p: (len(p.name), p.name))
    if not inside:
        raise FileNotFoundError(f"{path} holds no run: expected the folder of a run, or one with a run for each seed")
    return tuple(map(RunDir, inside))


def _is_run(path: Path) -> bool:
    run = RunDir(path)
    return run.config.is_file() or run.predictions("x").parent.is_dir()


def _short_names(paths: Sequence[str | Path]) -> list[str]:
    """The ends of the paths, as long as it takes to tell them apart."""
    parts = [Path(path).resolve().parts for path in paths]
    for length in range(1, max(map(len, parts)) + 1):
        names = ["/".join(own[-length:]) for own in parts]
        if len(set(names)) == len(names) and not any(name.isdigit() for name in names):
            return names
    return [str(path) for path in paths]


def _splits(run: RunDir) -> tuple[str, ...]:
    """Those with predictions. What else lies there, such as what was said in an attack, has no episodes."""
    return tuple(sorted(p.stem for p in run.predictions("x").parent.glob("*.jsonl") if _holds_targets(p)))


def _holds_targets(path: Path) -> bool:
    """Whether that is what the file is for: one that is broken is told of when it is read."""
    with path.open("rb") as file:
        first = file.readline()
    try:
        about = json.loads(first)
    except (ValueError, RecursionError):
        return True
    return not isinstance(about, dict) or "episode" in about


def _goes_on(run: RunDir) -> str:
    return f"make train EXP={run.experiment or '...'} RUN={run.path}"


_MUST_AGREE = ("id", "episode", "source", "slot", "value", "decoys", "gold_reply", "gold_action", "gold_emote")


def _check_same_targets(
    first: Path, expected: Sequence[ScoredTarget], path: Path, targets: Sequence[ScoredTarget]
) -> None:
    for number, (wanted, found) in enumerate(zip(expected, targets, strict=False), 1):
        for field in _MUST_AGREE:
            if getattr(wanted, field) != getattr(found, field):
                raise ValueError(
                    f"{path}:{number}: {field} is {getattr(found, field)!r:.60}, but {getattr(wanted, field)!r:.60} in "
                    f"{first}: these are predictions on other data, which cannot be compared. Evaluate both on the "
                    "same split of the same data"
                )
        if wanted.ranked and found.ranked and wanted.ranked.candidates != found.ranked.candidates:
            raise ValueError(
                f"{path}:{number}: other candidates were ranked than in {first}: evaluate both with the same ones"
            )
    if len(expected) != len(targets):
        raise ValueError(
            f"{path} has {len(targets)} predictions, {first} has {len(expected)}: evaluate both with one MAX_EXAMPLES"
        )


def _check_same_decoding(runs: Iterable[RunDir], split: str, counts: Iterable[int]) -> None:
    """Compares what the evaluations say; a run whose predictions came without one says nothing."""
    first: tuple[Path, Any] | None = None
    for run, count in zip(runs, counts, strict=True):
        path = run.evaluation(split, "json")
        if not path.is_file():
            continue
        try:
            about = json.loads(path.read_text(encoding="utf-8"))
            decoding, examples = about["decoding"], about["examples"]
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"{path}: is no evaluation ({error}); evaluate the run again") from error
        if examples != count:
            raise ValueError(
                f"{path} is of {examples} examples, {run.predictions(split)} has {count}: was an evaluation stopped? "
                "Evaluate the run again"
            )
        first = first or (path, decoding)
        if decoding != first[1]:
            raise ValueError(
                f"{path}: decoded with {_shown(decoding)}, but {first[0]} with {_shown(first[1])}: evaluate both with "
                "one decoding, such as --gin.DecodeConfig.method=greedy"
            )


def _shown(decoding: Any) -> str:
    return ", ".join(f"{k} {v}" for k, v in decoding.items()) if isinstance(decoding, dict) else repr(decoding)
