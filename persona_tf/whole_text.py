"""Text that any file takes: JSON and Python can hold halves of characters (lone surrogates), UTF-8 cannot."""

import re

_HALVES = re.compile("[\ud800-\udfff]")


def whole_text(text: str) -> str:
    """The text with U+FFFD in the place of each half of a character.

    >>> whole_text("b\\ud800")
    'b\ufffd'
    """
    return _HALVES.sub("\N{REPLACEMENT CHARACTER}", text)
