"""Files of one JSON object a line, read with errors that name file, line and field. Knows nothing of what they hold."""

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

Types = Mapping[str, tuple[type, ...]]
"""The types that the value of each field may have."""


def read_json_lines(path: str | os.PathLike[str], parse: Callable[[dict[str, Any]], T]) -> Iterator[T]:
    """What ``parse`` makes of each object of a file; empty lines are passed over.

    Raises:
      ValueError: a line is no UTF-8 or no JSON object, or ``parse`` raised one; the message names file and line.
      OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                if text := _decoded(line).strip():
                    yield parse(_parsed(text))
            except ValueError as error:
                raise ValueError(f"{os.fspath(path)}:{number}: {error}") from error


def check_fields(data: Any, types: Types, required: Iterable[str], inside: str = "") -> None:
    """Checks the fields of a JSON object.

    Args:
      data: should be the object.
      types: of all fields that it may have; only where ``bool`` is named, True and False are no wrong type.
      required: the fields that it must have.
      inside: what stands before the names in messages, such as ``ranked.``.

    Raises:
      ValueError: it is no object, or a field is missing, unknown or of another type; the message names the field.
    """
    if not isinstance(data, dict):
        raise ValueError(f"{inside.removesuffix('.')}: expected a JSON object, got {data!r:.60}".removeprefix(": "))
    for name in required:
        if name not in data:
            raise ValueError(f"field {inside + name!r} is missing")
    for name, value in data.items():
        if name not in types:
            raise ValueError(f"unknown field {inside + name!r}; known are {', '.join(types)}")
        check_type(inside + name, value, types[name])


def check_type(name: str, value: Any, types: tuple[type, ...]) -> None:
    """Checks the value of a field, see `check_fields`; raises ValueError, which names the field."""
    if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
        expected = " or ".join("null" if kind is type(None) else kind.__name__ for kind in types)
        raise ValueError(f"field {name!r}: expected {expected}, got {value!r:.80}")


def _decoded(line: bytes) -> str:
    try:
        return line.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"expected text in UTF-8 ({error}); save the file anew") from error


def _parsed(line: str) -> dict[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        why = f"{error.msg} at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else error
        raise ValueError(f"expected one JSON object a line, got {line!r:.60} ({why})") from error
    if not isinstance(data, dict):
        raise ValueError(f"expected a JSON object, got {data!r:.60}")
    return data
