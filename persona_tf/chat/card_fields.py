"""Fields of a card's JSON, each of the type that it must have. Missing and null are nothing; errors name the field."""

import sys
from collections.abc import Mapping
from typing import Any

from persona_tf.whole_text import whole_text

MAX_DEPTH = 100
"""Most lists and objects within one another."""


def text_of(data: Mapping[str, Any], name: str, where: str) -> str:
    """A text; nothing is "".

    Args:
      data: the object.
      name: the field.
      where: what stands before the name in errors, such as "data.".

    Raises:
      ValueError: it is something else; so for the others here.
    """
    return optional(data, name, str, where) or ""


def strings_of(data: Mapping[str, Any], name: str, where: str) -> tuple[str, ...]:
    """A list of texts; nothing is ()."""
    values = optional(data, name, list, where) or []
    for number, value in enumerate(values):
        if not isinstance(value, str):
            raise ValueError(f"{where}{name}[{number}]: expected a text, got {kind(value)}: put it into quotes")
    return tuple(values)


def flag_of(data: Mapping[str, Any], name: str, where: str, default: bool = False) -> bool:
    """True or false."""
    value = optional(data, name, bool, where)
    return default if value is None else value


def number_of(data: Mapping[str, Any], name: str, where: str) -> float | None:
    """A number; of a whole one that no float can hold, it is said that it is too large."""
    value = data.get(name)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is None or (is_number and abs(value) <= sys.float_info.max):
        return value
    got = "one that is too large, or none" if is_number else kind(value)
    raise ValueError(f"{where}{name}: expected a number, got {got}. Correct it in the program that wrote it")


def optional(data: Mapping[str, Any], name: str, wanted: type, where: str) -> Any:
    """A value of a type of JSON's, or None."""
    value = data.get(name)
    if value is None or isinstance(value, wanted):
        return value
    expected = {str: "a text", list: "a list", dict: "an object", bool: "true or false"}[wanted]
    raise ValueError(f"{where}{name}: expected {expected}, got {kind(value)}. Correct it in the program that wrote it")


def at_most_deep(value: Any) -> None:
    """Raises a ValueError where lists and objects lie more than `MAX_DEPTH` within one another."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        inside = [v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list)]
        level = [one for many in inside for one in many]
        if not level:
            return
    raise ValueError(f"lists and objects more than {MAX_DEPTH} deep within one another")


def whole_characters(value: Any) -> Any:
    """A value of JSON with U+FFFD in the place of halves of characters, which JSON can write, and UTF-8 not.

    >>> whole_characters({"a": ["b\\ud800"]})
    {'a': ['b\ufffd']}
    """
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, list):
        return [whole_characters(one) for one in value]
    if isinstance(value, dict):
        return {whole_characters(name): whole_characters(one) for name, one in value.items()}
    return value


def kind(value: object) -> str:
    """What a value of JSON is, in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")
