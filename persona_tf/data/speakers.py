"""Episode -> replies and the personas of those who may have said them: what tells speakers apart learns from them."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from persona_tf.data.pairs import Pair, pairs
from persona_tf.episode import Character, Episode
from persona_tf.example import PARTNER, SELF, ExampleConfig, HistoryTurn
from persona_tf.learner import examples

WHO = ("self", "partner", "stranger")
"""Whose persona each of a pair's three facts is."""

_TOGETHER = 256
"""Dialogues among which strangers are sought."""


def personas(episodes: Iterable[Episode]) -> Iterator[tuple[Episode, Mapping[int, tuple[str, ...]]]]:
    """Each episode with the three personas of `WHO` for each of its learners, in the order of the stream.

    A persona is one text: the name, then all facts. The stranger is the learner of the next dialogue (of 256 read
    together, after the last comes the first) who shares no fact with the two. Learners are left out who have no facts,
    whose partner has none, or for whom there is no stranger.
    """
    stream = iter(episodes)
    while some := list(itertools.islice(stream, _TOGETHER)):
        for place, episode in enumerate(some):
            others = [*some[place + 1 :], *some[:place]]
            found = {learner: _three(episode, learner, others) for learner in episode.learners}
            yield episode, {learner: three for learner, three in found.items() if three}


def speaker_pairs(episodes: Iterable[Episode], config: ExampleConfig, with_asides: bool = False) -> Iterator[Pair]:
    """One pair for each reply of a learner, see `personas`; its ``facts`` are these three, its ``gold`` the own one.

    ``history`` is what the partner said last, if anything, and the reply itself.

    >>> from persona_tf.episode import Character, Fact, Turn
    >>> def talk(id, own, other):
    ...     cast = Character("Tam", (Fact(other),)), Character("Mira", (Fact(own),))
    ...     return Episode(id, "demo", None, cast, (Turn(0, "And you?"), Turn(1, "Geese!")), learners=(1,))
    >>> two = [talk("e1", "I fear geese.", "I bake."), talk("e2", "I sing.", "I dig.")]
    >>> pair = next(speaker_pairs(two, ExampleConfig()))
    >>> pair.facts, pair.gold, [turn.speech for turn in pair.history]
    (('Mira: I fear geese.', 'Tam: I bake.', 'Mira: I sing.'), (0,), ['And you?', 'Geese!'])
    """
    alone = dataclasses.replace(config, max_targets=1, knowledge_as_history=False)
    for episode, of_learners in personas(episodes):
        for example in examples(episode, alone, with_asides):
            three = of_learners.get(int(example.id.rpartition(":")[2]))
            [target] = example.targets
            if three and target.reply:
                said = exchange([turn for turn in example.history if turn.turn < target.turn], target.reply)
                yield Pair(f"{example.id}/{target.turn}", episode.id, said, three, (0,))


PAIRS: Mapping[str, Callable[..., Iterator[Pair]]] = {"facts": pairs, "speaker": speaker_pairs}
"""By `RetrieverConfig.finds`."""


def exchange(history: Sequence[HistoryTurn], reply: str) -> tuple[HistoryTurn, ...]:
    """What the partner said last, if anything, and the reply: what a speaker is known by."""
    asked = [turn for turn in history if turn.who == PARTNER and turn.item is None][-1:]
    number = asked[0].turn + 1 if asked else 0
    return (*asked, HistoryTurn(SELF, number, reply, "", ""))


def _three(episode: Episode, learner: int, others: Sequence[Episode]) -> tuple[str, ...]:
    own, partner = episode.characters[learner], episode.characters[1 - learner]
    known = _facts(own) | _facts(partner)
    if not _facts(own) or not _facts(partner):
        return ()
    for other in others:
        for stranger in (other.characters[speaker] for speaker in other.learners):
            if _facts(stranger) and known.isdisjoint(_facts(stranger)):
                return _persona(own), _persona(partner), _persona(stranger)
    return ()


def _facts(character: Character) -> frozenset[str]:
    return frozenset(fact.text for fact in character.facts)


def _persona(character: Character) -> str:
    facts = " ".join(fact.text for fact in character.facts)
    return f"{character.name}: {facts}" if character.name else facts
