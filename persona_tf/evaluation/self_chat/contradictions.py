"""Replies that contradict the speaker's own persona: exact on the built-in world. Knows strings and its lexicon only.

There every phrasing of every fact and answer is known, and none is that of two slots. So a reply that holds such a
phrasing of one slot asserts a value, and where the speaker's own fact of that slot has another one, it is a
contradiction:

    own fact: "I have a bench in Ashmoor and nosy neighbours."    (home: Ashmoor)
    reply:    "Ah! I have settled in Hollowworth."                "I have settled in {value}." answers home as well

What is *not* decided, and counts as no contradiction: wordings that the lexicon does not have; values that are of
another type ("I have settled in gloom."); words that could be phrasings of several slots; slots that the speaker has
no fact of; and, where the partner has just asked for something, what is said of anything else: "The fur muff, and may
nobody find it." may be an odd answer to what was inherited, though it is how one tells what is hidden. So the figure is
a lower bound. Of the world's own answers, of which none is false, it calls none a contradiction; where the value of one
is exchanged for another of its type, it finds 99 in 100.
"""

import dataclasses
import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from persona_tf.data.world import chat
from persona_tf.data.world.lexicon import Slot, load
from persona_tf.data.world.names import NAME_TYPES
from persona_tf.episode import Character
from persona_tf.evaluation.metrics.probes import Words, probe_words

OWN_NAME = "own_name"
"""The slot of the speaker's name, which is no fact of its own."""


@dataclasses.dataclass(frozen=True)
class Assertion:
    """What a reply says about its speaker: ``template`` is the phrasing of ``slot`` that holds ``value``."""

    slot: str
    value: str
    template: str


@dataclasses.dataclass(frozen=True)
class Contradiction(Assertion):
    """An assertion of another value than the speaker's ``own``."""

    own: str


@dataclasses.dataclass(frozen=True)
class Judgement:
    """Of one reply: all that it asserts for slots of the speaker's persona, and what of it is wrong."""

    asserted: tuple[Assertion, ...]
    contradictions: tuple[Contradiction, ...]


def own_values(character: Character) -> dict[str, str]:
    """The value of each slot of a persona, the name among them; of facts without a slot nothing is known.

    >>> from persona_tf.episode import Fact
    >>> own_values(Character("Mira", (Fact("I bake."), Fact("Home is Ashmoor.", "home", "Ashmoor"))))
    {'own_name': 'Mira', 'home': 'Ashmoor'}
    """
    named = {OWN_NAME: character.name} if character.name else {}
    return named | {fact.slot: fact.value for fact in character.facts if fact.slot and fact.value}


def judge(character: Character, reply: str, question: str = "") -> Judgement:
    """What ``reply``, said by ``character``, asserts about it.

    Args:
      character: whose facts have slots and values, as those of the built-in world.
      reply: what it says.
      question: what was said to it just before.
    """
    own = own_values(character)
    asserted = tuple(a for a in assertions(reply) if a.slot in own)
    if asked := asked_slots(question) if asserted else ():
        asserted = tuple(a for a in asserted if a.slot in asked)
    wrong = (a for a in asserted if probe_words(a.value) != probe_words(own[a.slot]))
    return Judgement(asserted, tuple(Contradiction(a.slot, a.value, a.template, own[a.slot]) for a in wrong))


def assertions(reply: str) -> tuple[Assertion, ...]:
    """All that a reply says about its speaker in phrasings of the lexicon, each once, in the order of the words.

    >>> assertions("Ah! I have settled in Hollowworth.")
    (Assertion(slot='home', value='Hollowworth', template='I have settled in {value}.'),)
    """
    every = sorted(_matches(_plain(reply)), key=lambda match: match.start)
    found = [match for match in every if not any(match.is_inside(other) for other in every)]
    kept: dict[tuple[str, Words], Assertion] = {}
    for match in found:
        if match.phrase.own and all(o.phrase.slot == match.phrase.slot for o in found if o.overlaps(match)):
            assertion = Assertion(match.phrase.slot, match.value, match.phrase.template)
            kept.setdefault((assertion.slot, probe_words(assertion.value)), assertion)
    return tuple(kept.values())


