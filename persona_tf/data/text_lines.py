"""Lines of a text file that somebody else wrote."""

import re
from collections.abc import Iterator
from pathlib import Path

from persona_tf.data.skips import Skips

_LINE_END = re.compile(rb"\r\n|\r|\n")


def text_lines(path: Path, skips: Skips) -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and lines without their ends; line ends may be mixed, empty lines are left out.

    A byte order mark is dropped. A line that is no UTF-8 is counted in ``skips`` and left out.
    """
    number = 0
    with path.open("rb") as file:
        for chunk in file:
            # A chunk ends at "\n"; it may hold lines that end in "\r" alone.
            body = re.sub(rb"\r?\n\Z", b"", chunk)
            for raw in _LINE_END.split(body):
                number += 1
                try:
                    line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    skips.add(f"{path}:{number}", f"no UTF-8 at byte {error.start} of the line")
                    continue
                if line.strip():
                    yield number, line
