"""Which facts a turn states, where all that is known is which facts of its speaker's persona it uses."""

import dataclasses

from persona_tf.episode import Episode, Statement, Turn


def with_stated_facts(episode: Episode) -> Episode:
    """The episode whose turns state the facts of their speaker that they are grounded in, in the words of the persona.

    >>> from persona_tf.episode import Character, Fact
    >>> turn = Turn(0, "My dog barks.", grounding=("persona/1",))
    >>> two = Character("", (Fact("I am old."), Fact("I have a dog."))), Character("")
    >>> with_stated_facts(Episode("e", "demo", None, two, (turn,))).turns[0].states
    (Statement(owner=0, fact=Fact(text='I have a dog.', slot='', value='')),)
    """
    return dataclasses.replace(episode, turns=tuple(_stating(turn, episode) for turn in episode.turns))


def _stating(turn: Turn, episode: Episode) -> Turn:
    facts = episode.characters[turn.speaker].facts
    used = [int(key.removeprefix("persona/")) for key in turn.grounding if key.startswith("persona/")]
    return dataclasses.replace(turn, states=tuple(Statement(turn.speaker, facts[index]) for index in used))