def asked_slots(speech: str) -> frozenset[str]:
    """The slots, also of the place and of what was told, that ``speech`` asks for in a wording of the lexicon.

    A question inside of another is none: who asks "What is your sister's name?" does not ask "What is your name?".
    """
    words = frozenset(probe_words(speech))
    asked = [(slot, question) for slot, question in _questions() if question <= words]
    return frozenset(slot for slot, question in asked if not any(question < other for _, other in asked))


# -------------------------------------------------------------------------------------- phrasings and where they are


@dataclasses.dataclass(frozen=True)
class _Phrase:
    """One way to tell or answer a slot; ``own``: of the speaker, not of the place or of what was told."""

    slot: str
    type: str
    own: bool
    template: str


@dataclasses.dataclass(frozen=True)
class _Match:
    phrase: _Phrase
    value: str
    start: int
    end: int

    def overlaps(self, other: "_Match") -> bool:
        """Whether the two share words."""
        return self.start < other.end and other.start < self.end

    def is_inside(self, other: "_Match") -> bool:
        """Whether it is a part of a longer one."""
        return other.start <= self.start and self.end <= other.end and other.end - other.start > self.end - self.start


def _matches(text: str) -> Iterator[_Match]:
    words = set(probe_words(text))
    index = _index()
    for phrase in (p for word in (*words, "") for p in index.get(word, ())):
        for match in _pattern(phrase.template).finditer(text):
            value = match["value"].strip()
            if _is_value(value, phrase.type):
                yield _Match(phrase, value, match.start(), match.end())


@functools.cache
def _phrases() -> tuple[_Phrase, ...]:
    """Those of all slots: also of the place and of what was told, which the words of a persona must not be."""
    return tuple(
        _Phrase(slot.name, slot.type, slot.source == "persona" and slot.name != "partner_name", template)
        for slot in _slots()
        for template in dict.fromkeys((*slot.answer.train, *slot.answer.unseen, *slot.fact.train, *slot.fact.unseen))
    )


def _slots() -> Sequence[Slot]:
    return (*load().slots.values(), *chat.slots().values())


@functools.cache
def _index() -> Mapping[str, tuple[_Phrase, ...]]:
    """Phrases by that word of theirs which the fewest phrases have; "": those without a word."""
    words = {phrase: set(_literal_words(phrase.template)) for phrase in _phrases()}
    counts = Counter(word for own in words.values() for word in own)
    index: dict[str, list[_Phrase]] = {}
    for phrase, own in words.items():
        index.setdefault(min(own, key=lambda word: (counts[word], word), default=""), []).append(phrase)
    return {word: tuple(phrases) for word, phrases in index.items()}


def _literal_words(template: str) -> Words:
    return probe_words(re.sub(r"\{\w+\}", " ", template))


@functools.lru_cache(maxsize=8192)
def _pattern(template: str) -> re.Pattern[str]:
    """Finds the phrase as whole sentences, whatever the case."""
    parts = re.split(r"(\{\w+\})", _plain(template))
    return re.compile(rf"(?:(?<=[.!?…] )|^){''.join(_part(p) for p in parts)}(?= |$)", re.IGNORECASE)


def _part(part: str) -> str:
    if part == "{value}":
        return "(?P<value>[^.!?…]+?)"
    return "[^.!?…]+?" if re.fullmatch(r"\{\w+\}", part) else re.escape(part)


def _is_value(value: str, kind: str) -> bool:
    """Whether it is a filler of the type; or, where any string of letters is a name, whether it looks like one."""
    if probe_words(value) in _fillers(kind):
        return True
    if kind not in NAME_TYPES or " " in value or not value.isalpha():
        return False
    return not value[0].islower() and value.casefold() not in _common_words()


@functools.cache
def _fillers(kind: str) -> frozenset[Words]:
    return frozenset(map(probe_words, load().every(kind))) if kind in load().fillers else frozenset()


@functools.cache
def _common_words() -> frozenset[str]:
    """Words of all phrasings, which begin sentences and are no names."""
    return frozenset(word for phrase in _phrases() for word in _literal_words(phrase.template))


@functools.cache
def _questions() -> tuple[tuple[str, frozenset[str]], ...]:
    return tuple(
        (slot.name, frozenset(_literal_words(question)))
        for slot in _slots()
        for question in (*slot.question.train, *slot.question.unseen)
    )


def _plain(text: str) -> str:
    """Straight apostrophes, single blanks."""
    return " ".join(text.replace("’", "'").split())
