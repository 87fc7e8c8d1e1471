"""Words -> lemmas that mean something, for English and Russian. Knows single texts only: no corpus, no files.

simplemma knows English, pymorphy3 Russian; both are of the extra ``lemmas`` and are imported when first needed.
"""

import dataclasses
import functools
import re
from collections.abc import Callable, Mapping
from typing import Any

from persona_tf.data.errors import DataError

_WORD = re.compile(r"[^\W_]+")

_EMPTY_EN = frozenset(
    """
    a an the this that these those here there
    i me my mine myself you your yours yourself he him his himself she her hers herself it its itself
    we us our ours ourselves they them their theirs themselves one ones
    who whom whose which what where when why how
    and or but nor so if then than because as while though although until unless
    of in on at to from by for with without about into onto over under up down out off through between after before
    during against among upon across near around behind beside toward towards within
    be am is are was were been being do does did done doing have has had having
    can could will would shall should may might must ought let
    not no never none nobody nothing neither n t s m d ll re ve don doesn didn isn aren wasn weren won wouldn couldn
    shouldn hasn haven hadn cannot
    all any both each every either few many more most much some such other another own same several enough lot lots
    only just even too also very really quite rather still yet already ever always often sometimes usually again now
    soon today away back else almost perhaps maybe
    yes yeah yep ok okay oh ah well hi hello hey thanks thank please sorry lol haha wow
    somebody someone something anybody anyone anything everybody everyone everything
    """.split()
)
"""English words that carry no fact, as they are written and as lemmas."""

_COMMON_EN = frozenset(
    """
    like love enjoy hate prefer want wish hope need think know believe feel say tell ask speak talk call name mean
    seem look see hear listen get give take bring make go come keep put hold lay find lose try use start begin end stop
    finish live work spend pay buy become stay wait leave turn sit stand walk run fall rise happen help show let meet
    good great nice bad poor big small little tiny new old young long short high low whole true right wrong sure hard
    easy happy sad first last next left favorite favourite best better
    thing way kind sort part place time moment hour day night morning evening week month year once twice ago
    man woman people person folk life world home house room door street road hand finger arm head face eye heart
    friend word question answer
    two three four five six seven eight nine ten hundred thousand half pair
    """.split()
)
"""English lemmas that many facts share: alone they are no sign of one."""

_EMPTY_RU = frozenset(
    """
    быть есть нет да ага угу ок привет пока спасибо пожалуйста здравствовать
    очень тоже также ещё уже только просто сейчас теперь потом тут там здесь где когда куда откуда как так почему
    зачем всегда никогда иногда часто редко обычно вообще совсем почти более больше менее меньше много мало немного
    можно нужно надо
    """.replace("ё", "е").split()
)
"""Russian lemmas that carry no fact, besides those whose part of speech says so."""

_EMPTY_RU_PARTS = frozenset(("NPRO", "PREP", "CONJ", "PRCL", "INTJ"))
"""Parts of speech (OpenCorpora's names) that carry no fact; so do pronouns among the adjectives, ``Apro``."""

_COMMON_RU = frozenset(
    """
    любить нравиться обожать хотеть мочь уметь знать думать считать мечтать иметь стать делать заниматься увлекаться
    работать жить ходить идти ездить играть учиться смотреть слушать говорить сказать звать видеть понимать
    пойти поехать прийти взять дать начать найти купить помогать проводить предпочитать
    хороший плохой большой больший меньший маленький новый старый любимый первый последний разный интересный
    хорошо плохо сильно долго скоро недавно рано поздно завтра сегодня вчера
    год день ночь утро вечер неделя месяц время раз дело вещь место человек люди жизнь мир
    один два три четыре пять шесть семь восемь девять десять двое трое оба несколько
    """.split()
)
"""Russian lemmas that many facts share: alone they are no sign of one."""


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
    if word in _EMPTY_EN or lemma in _EMPTY_EN:
        return Word((lemma,), 0.0)
    return Word((lemma,), COMMON_WEIGHT if lemma in _COMMON_EN else 1.0)


@functools.lru_cache(maxsize=200_000)
def _russian(word: str) -> Word:
    first, *others = _morphology().parse(word)
    likely = [first, *(reading for reading in others if reading.score >= _LIKELY * first.score)]
    lemmas = tuple(dict.fromkeys(reading.normal_form.replace("ё", "е") for reading in likely))
    if first.tag.POS in _EMPTY_RU_PARTS or "Apro" in first.tag or not _EMPTY_RU.isdisjoint(lemmas):
        return Word(lemmas, 0.0)
    # The first reading decides what it counts: "семью" is of семья far more often than of семь.
    return Word(lemmas, COMMON_WEIGHT if lemmas[0] in _COMMON_RU else 1.0)


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
