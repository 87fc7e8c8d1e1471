import base64
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from persona_tf.chat.card_png import SIGNATURE, card_in, plain_picture, with_card


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


HEADER = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
PIXEL = chunk(b"IDAT", zlib.compress(b"\0\7"))
END = chunk(b"IEND", b"")


@given(
    st.lists(st.tuples(st.sampled_from([b"iCCP", b"eXIf", b"tEXt", b"fcTL", b"fdAT", b"prVt"]), st.binary(max_size=9))),
    st.binary(max_size=9),
    st.binary(min_size=1, max_size=50),
)
def test_every_other_chunk_stays_in_its_place_byte_for_byte(others, behind, card):
    many = [chunk(kind, b"Title\0" + data) for kind, data in others]
    first, second = b"".join(many[::2]), b"".join(many[1::2])
    old = chunk(b"tEXt", b"chara\0x") + chunk(b"tEXt", b"CCV3\0x")
    made = with_card(SIGNATURE + HEADER + first + old + PIXEL + PIXEL + second + END + behind, card)
    text = chunk(b"tEXt", b"chara\0" + base64.b64encode(card))
    assert made == SIGNATURE + HEADER + first + text + PIXEL + PIXEL + second + END + behind
    assert card_in(made) == card
    assert with_card(made, card) == made


def test_text_of_other_kinds_holds_no_card():
    kinds = chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"e30=")) + chunk(b"iTXt", b"chara\0\0\0\0\0e30=")
    with pytest.raises(ValueError, match="without a card"):
        card_in(SIGNATURE + HEADER + kinds + PIXEL + END)


def test_the_first_of_several_counts():
    texts = chunk(b"tEXt", b"chara\0" + base64.b64encode(b"1")) + chunk(b"tEXt", b"chara\0" + base64.b64encode(b"2"))
    assert card_in(SIGNATURE + HEADER + texts + PIXEL + END) == b"1"


def test_a_picture_that_would_fill_the_memory_is_never_unpacked():
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 2**31 - 1, 2**31 - 1, 16, 6, 0, 0, 0))
    made = with_card(SIGNATURE + header + PIXEL + END, b"{}")
    assert card_in(made) == b"{}"


def test_a_card_goes_into_no_other_file():
    for file in (b"", b"GIF89a", SIGNATURE[:7]):
        with pytest.raises(ValueError, match="expected a PNG"):
            with_card(file, b"{}")


@pytest.mark.parametrize("name", ["", "Mira", "Мира", "\ud800"])
def test_a_plain_picture_is_a_picture(name):
    with Image.open(io.BytesIO(plain_picture(name, 7, 5))) as image:
        image.load()
        assert (image.size, image.mode) == ((7, 5), "RGB")
        [(count, colour)] = image.getcolors()
    assert count == 35
    assert min(colour) >= 96
