"""People to talk to: the characters of a source's dialogues, without what they said."""

import random
from collections.abc import Callable, Iterable

from persona_tf.episode import Character, Episode


def meetings(episodes: Iterable[Episode]) -> Callable[[int], Episode]:
    """A seed -> place and characters of one of these dialogues; its one learner is whom one meets.

    Drawn are learners who have facts; of the other one nothing but the name is known.

    Raises:
      ValueError: nobody has any facts.

    >>> from persona_tf.episode import Fact
    >>> cast = Character("Tam", (Fact("I dig."),)), Character("Mira", (Fact("I bake."),))
    >>> met = meetings([Episode("e1", "demo", None, cast, (), learners=(1,))])(3)
    >>> met.learners, [(one.name, len(one.facts)) for one in met.characters]
    ((1,), [('Tam', 0), ('Mira', 1)])
    """
    people = [(e, learner) for e in episodes for learner in e.learners if e.characters[learner].facts]
    if not people:
        raise ValueError("there is nobody to meet: no character of the dialogues has any facts")

    def draw(seed: int) -> Episode:
        episode, bot = random.Random(f"meeting {seed}").choice(people)
        cast = [Character(character.name) for character in episode.characters]
        cast[bot] = episode.characters[bot]
        id = f"{episode.source}/chat/{seed}"
        return Episode(id, episode.source, episode.setting, (cast[0], cast[1]), (), (bot,))

    return draw
