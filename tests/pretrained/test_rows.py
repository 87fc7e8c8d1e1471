import numpy as np
import pytest

from persona_tf.pretrained.preset import Preset
from persona_tf.pretrained.rows import parts_of, rows_for

WORD_PIECE = {"▁bread": 5, "▁bake": 6, "ry": 7, "▁.": 8, "▁'": 9, "▁s": 3}
BYTE_PAIRS = {"▁": 1, "▁Br": 2, "ead": 3, "b": 4, "read": 5}


@pytest.mark.parametrize(
    ("piece", "known", "ids"),
    [
        ("▁bread", WORD_PIECE, (5,)),
        ("▁bakery", WORD_PIECE, (6, 7)),
        ("ry", WORD_PIECE, (7,)),
        (".", WORD_PIECE, (8,)),
        ("'s", WORD_PIECE, (9, 3)),
        ("▁xyz", WORD_PIECE, ()),
        ("▁breadx", WORD_PIECE, ()),
        ("▁", WORD_PIECE, ()),
        ("", WORD_PIECE, ()),
        ("▁Bread", BYTE_PAIRS, (2, 3)),
        ("▁bread", BYTE_PAIRS, (1, 4, 5)),
        ("<0x62>", BYTE_PAIRS, (4,)),
        ("<0x20>", BYTE_PAIRS, (1,)),
        ("<0xE2>", BYTE_PAIRS, ()),
    ],
)
def test_a_piece_falls_into_the_longest_parts_that_are_known(piece, known, ids):
    assert parts_of(piece, known) == ids


def test_small_letters_where_there_are_no_others():
    assert parts_of("▁Bread", WORD_PIECE) == ()
    assert parts_of("▁Bread", WORD_PIECE, lowercase=True) == (5,)


def test_rows_are_taken_averaged_or_drawn():
    table = np.random.default_rng(0).normal(3.0, 0.5, (10, 4)).astype(np.float32)
    preset = Preset("some", None, {}, WORD_PIECE)
    pieces = ["", "▁bread", "▁bakery", *["▁xyz"] * 400]
    rows = rows_for(pieces, preset, table, seed=1)
    assert (rows.taken, rows.averaged, rows.drawn, rows.left) == (1, 1, 401, 7)
    assert rows.table.dtype == np.float32
    np.testing.assert_array_equal(rows.table[1], table[5])
    np.testing.assert_allclose(rows.table[2], (table[6] + table[7]) / 2, rtol=1e-6)
    np.testing.assert_allclose(rows.table[3:].mean(axis=0), table.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(rows.table[3:].std(axis=0), table.std(axis=0), atol=0.1)
    np.testing.assert_array_equal(rows_for(pieces, preset, table, seed=1).table, rows.table)
