"""Made-up names. Names that look random are what teaches a model to copy instead of to remember.

Training composes them from one inventory of syllables and letters; ``test_novel`` from another, which shares no
syllable and no letter outside ASCII with the first, and from real names of other languages.
"""

import functools
import itertools
import random
import tomllib
import unicodedata
from importlib import resources

NAME_TYPES = ("person", "town", "beast_name", "god")
"""The value types whose values are names, so that any string of letters could be one."""

_ONSETS = [
    "b",
    "c",
    "d",
    "f",
    "g",
    "h",
    "k",
    "l",
    "m",
    "n",
    "p",
    "r",
    "s",
    "t",
    "v",
    "br",
    "dr",
    "gr",
    "tr",
    "kr",
    "st",
    "sh",
    "th",
    "fl",
    "pl",
    "sk",
]
_NUCLEI = ["a", "e", "i", "o", "u", "a", "e", "i", "o", "ai", "ea", "ia", "or"]
_CODAS = ["", "", "", "n", "l", "r", "s", "m", "th", "nd", "k", "rt", "sk"]

_NOVEL_ONSETS = [
    "kj",
    "zw",
    "xh",
    "hw",
    "pf",
    "tz",
    "dz",
    "vl",
    "gj",
    "nj",
    "sz",
    "cz",
    "vr",
    "zh",
    "ngw",
    "xl",
    "jz",
]
_NOVEL_NUCLEI = ["y", "uo", "eu", "oi", "yi", "aa", "uu", "ey", "ou"]
_NOVEL_CODAS = ["", "", "x", "q", "zz", "tz", "kh", "w", "j", "v"]

NOVEL_SYLLABLES = tuple(o + n for o, n in itertools.product(_NOVEL_ONSETS, _NOVEL_NUCLEI))
"""The syllables (without their end) that only ``test_novel`` uses."""

# Blocks whose letters are old in Unicode, so that every Python knows them alike: nearly every lead byte and every
# continuation byte of UTF-8 is met in training, also where the letter of a test is not.
_TRAIN_BLOCKS = {
    "latin": [(0xC0, 0x24F)],
    "vietnamese": [(0x1EA0, 0x1EF9)],
    "greek": [(0x3AC, 0x3CE), (0x1F00, 0x1F07)],
    "cyrillic of others": [(0x450, 0x481), (0x48B, 0x52F)],
    "armenian": [(0x561, 0x586)],
    "hebrew": [(0x5D0, 0x5EA)],
    "arabic": [(0x627, 0x63A), (0x641, 0x64A)],
    "devanagari": [(0x904, 0x939)],
    "thai": [(0xE01, 0xE2E)],
    "georgian": [(0x10D0, 0x10F5)],
    "ethiopic": [(0x1200, 0x1240)],
    "kana": [(0x3042, 0x3093), (0x30A2, 0x30F3)],
    "han": [(0x4E00, 0x9FA5)],
    "hangul": [(0xAC00, 0xD7A3)],
}
_RUSSIAN = "абвгдежзийклмнопрстуфхцчшщъыьэюя"
_ASCII = "abcdefghijklmnopqrstuvwxyz"


@functools.cache
def real_names() -> dict[str, tuple[str, ...]]:
    """Real names of other languages by type (``person``, ``town``): for ``test_novel`` only."""
    text = (resources.files(__package__) / "lexicon" / "novel_names.toml").read_text("utf-8")
    return {kind: tuple(table["real"]) for kind, table in tomllib.loads(text).items()}


@functools.cache
def novel_letters() -> frozenset[str]:
    """The letters outside ASCII that only ``test_novel`` uses, in lower case."""
    real = "".join("".join(names) for names in real_names().values()).lower()
    return frozenset(c for c in real if c.isalpha() and not c.isascii()) | frozenset(_RUSSIAN)


@functools.cache
def train_alphabets() -> tuple[str, ...]:
    """Alphabets outside ASCII that training draws letters from, without `novel_letters`."""
    return tuple(
        "".join(
            c for low, high in blocks for c in map(chr, range(low, high + 1, 1 + (high - low) // 1000)) if _usable(c)
        )
        for blocks in _TRAIN_BLOCKS.values()
    )


def made_up(rng: random.Random, novel: bool, kind: str) -> str:
    """A name that nobody bears.

    Args:
      rng: where the randomness comes from.
      novel: from the inventory of ``test_novel`` instead of that of training.
      kind: one of `NAME_TYPES`; for ``test_novel``, persons and towns may be real names of other languages.
    """
    if novel:
        return _novel(rng, kind)
    while True:
        draw = rng.random()
        if draw < 0.5:
            return _syllables(rng)
        if draw < 0.6:
            return _letters(rng, rng.choice(train_alphabets()))
        name = _letters(rng, _ASCII + (rng.choice(train_alphabets()[:2]) if draw < 0.7 else ""))
        lower = name.lower()
        if not any(syllable in lower for syllable in NOVEL_SYLLABLES):
            return name


def _novel(rng: random.Random, kind: str) -> str:
    draw = rng.random()
    if draw < 0.35 and kind in real_names():
        return rng.choice(real_names()[kind])
    if draw < 0.55:
        return _letters(rng, _RUSSIAN)
    if draw < 0.65:
        return _letters(rng, _ASCII[::3] + "".join(sorted(novel_letters() - frozenset(_RUSSIAN))))
    start = rng.choice(_NOVEL_ONSETS) + rng.choice(_NOVEL_NUCLEI)
    end = rng.choice(_NOVEL_ONSETS) + rng.choice(_NOVEL_NUCLEI) + rng.choice(_NOVEL_CODAS)
    return (start + end).capitalize()


def _syllables(rng: random.Random) -> str:
    count = 2 if rng.random() < 0.75 else 3
    parts = (rng.choice(_ONSETS) + rng.choice(_NUCLEI) + rng.choice(_CODAS) for _ in range(count))
    return "".join(parts).capitalize()


def _letters(rng: random.Random, alphabet: str) -> str:
    longest = 8 if ord(alphabet[-1]) < 0x500 else 5
    name = "".join(rng.choices(alphabet, k=rng.randint(3, longest)))
    # A letter that is two when capital (the Armenian ligature) stays small; so does one without a capital.
    return name[0].upper() + name[1:] if len(name[0].upper()) == 1 else name


def _usable(letter: str) -> bool:
    """True if it is a letter of its own in lower case, the same after normalization, and not held out."""
    return (
        unicodedata.category(letter) in ("Ll", "Lo")
        and unicodedata.normalize("NFKC", letter) == letter
        and letter.upper().lower() == letter
        and letter not in novel_letters()
    )
