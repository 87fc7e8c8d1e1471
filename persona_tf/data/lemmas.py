"""Words -> lemmas that mean something, for English and Russian. Knows single texts only: no corpus, no files.

simplemma knows English, pymorphy3 Russian; both are of the extra ``lemmas`` and are imported when first needed.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from persona_tf.data.errors import DataError
from persona_tf.text.common_words import COMMON_EN, COMMON_RU, EMPTY_EN, EMPTY_RU

_WORD = re.compile(r"[^\W_]+")

_EMPTY_RU_PARTS = frozenset(("NPRO", "PREP", "CONJ", "PRCL", "INTJ"))
"""Parts of speech (OpenCorpora's names) that carry no fact; so do pronouns among the adjectives, ``Apro``."""


@dataclasses.dataclass(frozen=True)
class Word:
    """A word that may tell a fact: the lemmas that it may be a form of, and what it counts, 1 or `COMMON_WEIGHT`."""

    lemmas: tuple[str, ...]
    weight: float


COMMON_WEIGHT = 0.1
"""What a common word counts: it may tip the scale, alone it is no sign of a fact."""


def telling_words(text: str, language: str) -> tuple[Word, ...]:
    """The words of a text that may tell a fact, each once, in their order.

    Args:
      text: any; case, punctuation and emoji make no difference, nor does the letter ё.
      language: a key of `LANGUAGES`.

    Raises:
      DataError: an unknown language, or its package is not installed.

    >>> [(word.lemmas, word.weight) for word in telling_words("I love my dogs!", "en")]
    [(('love',), 0.1), (('dog',), 1.0)]
    """
    if language not in LANGUAGES:
        raise DataError(f"lemmas: language must be one of {tuple(LANGUAGES)}, got {language!r}")
    read = LANGUAGES[language]
    return tuple(dict.fromkeys(word for word in map(read, _WORD.findall(text.lower())) if word.weight))


@functools.lru_cache(maxsize=200_000)
def _english(word: str) -> Word:
    lemma = _simplemma().lemmatize(word, lang="en").lower()
    if word in EMPTY_EN or lemma in EMPTY_EN:
        return Word((lemma,), 0.0)
    return Word((lemma,), COMMON_WEIGHT if lemma in COMMON_EN else 1.0)


@functools.lru_cache(maxsize=200_000)
def _russian(word: str) -> Word:
    first, *others = _morphology().parse(word)
    likely = [first, *(reading for reading in others if reading.score >= _LIKELY * first.score)]
    lemmas = tuple(dict.fromkeys(reading.normal_form.replace("ё", "е") for reading in likely))
    if first.tag.POS in _EMPTY_RU_PARTS or "Apro" in first.tag or not EMPTY_RU.isdisjoint(lemmas):
        return Word(lemmas, 0.0)
    # The first reading decides what it counts: "семью" is of семья far more often than of семь.
    return Word(lemmas, COMMON_WEIGHT if lemmas[0] in COMMON_RU else 1.0)


LANGUAGES: Mapping[str, Callable[[str], Word]] = {"en": _english, "ru": _russian}
"""Each language's function that reads a word in lower case."""

_LIKELY = 0.2
"""Of a Russian word all readings count that are at least this likely beside the first: "пою" is of петь and поить."""


@functools.cache
def _simplemma() -> Any:
    try:
        import simplemma
    except ImportError as error:
        raise _missing("simplemma", "English") from error
    return simplemma


@functools.cache
def _morphology() -> Any:
    try:
        import pymorphy3
    except ImportError as error:
        raise _missing("pymorphy3", "Russian") from error
    return pymorphy3.MorphAnalyzer()


def _missing(package: str, language: str) -> DataError:
    return DataError(
        f"labels of {language} facts need {package}, which is not installed: pip install 'persona_tf[lemmas]', "
        "or set the data option grounding=False."
    )
