"""Rows for our vocabulary out of the token table of another one (Gee et al. 2022, arXiv 2402.09977).

A piece that the other vocabulary has too gets its row; one that it has not, the mean of the rows of the parts that it
falls into there; one that cannot be put together, numbers drawn with the mean and the deviation of each column, as in
WECHSEL (Minixhofer et al. 2022, arXiv 2112.06598). Differs from the paper in: the parts are the longest that are known,
from the left, as in WordPiece, whatever the other tokenizer would do.

    known = {"▁bread": 5, "▁bake": 6, "ry": 7}
    "▁bread" -> (5,)      "▁bakery" -> (6, 7)      "▁xyz" -> ()
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from persona_tf.pretrained.preset import Preset

BLANK = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


class Rows(NamedTuple):
    """A token table, float32 [V, D]; how many of its rows were taken, averaged and drawn; how many of theirs left."""

    table: np.ndarray
    taken: int
    averaged: int
    drawn: int
    left: int


def parts_of(piece: str, known: Mapping[str, int], lowercase: bool = False) -> tuple[int, ...]:
    """The ids of the other vocabulary that a piece of ours falls into; () where it cannot be put together.

    In the middle of a word a part may be one that begins a word there: WordPiece has each mark and what follows it so.
    """
    byte = _BYTE.fullmatch(piece)
    text = _text_of(int(byte[1], 16)) if byte else piece
    text = text.lower() if lowercase else text
    found, at = [], 0
    while at < len(text):
        ends = range(len(text), at, -1)
        near = ((end, _id_of(text[at:end], known)) for end in ends)
        end, number = next(((end, number) for end, number in near if number is not None), (0, None))
        if number is None:
            return ()
        found.append(number)
        at = end
    return tuple(found)


def _text_of(byte: int) -> str:
    """What a piece for a byte stands for; "" where it is part of a longer character."""
    return chr(byte).replace(" ", BLANK) if byte < 128 else ""


def _id_of(text: str, known: Mapping[str, int]) -> int | None:
    return known.get(text, None if text.startswith(BLANK) else known.get(BLANK + text))


def rows_for(pieces: Sequence[str], preset: Preset, table: np.ndarray, seed: int) -> Rows:
    """Rows for our pieces.

    Args:
      pieces: of our vocabulary, by id; "" has no text, such as a special token.
      preset: whose ids the table is of.
      table: float [V', D].
      seed: of what is drawn.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.normal(table.mean(axis=0), table.std(axis=0), (len(pieces), table.shape[1]))
    made, counts, used = drawn.astype(np.float32), [0, 0, 0], set[int]()
    for number, piece in enumerate(pieces):
        ids = parts_of(piece, preset.pieces, preset.lowercase)
        if ids:
            made[number] = table[list(ids)].mean(axis=0)
        counts[min(len(ids), 2)] += 1
        used.update(ids)
    return Rows(made, counts[1], counts[2], counts[0], len(table) - len(used))
