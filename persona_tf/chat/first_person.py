"""Sentences about a character as its own: "Mira bakes bread." -> "I bake bread."

Cards tell of a character from outside, facts of a persona are in the first person. Only what is plain is turned;
where it is not clear who or what is meant, a sentence stays as it is, which is no harm: the name in it is known.
"""

import re
from collections.abc import Iterator, Sequence

_VERBS = {"is": "am", "was": "was", "has": "have", "does": "do", "isn't": "am not", "wasn't": "wasn't"}
_VERBS |= {"hasn't": "haven't", "doesn't": "don't", "goes": "go"}
_AS_THEY_ARE = frozenset(
    (
        "can could cannot can't couldn't will would won't wouldn't shall should shouldn't must may might had hadn't "
        "did didn't came went grew was knew took made left lost found became"
    ).split()
)
_ADVERBS = frozenset("always never often also usually sometimes rarely seldom still now once just only".split())
_WITHOUT_SUBJECT = frozenset(
    "is has loves likes hates dislikes fears enjoys wears lives works wants speaks carries".split()
)
_PRONOUNS = ("he", "she")
_MINE = ("his", "her")
_OTHERS = re.compile(r"\b(?:he|she|him|hers|they|them|their)\b", re.IGNORECASE)
_NO_POSSESSION = r"(?:that|to|and|or|but|in|on|at|with|for|as|if|when|who|\w+ly)\b"
_HER = re.compile(rf"\b(his|her)\b(?P<after>\s+(?!{_NO_POSSESSION})\w)?", re.IGNORECASE)
_SELF = re.compile(r"\b(?:him|her)self\b", re.IGNORECASE)
_SECOND_VERB = re.compile(r"(?:,|\band|\bbut|\bor)\s+(?:\w+ly\s+)?(\w+[^s\W]s|is|has|does)\b(?=\s+\w)", re.IGNORECASE)
_ENDS = (("ies", "y"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("zzes", "zz"), ("oes", "o"))


def first_person(sentences: Sequence[str], names: Sequence[str], is_meant: bool = True) -> Iterator[str]:
    """The sentences of a text about somebody, those that can be in the first person.

    Args:
      sentences: one after the other: who "she" is depends on the one before.
      names: what the character is called.
      is_meant: whether "she" in the first sentence is the character.

    >>> list(first_person(["Mira is a baker.", "She fears geese.", "Her brother is Bo.", "He sails."], ["Mira"]))
    ['I am a baker.', 'I fear geese.', 'My brother is Bo.', 'He sails.']
    """
    known = [re.escape(name.strip()) for name in sorted(names, key=len, reverse=True) if name.strip()]
    named = re.compile(rf"(?:{'|'.join(known)})(?P<own>['’]s?)?\s+" if known else r"(?!)", re.IGNORECASE)
    for sentence in sentences:
        turned, is_meant = _turned(sentence, named, is_meant)
        yield turned


def _turned(sentence: str, named: re.Pattern[str], is_meant: bool) -> tuple[str, bool]:
    """The sentence, and whether "she" in the next one is the character."""
    first, _, rest = sentence.partition(" ")
    word = first.lower()
    if found := named.match(sentence):
        owns, rest = bool(found["own"]), sentence[found.end() :]
    elif is_meant and word in (*_PRONOUNS, *_MINE):
        owns = word in _MINE
    elif is_meant and word in _WITHOUT_SUBJECT:
        owns, rest = False, word + sentence[len(word) :]
    else:
        return sentence, is_meant and word in ("i", "my")
    if owns:
        mine = _own(rest)
        return (sentence if mine is None else f"My {mine}"), False
    predicate = _predicate(rest)
    return (sentence, True) if predicate is None else (f"I {predicate}", True)


def _predicate(text: str) -> str | None:
    """What follows the subject, in the first person; None where it is not clear."""
    words = text.split(" ")
    at = 0
    while at < len(words) - 1 and (words[at].lower() in _ADVERBS or words[at].endswith("ly")):
        at += 1
    verb = _verb(words[at].rstrip(".,!?;"))
    rest = _own(" ".join(words[at + 1 :]))
    if verb is None or rest is None or _SECOND_VERB.search(rest):
        return None
    tail = words[at][len(words[at].rstrip(".,!?;")) :]
    return " ".join(part for part in (*words[:at], verb + tail, rest) if part)


def _verb(word: str) -> str | None:
    """The first person of a verb in the third."""
    small = word.lower()
    if small in _VERBS:
        return _VERBS[small]
    if small in _AS_THEY_ARE or small.endswith("ed"):
        return word
    if not re.fullmatch(r"[a-z]+[^su\W]s", word):  # one with a capital is a name
        return None
    for end, base in _ENDS:
        if small.endswith(end) and len(small) > len(end) + 1:
            return word[: -len(end)] + base
    return word[:-1]


def _own(text: str) -> str | None:
    """The text with "my" for "her"; None where somebody else may be meant."""
    text = _SELF.sub("myself", text)
    found = list(_HER.finditer(text))
    # Without a word behind it, "her" is a woman, and not the character herself.
    if _OTHERS.search(text) or any(one["after"] is None for one in found):
        return None
    return _HER.sub(lambda one: "my" + (one["after"] or ""), text)
