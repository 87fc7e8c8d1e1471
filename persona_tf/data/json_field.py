"""One key of a JSON object that somebody else wrote."""

from typing import Any

from persona_tf.data.errors import DataError


def json_field(data: Any, key: str, *kinds: type) -> Any:
    """The value at ``key``.

    Raises:
      DataError: ``data`` is no object, lacks the key, or holds something of another kind there.

    >>> json_field({"text": "Hi!"}, "text", str)
    'Hi!'
    """
    if not isinstance(data, dict) or key not in data:
        raise DataError(f"expected an object with the key {key}, got {str(data)[:40]!r}")
    if not isinstance(data[key], kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise DataError(f"key {key}: expected {expected}, got {str(data[key])[:40]!r}")
    return data[key]


def json_texts(value: Any, key: str) -> list[str]:
    """A list of strings, each with single blanks; empty ones are left out.

    Raises:
      DataError: it is something else.
    """
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise DataError(f"key {key}: expected a list of strings, got {str(value)[:40]!r}")
    return [" ".join(text.split()) for text in value if text.strip()]
