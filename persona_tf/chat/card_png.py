"""The card inside a PNG: text chunks, read and written without touching anything else of the file.

Chunks are handled here and not by an imaging library, since that would read the picture and write another: Pillow
compresses the pixels anew and drops the chunks that it does not know, and further frames with them. Here pixels are
never unpacked, so a picture that would fill the memory is no danger, and every other chunk stays byte for byte.
PNG: https://www.w3.org/TR/png-3/
"""

import base64
import binascii
import re
import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
"""How every PNG begins."""

KEYWORDS = ("ccv3", "chara")
"""Keywords of the text chunks that hold a card, the one that counts first: V3, then V1 and V2."""

MAX_CHUNKS = 100_000
"""Most chunks of a file; pictures have some hundreds."""

_Chunk = tuple[bytes, bytes]


def card_in(png: bytes) -> bytes:
    """The JSON of the card in a PNG.

    Raises:
      ValueError: the file is broken, holds no card, or one that is no base64.
    """
    texts: dict[str, bytes] = {}
    for kind, data in _chunks(png)[0]:
        if kind == b"tEXt":
            name, _, text = data.partition(b"\0")
            texts.setdefault(name.decode("latin-1").lower(), text)
    for keyword in KEYWORDS:
        if keyword in texts:
            return _from_base64(keyword, texts[keyword])
    raise ValueError(
        f"a PNG without a card: expected a text chunk {' or '.join(KEYWORDS)}, found "
        f"{', '.join(sorted(map(repr, texts))[:5]) or 'no text'}. Pictures lose it when a page or a program saves them "
        "anew: take the original file"
    )


def with_card(png: bytes, card: bytes) -> bytes:
    """The PNG with another card in it, in the place of all that it holds; everything else stays as it is.

    Args:
      png: any PNG.
      card: V1 or V2 JSON in UTF-8.

    Raises:
      ValueError: the file is broken.
    """
    chunks, rest = _chunks(png)
    kept = [chunk for chunk in chunks if not _holds_card(chunk)]
    # Before the pixels, where also those find it who read no further.
    first = next((i for i, (kind, _) in enumerate(kept) if kind == b"IDAT"), len(kept) - 1)
    kept.insert(first, (b"tEXt", b"chara\0" + base64.b64encode(card)))
    return b"".join([SIGNATURE, *map(_written, kept), rest])


def plain_picture(name: str, width: int = 256, height: int = 384) -> bytes:
    """A PNG of one colour, which depends on the name, for a card that has no picture."""
    colour = bytes(96 + byte // 3 for byte in struct.pack(">I", zlib.crc32(name.encode("utf-8", "replace")))[:3])
    pixels = zlib.compress((b"\0" + colour * width) * height, 9)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return SIGNATURE + b"".join(map(_written, ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))))


def _chunks(png: bytes) -> tuple[list[_Chunk], bytes]:
    """All chunks up to IEND, and what stands behind it."""
    if not png.startswith(SIGNATURE):
        raise ValueError("expected a PNG")
    found: list[_Chunk] = []
    for kind, data, end in _walk(png):
        found.append((kind, data))
        if len(found) > MAX_CHUNKS:
            raise ValueError(f"a PNG of more than {MAX_CHUNKS:,} chunks is no picture of a card: take another file")
        if kind == b"IEND":
            return found, png[end:]
    raise ValueError("a PNG that breaks off: its end is missing. Copy or download it again")


def _walk(png: bytes) -> Iterator[tuple[bytes, bytes, int]]:
    """Kind and data of each chunk, and where it ends."""
    at = len(SIGNATURE)
    while at + 12 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        end = at + 12 + length
        if not kind.isalpha():
            raise ValueError(f"a broken PNG: at byte {at} a chunk should begin. Copy or download it again")
        if end > len(png):
            return
        data = png[at + 8 : end - 4]
        if zlib.crc32(data, zlib.crc32(kind)) != int.from_bytes(png[end - 4 : end], "big"):
            raise ValueError(
                f"a broken PNG: the checksum of chunk {kind.decode()} at byte {at} is wrong. Copy or download it again"
            )
        yield kind, data, end
        at = end


def _written(chunk: _Chunk) -> bytes:
    kind, data = chunk
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def _holds_card(chunk: _Chunk) -> bool:
    kind, data = chunk
    return kind == b"tEXt" and data.partition(b"\0")[0].decode("latin-1").lower() in KEYWORDS


def _from_base64(keyword: str, text: bytes) -> bytes:
    """Forgiving in what changes nothing: white space, and "=" that are missing at the end."""
    packed = re.sub(rb"\s", b"", text).rstrip(b"=")
    try:
        return base64.b64decode(packed + b"=" * (-len(packed) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(
            f"text chunk {keyword}: expected base64 ({error}). The card was damaged: take the original file"
        ) from error
