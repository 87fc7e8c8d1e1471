"""A large JSON file that is one array, read element by element: what is in memory is one element and a bit."""

import json
from collections.abc import Iterator
from typing import IO, Any

from persona_tf.data.errors import DataError

_BLANKS = " \t\r\n"
_CHUNK = 1 << 20


def array_elements(file: IO[str], name: str, chunk: int = _CHUNK) -> Iterator[Any]:
    """The elements of the array that a text file holds.

    Args:
      file: open for reading, at its beginning.
      name: of the file, for messages.
      chunk: how many characters are read at once; doubled as long as an element does not fit.

    Raises:
      DataError: the file is no array, breaks off, is no UTF-8, or is no JSON from some element on.

    >>> import io
    >>> list(array_elements(io.StringIO(' [{"a": 1}, [2]]'), "x.json", chunk=3))
    [{'a': 1}, [2]]
    """
    text = _Text(file, name, chunk)
    if text.next() != "[":
        raise DataError(f"{name}: expected a JSON array, found {text.shown()}. {_AGAIN}")
    text.skip()
    number = 0
    while text.next() != "]":
        yield text.element(number)
        number += 1
        if text.next() == ",":
            text.skip()
        elif text.next() != "]":
            raise DataError(f"{name}: expected a comma after element {number - 1}, found {text.shown()}. {_AGAIN}")


_AGAIN = "Move the file away and get it again."


class _Text:
    """What has been read and not yet used."""

    def __init__(self, file: IO[str], name: str, chunk: int) -> None:
        self._file, self._name, self._chunk = file, name, chunk
        self._rest, self._at = "", 0
        self._decoder = json.JSONDecoder()

    def next(self) -> str:
        """The next character that is not blank, or "" at the end."""
        while True:
            while self._at < len(self._rest):
                if self._rest[self._at] not in _BLANKS:
                    return self._rest[self._at]
                self._at += 1
            if not self._more(self._chunk):
                return ""

    def skip(self) -> None:
        self._at += 1

    def shown(self) -> str:
        return repr(self._rest[self._at : self._at + 40]) if self.next() else "its end"

    def element(self, number: int) -> Any:
        wanted = self._chunk
        while True:
            try:
                value, end = self._decoder.raw_decode(self._rest, self._at)
            except (json.JSONDecodeError, RecursionError) as error:
                # Half an element looks like a broken one: only at the end of the file is that known.
                if self._more(wanted):
                    wanted *= 2
                    continue
                raise DataError(f"{self._name}: element {number} is broken or breaks off: {error}. {_AGAIN}") from error
            # A number may go on in what is not read yet.
            if end == len(self._rest) and self._more(wanted):
                continue
            self._at = end
            return value

    def _more(self, count: int) -> bool:
        try:
            new = self._file.read(count)
        except UnicodeDecodeError as error:
            raise DataError(f"{self._name}: no UTF-8: {error}. {_AGAIN}") from error
        if new:
            self._rest, self._at = self._rest[self._at :] + new, 0
        return bool(new)
