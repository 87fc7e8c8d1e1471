"""Checkpoints that survive a kill: weights, optimizer, seed states and the place in the data, in one file.

A checkpoint is an `.npz` file, written to a temporary name and renamed. It holds every variable by its path,
so that a file of another model is refused by name and shape, not loaded by chance.
"""

import dataclasses
import json
import pathlib

import numpy as np

from persona_tf.npz_file import assign, read_npz, write_npz

LAST, BEST = "last.npz", "best.npz"
"""The checkpoint that training goes on from, and that of the lowest validation loss."""

FORMAT = 2
"""Raised also where a model computes something else with the same weights."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a run has come.

    ``validated`` is the step of the last validation, ``best_loss`` the lowest validation loss; ``stale`` counts the
    validations since.
    """

    step: int = 0
    epoch: int = 0
    batch: int = 0
    validated: int = 0
    best_loss: float = float("inf")
    stale: int = 0
    vocabulary: str = ""

    def is_over(self, steps: int, patience: int) -> bool:
        """Whether no step is left to take: the last one is taken, or patience has run out."""
        return self.step >= steps or bool(patience and self.stale >= patience)


def save_checkpoint(path: pathlib.Path, variables: dict, progress: Progress) -> None:
    """Writes variables (path -> Keras variable) and progress.

    Raises:
      OSError: the disk is full or the folder is gone; an older checkpoint stays as it was.
    """
    arrays = {name: _to_numpy(variable) for name, variable in variables.items()}
    header = np.frombuffer(json.dumps({"format": FORMAT, **dataclasses.asdict(progress)}).encode(), np.uint8)
    write_npz(path, {"__progress__": header, **arrays})


def load_checkpoint(path: pathlib.Path, variables: dict, vocabulary: str) -> Progress:
    """Reads a checkpoint into ``variables`` and returns how far it had come.

    Raises:
      ValueError: the file is damaged, of another version, or holds another vocabulary or another model; nothing is
        assigned then.
    """
    arrays = read_npz(path, "delete it to start from the other checkpoint or anew")
    progress = _progress(path, arrays)
    if progress.vocabulary != vocabulary:
        raise ValueError(
            f"{path}: the checkpoint was trained with vocabulary {progress.vocabulary}, this run has {vocabulary}; "
            "use the vocabulary beside it, or train in a new folder (RUN=...)"
        )
    assign(path, arrays, variables, "was the vocabulary or the model's configuration changed?")
    return progress


def read_progress(path: pathlib.Path) -> Progress:
    """How far a checkpoint had come.

    Raises:
      FileNotFoundError: there is none.
      ValueError: it is damaged or of another version.
    """
    return _progress(path, read_npz(path, "delete it to start from the other checkpoint or anew"))


def is_trained(folder: pathlib.Path, steps: int, patience: int) -> bool:
    """Whether the training that left its checkpoints in a folder came to its end, the last validation included.

    Raises:
      ValueError: the last checkpoint is damaged or of another version.
    """
    if not (folder / LAST).is_file():
        return False
    progress = read_progress(folder / LAST)
    return progress.is_over(steps, patience) and progress.validated == progress.step


def _progress(path: pathlib.Path, arrays: dict[str, np.ndarray]) -> Progress:
    """Takes the progress out of a checkpoint's arrays."""
    if "__progress__" not in arrays:
        raise ValueError(f"{path}: is no checkpoint of this version; delete it to start anew")
    try:
        header = json.loads(arrays.pop("__progress__").tobytes())
        found = header.pop("format", 1)
        if found != FORMAT:
            raise ValueError(f"format {found}, this version has {FORMAT}")
        return Progress(**header)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: is no checkpoint of this version ({error}); train in a new folder (RUN=...)"
        ) from error


def named_variables(model, optimizer=None) -> dict:
    """All variables of a model, its seed states and its optimizer, by path.

    Seed states are numbered in their order in the model: their paths count all that the process ever made.

    Raises:
      ValueError: two variables have one path, so that one of them would be lost.
    """
    weights = {id(weight) for weight in model.weights}
    seeds = [variable for variable in model.variables if id(variable) not in weights]
    pairs = [(f"model/{variable.path}", variable) for variable in model.weights]
    pairs += [(f"seeds/{number}", variable) for number, variable in enumerate(seeds)]
    pairs += [(f"optimizer/{variable.path}", variable) for variable in optimizer.variables] if optimizer else []
    named = dict(pairs)
    if len(named) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"several variables are called {sorted({n for n in names if names.count(n) > 1})[:3]}")
    return named


def _to_numpy(variable) -> np.ndarray:
    # np.array(variable) goes element by element; .numpy() of the backend's tensor does not.
    value = variable.value
    return value.numpy() if hasattr(value, "numpy") else np.asarray(value)
