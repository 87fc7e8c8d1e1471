"""What the bot does when something happens in a chat: reads the conversation, changes it, keeps it, then tells."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

from persona_tf.chat.answer import BLOCKED, MARKED, Answer
from persona_tf.chat.card import Card, read_card
from persona_tf.chat.card_scene import CardScene, card_scene
from persona_tf.chat.minds import Minds
from persona_tf.chat.remembering import Remembering
from persona_tf.chat.session import PARTNER, Question
from persona_tf.episode import Character, Setting, Turn
from persona_tf.serving.listing import said
from persona_tf.serving.model_facts import ModelFacts
from persona_tf.serving.model_thread import FullError, ModelThread, NotReadyError, TooLateError
from persona_tf.serving.telegram import memory_command
from persona_tf.serving.telegram.asking import answer_to
from persona_tf.serving.telegram.events import Command, Event, Pressed, Said, Sent, Unread
from persona_tf.serving.telegram.outgoing import Out, short, turn_text
from persona_tf.serving.telegram.scene_commands import (
    DRAW,
    MAX_FACT,
    RefusedError,
    persona,
    persona_text,
    place,
    place_text,
    verb_of,
)
from persona_tf.serving.telegram.sender import MAX_FILE_BYTES, Sender
from persona_tf.serving.telegram.talks import SIMPLE, VALIDATION, Talk, Talks, kept_card
from persona_tf.serving.telegram.texts import Texts, texts_of
from persona_tf.serving.telegram.validation import (
    MOST_OFFERED,
    Pending,
    best,
    press_of,
    rate,
    rating_buttons,
)
from persona_tf.serving.typed import typed

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot

MAX_TURNS = 1_000
"""Of a conversation."""

_QUOTED = 300
_TRIES = 5
"""Someone else may change a conversation, as the web server where it has the same file."""


@dataclasses.dataclass(frozen=True)
class Threads:
    """Where what takes time is done: ``disk`` one thread, ``work`` for cards and for memories, which ask the bot."""

    disk: ThreadPoolExecutor
    work: ThreadPoolExecutor


class Host:
    """Takes events; those of one chat must come one after the other, chats side by side.

    Args:
      talks: the conversations.
      model: answers.
      sender: sends.
      threads: see `Threads`.
      minds: what conversations remember; None: nothing. It finds the facts that are offered in validation, too, in the
        place of those that the bot itself leant on.
    """

    def __init__(self, talks: Talks, model: ModelThread, sender: Sender, threads: Threads, minds: Minds | None = None):
        self._talks, self._model, self._sender, self._threads, self._minds = talks, model, sender, threads, minds
        self._facts = cast("Bot", ModelFacts(model))

    async def take(self, event: Event) -> None:
        """Does what is wanted, if it was not done before, and tells of it.

        Raises:
          StoppingError: see `Patience`.
          OSError, ValueError: the conversation cannot be read or kept.
        """
        if isinstance(event.what, Unread):
            texts = texts_of(event.language)
            why = {"photo": texts.card_photo, "other": texts.unreadable, "fast": texts.too_fast}
            return await self._sender.send(event.chat, Out(why[event.what.why]))
        for _ in range(_TRIES):
            talk = await self._on_disk(self._talks.open, event.chat)
            if talk.update == event.update:
                break  # a kill came between keeping and sending
            changed, out = await self._done(talk, event)
            talk = dataclasses.replace(changed, update=event.update, out=tuple(out))
            if await self._on_disk(self._talks.save, talk):
                break
        else:
            raise OSError(f"conversation {talk.name} is changed by somebody else again and again")
        for one in talk.out:
            await self._sender.send(event.chat, one)

    async def learn(self, chat: int) -> None:
        """Writes down what was said in a chat, while nobody waits; raises whatever memory or bot raise."""
        if self._minds is not None:
            talk = await self._on_disk(self._talks.open, chat)
            if talk.kept is not None:
                await self._in_work(lambda: self._attended(talk).learn())

    async def _done(self, talk: Talk, event: Event) -> tuple[Talk, list[Out]]:
        """The conversation after the event, and what is to be sent."""
        texts = texts_of(event.language)
        try:
            match event.what:
                case Said(text):
                    return await self._said(talk, text, texts)
                case Command(name, rest):
                    if name not in _COMMANDS:
                        raise RefusedError(texts.no_command.format(name=short(name, 40)))
                    return await _COMMANDS[name](self, talk, rest, texts)
                case Pressed():
                    return await self._pressed(talk, event.what, texts)
                case Sent(file, size):
                    return await self._card(talk, file, size, texts)
            raise AssertionError(f"an event of an unknown kind: {event}")
        except RefusedError as error:
            return talk, [Out(str(error))]
        except (FullError, NotReadyError):
            return talk, [Out(texts.busy)]
        except TooLateError:
            return talk, [Out(texts.late)]

    # ------------------------------------------------------------------------------------------- the bot answers

    async def _said(self, talk: Talk, text: str, texts: Texts) -> tuple[Talk, list[Out]]:
        if not any(typed(text)):
            raise RefusedError(texts.empty)
        if len(talk.session.episode.turns) >= MAX_TURNS:
            raise RefusedError(texts.full)
        if talk.pending:
            # Nothing that was said is lost: both are one turn.
            text = f"{talk.pending.text}\n{text}"
        if talk.mode == VALIDATION and talk.session.facts:
            return await self._offered(talk, text, texts)
        return await self._answered(talk, text, None, texts)

    async def _answered(
        self, talk: Talk, text: str, ticked: tuple[str, ...] | None, texts: Texts
    ) -> tuple[Talk, list[Out]]:
        """The bot's turn, from all facts or from those that were ticked."""
        session = talk.session
        question = await self._question(talk, text, ticked)
        answer = session.take(question, [await self._ask(talk, question)])
        number = len(session.episode.turns) - 1
        if ticked is not None:
            session.tick(number, ticked)
        is_rated = talk.mode == VALIDATION
        buttons = rating_buttons(talk.name, session, number, texts) if is_rated else ()
        note = {MARKED: texts.marked, BLOCKED: texts.blocked}.get(answer.offence, "")
        text = _lines(turn_text(session.episode.turns[number]), note)
        return dataclasses.replace(talk, pending=None), [Out(text, buttons)]

    async def _offered(self, talk: Talk, text: str, texts: Texts) -> tuple[Talk, list[Out]]:
        """The best facts, to be ticked."""
        facts = talk.session.facts
        keys = list(facts)
        if self._minds is not None:
            turns = (*talk.session.episode.turns, Turn(PARTNER, *typed(text)))
            found = await self._working(talk, self._minds.best, turns, list(facts.values()), MOST_OFFERED)
            offered = tuple(keys[number] for number in found)
        else:
            answer = await self._ask(talk, talk.session.to_say(*typed(text)))
            offered = best(keys, answer.leant_on)
        pending = Pending(text, offered)
        out = Out(pending.question(facts, texts), pending.buttons(facts, texts))
        return dataclasses.replace(talk, pending=pending), [out]

    async def _question(self, talk: Talk, text: str, ticked: tuple[str, ...] | None) -> Question:
        """What the bot is asked; whose facts were ticked knows these alone."""
        if self._minds is None or ticked is not None:
            return talk.session.to_say(*typed(text), facts=ticked)
        await self._working(talk, self._attended, talk)
        return await self._working(talk, talk.session.to_say, *typed(text))

    async def _ask(self, talk: Talk, question: Question) -> Answer:
        async with self._sender.typing(talk.chat):
            return await answer_to(self._model, question)

    # ------------------------------------------------------------------------------------------- buttons

    async def _pressed(self, talk: Talk, pressed: Pressed, texts: Texts) -> tuple[Talk, list[Out]]:
        press = press_of(pressed.data, talk.name, talk.session, talk.pending)
        await self._sender.pressed(pressed.query, texts.old_button if press.kind == "old" else "")
        facts, pending = talk.session.facts, talk.pending
        if press.kind == "tick" and pending:
            pending = pending.toggled(press.number)
            buttons = pending.buttons(facts, texts)
            return dataclasses.replace(talk, pending=pending), [Out(None, buttons, pressed.message)]
        if press.kind == "done" and pending:
            talk, out = await self._answered(talk, pending.text, pending.ticked, texts)
            return talk, [Out(pending.question(facts, texts, answered=True), (), pressed.message), *out]
        if press.kind == "rate":
            rate(talk.session, press.number, press.quality)
            buttons = rating_buttons(talk.name, talk.session, press.number, texts)
            return talk, [Out(None, buttons, pressed.message)]
        if press.kind in ("pin", "forget") and self._minds:
            remembering = await self._working(talk, self._attended, talk)
            said = await self._working(talk, memory_command.pressed, remembering, press.kind, press.number, texts)
            return talk, [await self._remembered(talk, remembering, said, texts, pressed.message)]
        return talk, [Out(None, (), pressed.message)]

    # ------------------------------------------------------------------------------------------- commands

    async def _start(self, talk: Talk, _: str, texts: Texts) -> tuple[Talk, list[Out]]:
        setting = talk.session.episode.setting
        return self._anew(talk, talk.me, setting, talk.card, texts, [_welcome(talk.me, setting, texts)])

    async def _help(self, talk: Talk, _: str, texts: Texts) -> tuple[Talk, list[Out]]:
        return talk, [Out(texts.help)]

    async def _persona(self, talk: Talk, rest: str, texts: Texts) -> tuple[Talk, list[Out]]:
        verb, _ = verb_of(rest)
        if verb == DRAW:
            if not self._talks.draws:
                raise RefusedError(texts.not_drawn)
            had_begun, talk = talk.has_begun, await self._working(talk, self._talks.drawn, talk)
            text = _lines(texts.drawn, persona_text(talk.me, texts), place_text(talk.session.episode.setting, texts))
            return talk, [Out(_lines(text, texts.anew if had_begun else "")), *_openings(talk)]
        made = persona(talk.me, rest, texts)
        if made.character is None:
            return talk, [Out(made.text)]
        # What a card tells besides belongs to whom it made.
        card = "" if verb in ("set", "clear") else talk.card
        return self._anew(talk, made.character, talk.session.episode.setting, card, texts, [made.text])

    async def _place(self, talk: Talk, rest: str, texts: Texts) -> tuple[Talk, list[Out]]:
        if not rest.strip():
            return talk, [Out(place_text(talk.session.episode.setting, texts))]
        setting = place(rest, texts)
        text = place_text(setting, texts, texts.place_set) if setting else texts.place_gone
        return self._anew(talk, talk.me, setting, talk.card, texts, [text])

    async def _memory(self, talk: Talk, rest: str, texts: Texts) -> tuple[Talk, list[Out]]:
        if self._minds is None:
            raise RefusedError(texts.no_memory)
        remembering = await self._working(talk, self._attended, talk)
        await self._working(talk, remembering.learn)
        said = await self._working(talk, memory_command.memory_command, remembering, rest, texts)
        return talk, [await self._remembered(talk, remembering, said, texts)]

    async def _remembered(self, talk: Talk, remembering: Remembering, said: str, texts: Texts, instead: int = 0) -> Out:
        """What is remembered, after what is said of it."""
        facts = await self._working(talk, remembering.memory.facts)
        text = _lines(said, memory_command.memory_list(facts, texts))
        return Out(text, memory_command.memory_buttons(facts, talk.name), instead)

    async def _about_cards(self, talk: Talk, _: str, texts: Texts) -> tuple[Talk, list[Out]]:
        return talk, [Out(texts.card_usage)]

    async def _undo(self, talk: Talk, _: str, texts: Texts) -> tuple[Talk, list[Out]]:
        if talk.pending:
            text = texts.undone_unsaid.format(text=short(talk.pending.text, _QUOTED))
            return dataclasses.replace(talk, pending=None), [Out(text)]
        before = talk.session.episode.turns
        try:
            talk.session.undo()
        except ValueError as error:
            raise RefusedError(texts.nothing_to_undo) from error
        gone = before[len(talk.session.episode.turns) :]
        return talk, [Out(texts.undone.format(text=short(said(gone[0]), _QUOTED)))]

    async def _simple(self, talk: Talk, _: str, texts: Texts) -> tuple[Talk, list[Out]]:
        pending, talk = talk.pending, dataclasses.replace(talk, mode=SIMPLE)
        if pending is None:
            return talk, [Out(texts.simple)]
        talk, out = await self._answered(talk, pending.text, None, texts)
        return talk, [Out(texts.simple), *out]

    async def _validation(self, talk: Talk, _: str, texts: Texts) -> tuple[Talk, list[Out]]:
        text = texts.validation if talk.me.facts else _lines(texts.validation, texts.no_facts)
        return dataclasses.replace(talk, mode=VALIDATION), [Out(text)]

    async def _card(self, talk: Talk, file: str, size: int, texts: Texts) -> tuple[Talk, list[Out]]:
        if size > MAX_FILE_BYTES:
            raise RefusedError(texts.card_large.format(most=MAX_FILE_BYTES >> 20))
        content = await self._sender.file(file)
        if content is None:
            raise RefusedError(texts.card_lost)
        try:
            cast, kept, has_all = await self._working(talk, _cast_of, content)
        except ValueError as error:
            raise RefusedError(texts.card_wrong.format(why=short(str(error), _QUOTED))) from error
        left_out = texts.card_left_out.format(count=cast.left_out) if cast.left_out else ""
        notes = [texts.card.format(name=cast.character.name), left_out, "" if has_all else texts.card_book_large]
        told = _lines(persona_text(cast.character, texts), place_text(cast.setting, texts))
        return self._anew(talk, cast.character, cast.setting, kept, texts, [*notes, told])

    def _anew(
        self, talk: Talk, me: Character, setting: Setting | None, card: str, texts: Texts, told: Sequence[str]
    ) -> tuple[Talk, list[Out]]:
        """A conversation that begins, and what is said of it."""
        had_begun = talk.has_begun or talk.pending is not None
        try:
            talk = self._talks.begun(talk, me, setting, card)
        except ValueError as error:
            raise RefusedError(texts.too_much) from error
        return talk, [Out(_lines(*told, texts.anew if had_begun else "")), *_openings(talk)]

    # ------------------------------------------------------------------------------------------- within

    def _attended(self, talk: Talk) -> Remembering:
        assert self._minds is not None
        return self._minds.attend(talk.memory, talk.session, self._facts)

    async def _in_work(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads.work, work, *arguments)

    async def _on_disk(self, work: Callable[..., Any], *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads.disk, work, *arguments)

    async def _working(self, talk: Talk, work: Callable[..., Any], *arguments: Any) -> Any:
        async with self._sender.typing(talk.chat):
            return await self._in_work(work, *arguments)


