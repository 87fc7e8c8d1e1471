"""Two bots that talk to each other: each has a `Session` of its own, and what one says the other hears.

Pure state around two bots, which may be one and the same; knows no files and no metrics.
"""

import dataclasses
import random
from typing import TYPE_CHECKING

from persona_tf.chat.session import Session
from persona_tf.episode import Episode, Turn

if TYPE_CHECKING:
    from persona_tf.chat.bot import Answer, Bot


@dataclasses.dataclass(frozen=True)
class Source:
    """What a turn leant on: the key as its speaker sees it, the text there, and its share of the attention.

    ``turn/5`` is the sixth turn of the chat.
    """

    key: str
    text: str
    share: float


@dataclasses.dataclass(frozen=True)
class Chat:
    """A chat that was led: ``episode`` with its turns; ``leant_on`` has the sources of each, largest share first."""

    episode: Episode
    leant_on: tuple[tuple[Source, ...], ...]


class SelfChat:
    """A conversation of two bots that grows by a turn at a time.

    Equal arguments give equal chats. A turn of nothing at all is kept, and the other bot goes on as if it had not been.

    Args:
      bots: who speaks as ``characters[0]`` and ``characters[1]``; anything that `Session` takes.
      scene: place and characters; its turns are not looked at. Its id names the chat.
      opens: the character that speaks first.
      seed: decides the noise of sampling, another for each bot and turn.

    Raises:
      ValueError: ``opens`` is neither 0 nor 1, or see `Session`.
    """

    def __init__(self, bots: tuple["Bot", "Bot"], scene: Episode, opens: int = 0, seed: int = 0):
        if opens not in (0, 1):
            raise ValueError(f"opens: expected character 0 or 1, got {opens!r}")
        self._scene = dataclasses.replace(scene, turns=(), asides=())
        self._next = opens
        people = scene.characters
        self._sessions = tuple(
            Session(bots[me], scene.setting, people[me], people[1 - me], _noise(f"{scene.id}/{seed}/{me}"))
            for me in (0, 1)
        )
        # For each of the two: the number in the chat of each turn that its own session has.
        self._numbers: tuple[list[int], list[int]] = ([], [])
        self._turns: list[Turn] = []
        self._leant_on: list[tuple[Source, ...]] = []

    def turn(self) -> Turn:
        """The next of the two speaks; returns what it says, does and shows."""
        me, number = self._next, len(self._turns)
        session, numbers = self._sessions[me], self._numbers[me]
        heard = self._turns[-1] if self._turns else None
        answer = session.say(heard.speech, heard.action, heard.emote) if heard else session.open()
        if len(session.episode.turns) > len(numbers) + 1:
            numbers.append(number - 1)
        numbers.append(number)
        self._turns.append(dataclasses.replace(session.episode.turns[-1], speaker=me))
        self._leant_on.append(tuple(self._sources(session, numbers, answer)))
        self._next = 1 - me
        return self._turns[-1]

    def chat(self) -> Chat:
        """The conversation so far."""
        # As a session keeps them: text that no encoding knows is gone.
        kept = self._sessions[0].episode
        partner, me = kept.characters
        episode = dataclasses.replace(
            self._scene, setting=kept.setting, characters=(me, partner), turns=tuple(self._turns), learners=(0, 1)
        )
        return Chat(episode, tuple(self._leant_on))

    def _sources(self, session: Session, numbers: list[int], answer: "Answer") -> list[Source]:
        texts = {item.key: item.text for item in session.items}
        sources = []
        for key, share in answer.leant_on.items():
            kind, _, index = key.partition("/")
            if kind == "turn":
                said = self._turns[numbers[int(index)]]
                key, text = f"turn/{numbers[int(index)]}", said.speech or said.action or said.emote
            else:
                text = texts[key]
            sources.append(Source(key, text, share))
        return sources


def converse(bots: tuple["Bot", "Bot"], scene: Episode, turns: int, opens: int = 0, seed: int = 0) -> Chat:
    """A whole chat of ``turns`` turns; see `SelfChat`."""
    talk = SelfChat(bots, scene, opens, seed)
    for _ in range(turns):
        talk.turn()
    return talk.chat()


def _noise(key: str) -> int:
    return random.Random(key).getrandbits(31)
