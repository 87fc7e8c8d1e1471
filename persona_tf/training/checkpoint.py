"""Checkpoints that survive a kill: weights, optimizer, seed states and the place in the data, in one file.

A checkpoint is an `.npz` file, written to a temporary name and renamed. It holds every variable by its path,
so that a file of another model is refused by name and shape, not loaded by chance.
"""

import dataclasses
import io
import json
import pathlib
import zipfile

import numpy as np

from persona_tf.atomic_file import write_atomically


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


def save_checkpoint(path: pathlib.Path, variables: dict, progress: Progress) -> None:
    """Writes variables (path -> Keras variable) and progress.

    Raises:
      OSError: the disk is full or the folder is gone; an older checkpoint stays as it was.
    """
    buffer = io.BytesIO()
    arrays = {name: _to_numpy(variable) for name, variable in variables.items()}
    header = np.frombuffer(json.dumps(dataclasses.asdict(progress)).encode(), np.uint8)
    np.savez(buffer, allow_pickle=False, __progress__=header, **arrays)
    write_atomically(path, buffer.getvalue())


def load_checkpoint(path: pathlib.Path, variables: dict, vocabulary: str) -> Progress:
    """Reads a checkpoint into ``variables`` and returns how far it had come.

    Raises:
      ValueError: the file is damaged, or holds another vocabulary or another model; nothing is assigned then.
    """
    arrays = read_arrays(path)
    if "__progress__" not in arrays:
        raise ValueError(f"{path}: is no checkpoint of this version; delete it to start anew")
    try:
        progress = Progress(**json.loads(arrays.pop("__progress__").tobytes()))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: is no checkpoint of this version ({error}); delete it to start anew") from error
    if progress.vocabulary != vocabulary:
        raise ValueError(
            f"{path}: the checkpoint was trained with vocabulary {progress.vocabulary}, this run has {vocabulary}; "
            "use the vocabulary beside it, or train in a new folder (RUN=...)"
        )
    assign_arrays(path, arrays, variables)
    return progress


def read_arrays(path: pathlib.Path) -> dict[str, np.ndarray]:
    """All arrays of an `.npz` file.

    Raises:
      ValueError: the file is damaged.
    """
    try:
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    except (zipfile.BadZipFile, ValueError, TypeError, EOFError, KeyError) as error:
        raise ValueError(f"{path}: damaged ({error}); delete it to start from the other checkpoint or anew") from error


def assign_arrays(path: pathlib.Path, arrays: dict[str, np.ndarray], variables: dict) -> None:
    """Assigns arrays to variables by name.

    Raises:
      ValueError: names or shapes differ; says which, and assigns nothing.
    """
    missing, unknown = sorted(variables.keys() - arrays.keys()), sorted(arrays.keys() - variables.keys())
    if missing or unknown:
        raise ValueError(
            f"{path}: holds another model: {len(missing)} variables missing {missing[:3]}, "
            f"{len(unknown)} unknown {unknown[:3]}; was the model's configuration changed?"
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise ValueError(
                f"{path}: {name} has shape {arrays[name].shape}, the model expects {tuple(variable.shape)}; "
                "was the vocabulary or a size of the model changed?"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])


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
