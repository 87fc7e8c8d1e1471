"""The words of a fact, as far as they can say that two facts are one or contradict each other. English and Russian.

No lemmas are made: talking does without their packages. A word counts as another where their beginnings are equal.
"""

import dataclasses
import functools
import re
from collections.abc import Sequence

from persona_tf.text.common_words import COMMON_EN, COMMON_RU, EMPTY_EN, EMPTY_RU

_WORD = re.compile(r"[^\W_]+")

_NEGATIONS = frozenset(
    "not no never none nobody nothing neither t cannot without не нет ни никогда никто ничего".split()
)
"""``t`` is what is left of "don't" and "can't"."""
_LIKING = frozenset("like likes love loves enjoy enjoys adore adores люблю любит обожаю обожает нравится".split())
_HATING = frozenset("hate hates dislike dislikes detest detests loathe loathes ненавижу ненавидит".split())
_NUMBERS = frozenset(
    """
    two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand
    два две три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать четырнадцать пятнадцать
    шестнадцать семнадцать восемнадцать девятнадцать двадцать тридцать сорок пятьдесят шестьдесят семьдесят
    восемьдесят девяносто сто тысяча
    """.split()
)
_SINGLE = frozenset(
    """
    live lives living born birthday named called name names aged old
    живу живет родился родилась зовут имя лет года
    """.split()
)
"""Words of what one has only one of."""
_EMPTY = EMPTY_EN | EMPTY_RU | frozenset(
    """
    я ты он она оно мы вы они меня тебя его ее нас вас их мне тебе ему ей нам вам им мной тобой мой моя мое мои моего
    моей моих твой твоя твое свой своя свое свою своей наш ваш это этот эта эти тот та те что кто который
    в во на с со к ко у о об от до из за по под над при про для без через и а но или же ли бы то
    был была было были буду будет есть
    """.split()
)  # fmt: skip
_COMMON = COMMON_EN | COMMON_RU | _LIKING | _HATING

_LONGEST_CHANGE = 6


@dataclasses.dataclass(frozen=True)
class FactWords:
    """The words of a fact, in lower case, ``ё`` as ``е``.

    words     all, in order
    stems     their beginnings
    gist      those that carry something, in order, as beginnings; words of liking and hating are "+"
    denies    whether it is a no: an odd number of words such as "not" and "hate"
    names     beginnings of the words with a capital letter inside a sentence
    numbers   digits and words for numbers
    telling   beginnings of the words that few facts have, with the words themselves
    """

    words: tuple[str, ...]
    stems: frozenset[str]
    gist: tuple[str, ...]
    denies: bool
    names: frozenset[str]
    numbers: frozenset[str]
    telling: dict[str, str]


@functools.lru_cache(maxsize=1 << 14)
def fact_words(text: str) -> FactWords:
    """Reads a fact.

    >>> fact_words("I don't like Rome.").gist, fact_words("I don't like Rome.").denies
    (('+', 'rome'), True)
    """
    words = tuple(_WORD.findall(_plain(text)))
    carrying = [word for word in words if word not in _EMPTY and word not in _NEGATIONS]
    return FactWords(
        words,
        frozenset(map(_stem, words)),
        tuple("+" if word in _LIKING | _HATING else _stem(word) for word in carrying),
        sum(word in _NEGATIONS | _HATING for word in words) % 2 == 1,
        _names(text),
        frozenset(word for word in words if word in _NUMBERS or word.isdigit()),
        {_stem(word): word for word in carrying if word not in _COMMON and len(word) > 1},
    )


def key(text: str) -> tuple[str, ...]:
    """What two texts share where they differ in case, punctuation and the letter ё alone.

    >>> key("I bake bread.") == key("i bake BREAD!")
    True
    """
    return fact_words(text).words or (text,)


def changed_words(one: FactWords, other: FactWords) -> bool:
    """Whether the two are one sentence with a few words in a row exchanged, and what stays says what it is about.

    What stays holds a word that few facts have, or one of `_SINGLE`, or numbers were exchanged: "I live in Rome." and
    "I live in Paris.", but not "I like tea." and "I like to ski."
    """
    size = min(len(one.words), len(other.words))
    if not size or (one.words[0] != other.words[0] and one.words[-1] != other.words[-1]):
        return False
    first = next((i for i in range(size) if one.words[i] != other.words[i]), size)
    last = next((i for i in range(size - first) if one.words[-1 - i] != other.words[-1 - i]), size - first)
    mine, others = one.words[first : len(one.words) - last], other.words[first : len(other.words) - last]
    stays = (*one.words[:first], *one.words[len(one.words) - last :])
    if not all(_carries(part) and len(part) <= min(_LONGEST_CHANGE, len(stays)) for part in (mine, others)):
        return False
    if len(stays) < 2:
        return False
    numbers = one.numbers.intersection(mine) and other.numbers.intersection(others)
    return bool(numbers) or any(word in _SINGLE or _stem(word) in one.telling for word in stays)


def names_differ(one: FactWords, other: FactWords) -> bool:
    """Whether one has a name that the other does not mention, or both have numbers, and other ones."""
    if one.names - other.stems or other.names - one.stems:
        return True
    return bool(one.numbers and other.numbers) and one.numbers != other.numbers


def _carries(part: Sequence[str]) -> bool:
    return any(word not in _EMPTY and word not in _NEGATIONS for word in part)


def _plain(text: str) -> str:
    return text.casefold().replace("ё", "е")


def _stem(word: str) -> str:
    """Without what is mostly an ending: "dogs" and "dog", "painter" and "painted", "кошка" and "кошку" are one."""
    if not word.isalpha():
        return word
    if "а" <= word[0] <= "я":
        return word[: max(3, len(word) - 2)]
    word = word.removesuffix("s") if len(word) > 3 else word
    return word[: max(5, len(word) - 2)]


def _names(text: str) -> frozenset[str]:
    found = set()
    for match in _WORD.finditer(text):
        before = text[: match.start()].rstrip(" \"'“«(")[-1:]
        if match[0][0].isupper() and before and before not in ".!?:;…" and _plain(match[0]) not in _EMPTY:
            found.add(_stem(_plain(match[0])))
    return frozenset(found)
