"""Arrays by name in one `.npz` file: written whole, and read whole or not at all. Knows NumPy only."""

import io
import pathlib
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from persona_tf.atomic_file import write_atomically

_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, KeyError, TypeError, ValueError),
    RuntimeError,  # a file that claims to be encrypted, or compressed in a way that nobody knows
)


def write_npz(path: pathlib.Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes all arrays.

    Raises:
      OSError: it cannot be written; an older file stays as it was.
    """
    buffer, named = io.BytesIO(), dict[str, Any](arrays)
    np.savez(buffer, **named)
    write_atomically(path, buffer.getvalue())


def read_npz(path: pathlib.Path, todo: str) -> dict[str, np.ndarray]:
    """All arrays of a file, each as it was written: it has a checksum. (Whether one is gone `assign` sees.)

    Args:
      todo: what to do with a damaged file, for the message.

    Raises:
      FileNotFoundError: there is none.
      ValueError: it is damaged.
    """
    with path.open("rb") as opened:
        try:
            with zipfile.ZipFile(opened) as file:
                # All of an array is read before NumPy sees it: where `np.load` stops, a damaged header decides.
                return {name.removesuffix(".npy"): _array(file.read(name)) for name in file.namelist()}
        except _DAMAGE as error:
            raise ValueError(f"{path}: damaged ({error}); {todo}") from error


def _array(data: bytes) -> np.ndarray:
    return np.lib.format.read_array(io.BytesIO(data))


def assign(path: pathlib.Path, arrays: Mapping[str, np.ndarray], variables: Mapping[str, Any], todo: str) -> None:
    """Assigns arrays to variables (Keras') by name.

    Args:
      path: where the arrays are from, for the message.
      todo: what to do when they do not fit, for the message.

    Raises:
      ValueError: names or shapes differ; says which, and assigns nothing.
    """
    missing, unknown = sorted(variables.keys() - arrays.keys()), sorted(arrays.keys() - variables.keys())
    if missing or unknown:
        raise ValueError(
            f"{path}: holds another model: {len(missing)} variables missing {missing[:3]}, "
            f"{len(unknown)} unknown {unknown[:3]}; {todo}"
        )
    for name, variable in variables.items():
        if tuple(variable.shape) != arrays[name].shape:
            raise ValueError(
                f"{path}: {name} has shape {arrays[name].shape}, the model expects {tuple(variable.shape)}; {todo}"
            )
    for name, variable in variables.items():
        variable.assign(arrays[name])
