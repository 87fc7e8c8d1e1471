"""Who meets whom and where: what was typed on the command line, laid over a scene that was drawn."""

import dataclasses
import os
import pathlib
from collections.abc import Callable

from persona_tf.chat.card import Card
from persona_tf.chat.card_scene import card_scene
from persona_tf.episode import Character, Episode, Fact, Setting, sentences

NOBODY = Episode("nobody", "scene", None, (Character(""), Character("")), (), learners=(1,))
"""A scene to lay things over where none is drawn."""

NOTHING = "none"
"""Stands for no place, or no facts."""


def scene(
    drawn: Episode, name: str = "", partner: str = "", place: str = "", persona: str = "", card: Card | None = None
) -> Episode:
    """The drawn scene, changed by what was given; what is "" stays as drawn.

    Args:
      drawn: an episode without turns; its one learner is the bot.
      name: of the bot.
      partner: the human's name.
      place: ``NAME`` or ``NAME: description``, or ``none``.
      persona: facts with ``|`` between them, a file with one fact a line, or ``none``. What the drawn bot carried,
        wore and wielded is dropped then, since it belonged to someone else.
      card: whom the bot plays, and where, in the place of what was drawn. What else is given is laid over it.

    Raises:
      FileNotFoundError: ``persona`` looks like a file, and there is none.
      ValueError: ``place`` has a description, but no name; the file of ``persona`` is no UTF-8.
      OSError: the file of ``persona`` cannot be read.

    >>> from persona_tf.episode import Character, Episode
    >>> drawn = Episode("d", "demo", None, (Character("Tam"), Character("Mira")), (), learners=(1,))
    >>> made = scene(drawn, place="Mill: It is old. It leans.", persona="I bake.|I sing.")
    >>> made.setting.description, [fact.text for fact in made.characters[1].facts]
    (('It is old.', 'It leans.'), ['I bake.', 'I sing.'])
    """
    [learner] = drawn.learners
    bot, human, setting = drawn.characters[learner], drawn.characters[1 - learner], drawn.setting
    human = dataclasses.replace(human, name=partner or human.name)
    if card is not None:
        meant = card_scene(card, human.name, name)
        bot, setting = meant.character, meant.setting
    if persona:
        bot = Character(bot.name, _facts(persona))
    bot = dataclasses.replace(bot, name=name or bot.name)
    setting = _given(place) if place else setting
    return dataclasses.replace(drawn, setting=setting, characters=(bot, human) if learner == 0 else (human, bot))


def scenes(
    draw: Callable[[int], Episode] | None, name: str = "", place: str = "", persona: str = "", card: Card | None = None
) -> Callable[[int], Episode] | None:
    """As `scene`, whatever is drawn; None: nobody is drawn and nothing was given. Raises, now, what `scene` raises."""
    given = name, "", place, persona, card
    if draw is None and not any(given):
        return None

    def meet(seed: int) -> Episode:
        return scene(NOBODY if draw is None else draw(seed), *given)

    meet(0)
    return meet


def setting_of(text: str) -> Setting:
    """A place that was typed as ``NAME`` or ``NAME: description``.

    Raises:
      ValueError: it has no name.
    """
    name, _, description = (part.strip() for part in text.partition(":"))
    if not name:
        raise ValueError(f"place: expected NAME or NAME: description, got {text!r}")
    return Setting(name, description=sentences(description))


def _given(text: str) -> Setting | None:
    return None if text.strip() == NOTHING else setting_of(text)


def _facts(text: str) -> tuple[Fact, ...]:
    if text.strip() == NOTHING:
        return ()
    if os.path.isfile(text):
        lines = _read(pathlib.Path(text)).splitlines()
    elif _looks_like_a_file(text):
        raise FileNotFoundError(f"persona: no file {text}; expected a file, or facts such as 'I bake.|I sing.'")
    else:
        lines = text.split("|")
    return tuple(Fact(line.strip()) for line in lines if line.strip())


def _looks_like_a_file(text: str) -> bool:
    """One word with a slash in it or an ending: no sentence."""
    return len(text.split()) == 1 and "|" not in text and ("/" in text or bool(pathlib.Path(text).suffix))


def _read(path: pathlib.Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected text in UTF-8, one fact a line ({error})") from error
