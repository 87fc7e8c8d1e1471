"""Whether a reply tells the right value. Knows strings only.

A probe is a question whose answer is known (`persona_tf.episode.Probe`). Text is compared word by word:
case, articles, punctuation and the kind of apostrophe do not count, and half a word is no word.
"""

import functools
import re
import unicodedata
from collections.abc import Iterable, Sequence

_WORD = re.compile(r"[^\W_]+")
_ARTICLES = frozenset(("a", "an", "the"))
_MASK = ""  # is no word, so that it matches nothing

Words = tuple[str, ...]


@functools.lru_cache(maxsize=1 << 16)
def probe_words(text: str) -> Words:
    """The words that are compared: composed, case-folded, without punctuation and articles.

    Differs from `metrics.normalise` in typographic marks, which are punctuation here.

    >>> probe_words("The dog’s name: REX!")
    ('dog', 's', 'name', 'rex')
    """
    folded = unicodedata.normalize("NFC", text).casefold()
    return tuple(word for word in _WORD.findall(folded) if word not in _ARTICLES)


def holds(reply: str, value: str) -> bool:
    """Whether ``reply`` holds the words of ``value`` next to each other; never, when the value has no words.

    >>> holds("I live in the Tower of London.", "tower of london")
    True
    >>> holds("I live in Londonderry.", "London")
    False
    """
    return _contains(probe_words(reply), probe_words(value))


def probe_right(reply: str, value: str, decoys: Iterable[str] = ()) -> bool:
    """Whether ``reply`` holds ``value`` and none of ``decoys``.

    A decoy inside the value ("London" in "Tower of London") is not said by saying the value; said elsewhere
    it counts. A decoy that is more than the value ("Tower of London Hill") counts wherever it stands.
    With ``value`` "" the question cannot be answered: a reply is right when it holds no decoy.
    """
    words, wanted = probe_words(reply), probe_words(value)
    if value and not _contains(words, wanted):
        return False
    inner: list[Words] = []
    outer: list[Words] = []
    for decoy in {probe_words(text) for text in decoys}:
        (inner if _contains(wanted, decoy) else outer).append(decoy)
    return not _any_held(words, outer) and not _any_held(_masked(words, wanted), inner)


def leaks(reply: str, old_value: str, value: str) -> bool:
    """Whether ``reply`` still says ``old_value`` after ``value`` took its place.

    Saying it as a part of ``value`` is no leak.
    """
    words, old, new = probe_words(reply), probe_words(old_value), probe_words(value)
    return _contains(_masked(words, new) if _contains(new, old) else words, old)


def _contains(words: Words, part: Words) -> bool:
    return bool(part) and any(words[i : i + len(part)] == part for i in range(len(words) - len(part) + 1))


def _any_held(words: Words, parts: Sequence[Words]) -> bool:
    """Looks each part up in the n-grams of ``words``, so that hundreds of parts cost little."""
    held: set[Words] = set()
    for n in {len(part) for part in parts if part}:
        held.update(words[i : i + n] for i in range(len(words) - n + 1))
    return any(part in held for part in parts)


def _masked(words: Words, part: Words) -> Words:
    """The words with every occurrence of ``part`` masked, overlapping ones too."""
    if not part:
        return words
    starts = (i for i in range(len(words) - len(part) + 1) if words[i : i + len(part)] == part)
    covered = {i + offset for i in starts for offset in range(len(part))}
    return tuple(_MASK if i in covered else word for i, word in enumerate(words))
