"""Pickles without code: containers and scalars of Python itself, and nothing else.

A pickle may call any function while it is loaded. This loader looks up no global but the plain types below,
so that a pickle with anything else in it fails before it does anything.
"""

import builtins
import pickle
from pathlib import Path
from typing import Any, NoReturn

from persona_tf.data.errors import DataError

PLAIN_TYPES = ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "set", "str", "tuple")
"""The only globals that a pickle may name."""

# What a truncated or garbled pickle makes the unpickler raise, as tried on every prefix of a real one.
_BROKEN = (
    pickle.UnpicklingError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    OverflowError,
    MemoryError,
)


def load_plain_pickle(path: Path) -> Any:
    """Loads a pickle of lists, dicts, tuples, sets, strings, numbers, booleans and None.

    Raises:
      DataError: the pickle names any other global (the message says which), or it is truncated or broken.
    """
    with path.open("rb") as file:
        try:
            return _PlainUnpickler(file, path).load()
        except DataError:
            raise
        except _BROKEN as error:
            raise DataError(
                f"{path}: a whole pickle was expected, but it breaks off or is garbled "
                f"({type(error).__name__}: {error}). Move it away and download it again."
            ) from error


class _PlainUnpickler(pickle.Unpickler):
    def __init__(self, file: Any, path: Path) -> None:
        super().__init__(file)
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        if module in ("builtins", "__builtin__") and name in PLAIN_TYPES:
            return getattr(builtins, name)
        self._refuse(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        self._refuse(f"the persistent object {pid!r}")

    def _refuse(self, what: str) -> NoReturn:
        raise DataError(
            f"{self._path}: refused {what}: only plain containers and scalars are admitted, since a pickle "
            f"can run code. Do not load this file by other means; get the published one."
        )