_Did = Awaitable[tuple[Talk, list[Out]]]

_COMMANDS: Mapping[str, Callable[[Host, Talk, str, Texts], _Did]] = {
    "start": Host._start,
    "help": Host._help,
    "persona": Host._persona,
    "place": Host._place,
    "card": Host._about_cards,
    "memory": Host._memory,
    "undo": Host._undo,
    "simple": Host._simple,
    "validation": Host._validation,
}


def _cast_of(content: bytes) -> tuple[CardScene, str, bool]:
    """What a card means, what of it is kept, and whether its lorebook is."""
    card: Card = read_card(content)
    cast = card_scene(card)
    facts = cast.character.facts
    if any(len(fact.text) > MAX_FACT for fact in facts):
        kept_facts = tuple(fact for fact in facts if len(fact.text) <= MAX_FACT)
        character = dataclasses.replace(cast.character, facts=kept_facts)
        cast = dataclasses.replace(cast, character=character, left_out=cast.left_out + len(facts) - len(kept_facts))
    return cast, *kept_card(card)


def _welcome(me: Character, setting: Setting | None, texts: Texts) -> str:
    """Whom one meets and where; of the bot its name alone."""
    who = texts.meet.format(name=me.name) if me.name else texts.meet_nobody if not me.facts else ""
    return _lines(who, place_text(setting, texts, texts.stand) if setting else "", texts.begin)


def _openings(talk: Talk) -> list[Out]:
    """What the bot has said before anybody spoke."""
    return [Out(turn_text(turn)) for turn in talk.session.episode.turns]


def _lines(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)
