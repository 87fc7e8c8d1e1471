"""Episode -> replies and the facts of those who may have said them: what tells speakers apart learns from them."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from persona_tf.data.pairs import Pair, pairs
from persona_tf.episode import Character, Episode
from persona_tf.example import PARTNER, SELF, TOLD, ExampleConfig, HistoryTurn, Target
from persona_tf.learner import examples

WHO = ("self", "partner", "stranger")
"""Whose the personas of a pair are, in their order."""

Personas = tuple[tuple[str, ...], ...]
"""The facts of each of `WHO`."""

_TOGETHER = 256
"""Dialogues among which strangers are sought."""


def personas(episodes: Iterable[Episode]) -> Iterator[tuple[Episode, Mapping[int, Personas]]]:
    """Each episode with the three personas of `WHO` for each of its learners, in the order of the stream.

    A name is told as the first fact. The stranger is the learner of the next dialogue (of 256 read together, after the
    last comes the first) who shares no fact with the two. Learners are left out who have no facts, whose partner has
    none, or for whom there is no stranger.
    """
    stream = iter(episodes)
    while some := list(itertools.islice(stream, _TOGETHER)):
        for place, episode in enumerate(some):
            others = [*some[place + 1 :], *some[:place]]
            found = {learner: _three(episode, learner, others) for learner in episode.learners}
            yield episode, {learner: three for learner, three in found.items() if three}


def speaker_pairs(episodes: Iterable[Episode], config: ExampleConfig, with_asides: bool = False) -> Iterator[Pair]:
    """One pair for each reply of a learner, see `personas`; its ``gold`` are the own facts that the reply draws on.

    ``history`` is what the partner said last, if anything, and the reply itself.

    >>> from persona_tf.episode import Character, Fact, Turn
    >>> def talk(id, name, own, other):
    ...     cast = Character("", (Fact(other),)), Character(name, (Fact(own),))
    ...     said = Turn(0, "And you?"), Turn(1, "Geese!", grounding=("persona/0",))
    ...     return Episode(id, "demo", None, cast, said, learners=(1,))
    >>> two = [talk("e1", "Mira", "I fear geese.", "I bake."), talk("e2", "Tam", "I sing.", "I dig.")]
    >>> pair = next(speaker_pairs(two, ExampleConfig()))
    >>> pair.facts, pair.people, pair.gold
    (('My name is Mira.', 'I fear geese.', 'I bake.', 'My name is Tam.', 'I sing.'), (2, 1, 2), (1,))
    >>> [turn.speech for turn in pair.history]
    ['And you?', 'Geese!']
    """
    alone = dataclasses.replace(config, max_targets=1, knowledge_as_history=False)
    for episode, of_learners in personas(episodes):
        for example in examples(episode, alone, with_asides):
            learner = int(example.id.rpartition(":")[2])
            [target] = example.targets
            if learner in of_learners and target.reply:
                three = of_learners[learner]
                yield Pair(
                    id=f"{example.id}/{target.turn}",
                    episode=episode.id,
                    history=exchange([turn for turn in example.history if turn.turn < target.turn], target.reply),
                    facts=tuple(itertools.chain.from_iterable(three)),
                    gold=_drawn_on(target, episode.characters[learner]),
                    people=tuple(map(len, three)),
                )


PAIRS: Mapping[str, Callable[..., Iterator[Pair]]] = {"facts": pairs, "speaker": speaker_pairs}
"""By `RetrieverConfig.finds`."""


def exchange(history: Sequence[HistoryTurn], reply: str) -> tuple[HistoryTurn, ...]:
    """What the partner said last, if anything, and the reply: what a speaker is known by."""
    asked = [turn for turn in history if turn.who == PARTNER and turn.item is None][-1:]
    number = asked[0].turn + 1 if asked else 0
    return (*asked, HistoryTurn(SELF, number, reply, "", ""))


def _three(episode: Episode, learner: int, others: Sequence[Episode]) -> Personas:
    own, partner = episode.characters[learner], episode.characters[1 - learner]
    if not own.facts or not partner.facts:
        return ()
    known = {*_persona(own).values(), *_persona(partner).values()}
    for other in others:
        for stranger in (other.characters[speaker] for speaker in other.learners):
            if stranger.facts and known.isdisjoint(_persona(stranger).values()):
                return tuple(tuple(_persona(who).values()) for who in (own, partner, stranger))
    return ()


def _persona(character: Character) -> dict[str, str]:
    """Key to text of the facts, the name first."""
    name = {"self_name/0": TOLD["self_name"].format(character.name)} if character.name else {}
    return name | {f"persona/{number}": fact.text for number, fact in enumerate(character.facts)}


def _drawn_on(target: Target, own: Character) -> tuple[int, ...]:
    return tuple(place for place, key in enumerate(_persona(own)) if key in target.grounding)
