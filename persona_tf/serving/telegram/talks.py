"""The conversation of each chat, kept in the file in which the web server keeps its own.

A chat has one conversation at a time; another begins when the persona or the place changes, and the old one stays in
the file. Beside what the file holds of every conversation stand the chat's number in ``about``, and in ``state`` what
Telegram alone needs.
"""

import dataclasses
import functools
import logging
import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from persona_tf.chat.card import Card, read_card, write_card
from persona_tf.chat.card_scene import CardScene, card_scene
from persona_tf.chat.session import BOT, PARTNER, Session
from persona_tf.chat_file import ChatFile, Kept
from persona_tf.episode import Character, Episode, Setting, Turn
from persona_tf.serving.listing import about
from persona_tf.serving.telegram.outgoing import Out
from persona_tf.serving.telegram.validation import Pending

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot

SIMPLE, VALIDATION = "simple", "validation"
"""The modes of a chat."""

MAX_CARD_BYTES = 100_000
"""Largest card whose lorebook is kept: all of it is written anew at every turn."""

_OURS = "telegram"
_LOG = logging.getLogger("persona_tf.serving")

Draw = Callable[[int], Episode]
"""A seed -> a scene; its one learner is whom the bot plays."""


@dataclasses.dataclass
class Talk:
    """A chat's conversation, and what else is known of the chat.

    ``update``: the number of the last one that has changed it; ``out``: what was to be sent then. ``card``: the JSON
    of the card that is played, "" for none. ``memory``: the name of what it remembers. ``kept`` None: it is not in the
    file yet.
    """

    chat: int
    name: str
    session: Session
    mode: str = SIMPLE
    pending: Pending | None = None
    card: str = ""
    memory: str = ""
    update: int | None = None
    out: tuple[Out, ...] = ()
    kept: Kept | None = None

    @property
    def me(self) -> Character:
        """Whom the bot plays."""
        return self.session.episode.characters[BOT]

    @property
    def has_begun(self) -> bool:
        """Whether anything was said but the opening."""
        return len(self.session.episode.turns) > self.session.opening


class Talks:
    """Reads and writes conversations; all that it does waits for the disk.

    Args:
      file: where they are kept.
      bot: gives the bot.
      draw: whom the bot plays in a new chat; None: nobody.
      card: what it plays there, on top of what is drawn.
      most_facts: see `Session`.
    """

    def __init__(
        self,
        file: ChatFile,
        bot: Callable[[], "Bot"],
        draw: Draw | None = None,
        card: Card | None = None,
        most_facts: int | None = None,
    ):
        self._file, self._bot, self._draw, self._card, self._most_facts = file, bot, draw, card, most_facts
        self._names: dict[int, str] = {}
        newest: dict[int, float] = {}
        for kept in file.newest(file.count()):
            chat = kept.about.get("chat")
            if isinstance(chat, int) and kept.created >= newest.get(chat, 0.0):
                self._names[chat], newest[chat] = kept.id, kept.created

    @property
    def draws(self) -> bool:
        """Whether there is somebody to draw from."""
        return self._draw is not None

    def open(self, chat: int) -> Talk:
        """The conversation of a chat; a new one, not in the file yet, if it has none that can be read.

        Raises:
          OSError: see `ChatFile`.
        """
        kept = self._file.get(self._names[chat]) if chat in self._names else None
        if kept is not None:
            try:
                return self._restored(chat, kept)
            except (ValueError, KeyError, TypeError) as error:
                _LOG.error("Conversation %s cannot be read, another begins; it stays in the file: %s", kept.id, error)
        return self.drawn(Talk(chat, "", Session(self._bot(), None, Character(""), Character(""))))

    def _restored(self, chat: int, kept: Kept) -> Talk:
        data: Mapping[str, Any] = kept.state.get(_OURS, {})
        pending, card = data.get("pending"), data.get("card", "")
        recall = _cast(card, *_names(kept.state)).recall if card else None
        return Talk(
            chat,
            kept.id,
            Session.restore(self._bot(), kept.state, recall, self._most_facts),
            data.get("mode", SIMPLE),
            Pending.from_json(pending) if pending else None,
            card,
            data.get("memory", kept.id),
            data.get("update"),
            tuple(map(Out.from_json, data.get("out", ()))),
            kept,
        )

    def save(self, talk: Talk) -> bool:
        """Keeps a conversation; False: someone else has changed it.

        Raises:
          OSError: see `ChatFile`.
        """
        pending = None if talk.pending is None else dataclasses.asdict(talk.pending)
        out = [dataclasses.asdict(one) for one in talk.out]
        told = {"update": talk.update, "out": out}
        ours = {"mode": talk.mode, "pending": pending, "card": talk.card, "memory": talk.memory, **told}
        shown, state = {**about(talk.session), "chat": talk.chat}, {**talk.session.state(), _OURS: ours}
        if talk.kept is None:
            talk.kept = self._file.add(talk.name, shown, state)
            self._names[talk.chat] = talk.name
            return True
        saved = self._file.save(talk.kept, shown, state)
        talk.kept = saved or talk.kept
        return saved is not None

    def begun(self, talk: Talk, me: Character, setting: Setting | None, card: str = "") -> Talk:
        """The same chat with a conversation that begins.

        It takes the place of one in which nothing was said.

        Raises:
          ValueError: there is too much to know.
        """
        partner = talk.session.episode.characters[PARTNER]
        opening: tuple[Turn, ...] = ()
        recall = None
        if card:
            cast = _cast(card, partner.name, me.name)
            opening, recall = cast.openings[:1], cast.recall
        seed = secrets.randbelow(2**31)
        session = Session(self._bot(), setting, me, partner, seed, opening, recall, self._most_facts)
        is_new = talk.kept is None or talk.has_begun
        name = secrets.token_urlsafe(12) if is_new else talk.name
        kept = None if is_new else talk.kept
        memory = secrets.token_urlsafe(12)  # never that of somebody else, whom the bot played under the same name
        return dataclasses.replace(
            talk, name=name, session=session, pending=None, card=card, memory=memory, kept=kept, update=None, out=()
        )

    def drawn(self, talk: Talk) -> Talk:
        """The same chat with a conversation that begins with somebody who was drawn, somewhere."""
        if self._draw is None:
            return self.begun(talk, Character(""), None)
        scene = self._draw(secrets.randbelow(2**31))
        [learner] = scene.learners
        # The partner is a person, who has not said how it is called.
        return self.begun(talk, scene.characters[learner], scene.setting, self._base())

    def _base(self) -> str:
        return "" if self._card is None else kept_card(self._card)[0]


def kept_card(card: Card) -> tuple[str, bool]:
    """What is kept of a card, as JSON, and whether its lorebook is in it; its picture never is."""
    whole = write_card(card)
    if len(whole) <= MAX_CARD_BYTES:
        return whole.decode(), True
    first = Card(card.called, first_message=card.first_message[:10_000])
    return write_card(first).decode(), card.book is None


@functools.lru_cache(maxsize=64)
def _cast(card: str, partner: str, name: str) -> CardScene:
    """What a card means for its first message and its lorebook."""
    return card_scene(read_card(card.encode()), partner, name)


def _names(state: Mapping[str, Any]) -> tuple[str, str]:
    """Of the partner and the bot, as a state holds them."""
    characters = state["episode"]["characters"]
    return characters[PARTNER]["name"], characters[BOT]["name"]
