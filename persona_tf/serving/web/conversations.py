"""Conversations that are kept: every change is on the disk before it is told."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

from fastapi import APIRouter, Path, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from persona_tf.chat.session import Question, Session
from persona_tf.chat_file import ChatFile, Kept
from persona_tf.serving.listing import about
from persona_tf.serving.web import cards, views
from persona_tf.serving.web.bodies import (
    MAX_KEPT_ALTERNATIVES,
    MAX_TURNS,
    Asking,
    Change,
    ConversationOut,
    Edit,
    Listed,
    NewConversation,
    Rate,
    Regenerate,
    Say,
    Stopped,
    Swipe,
    Tick,
)
from persona_tf.serving.web.desk import Desk, Piece, unless_gone
from persona_tf.serving.web.errors import ApiError
from persona_tf.serving.web.events import EventStream, event
from persona_tf.serving.web.replies import begun, new_seed

if TYPE_CHECKING:
    from persona_tf.chat.remembering import Remembering


class Conversations:
    """Conversations in a file, one change of each at a time."""

    def __init__(self, desk: Desk, file: ChatFile):
        self._desk, self._file = desk, file
        # What is written waits for the disk: not here, where all else would wait too.
        self._disk = ThreadPoolExecutor(1, "chats")
        self._busy: set[str] = set()

    async def on_disk(self, work: Callable[..., Any], *arguments: Any) -> Any:
        """Has the file do something, in a thread of its own."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, work, *arguments)

    async def new(self, body: NewConversation) -> ConversationOut:
        """Begins one."""
        card = None if body.card is None else await run_in_threadpool(cards.checked, body.card)
        turns, seed = [turn.heard() for turn in body.turns], new_seed() if body.seed is None else body.seed
        session = begun(self._desk, body, turns, seed, cards.recall(card, body.persona.name, body.partner.name))
        name = secrets.token_urlsafe(12)
        state = cards.with_card(session.state(), card)
        kept = await self.on_disk(self._file.add, name, about(session), state)
        self._learn(name)
        return views.conversation(kept, session)

    async def read(self, name: str) -> tuple[Kept, Session]:
        """Raises an ApiError if there is none."""
        kept = await self.on_disk(self._file.get, name)
        if kept is None:
            raise ApiError(404, f"there is no conversation {name}", "not_found", "id")
        recall = await run_in_threadpool(cards.recall_of, kept.state)
        bot, most_facts = self._desk.model.bot, self._desk.mind.most_facts
        with _refusals():  # of many facts a server without memory says that there are too many
            return kept, Session.restore(bot, kept.state, recall, most_facts)

    async def newest(self, count: int, skip: int) -> Listed:
        """A list of them."""
        found = await self.on_disk(self._file.newest, count, skip)
        return Listed(conversations=[views.listed(one) for one in found], total=await self.on_disk(self._file.count))

    async def delete(self, name: str) -> None:
        """Forgets one; raises an ApiError if there is none."""
        await self._desk.mind.forget(name)
        if not await self.on_disk(self._file.delete, name):
            raise ApiError(404, f"there is no conversation {name}", "not_found", "id")

    @contextlib.asynccontextmanager
    async def changing(self, name: str) -> AsyncIterator[tuple[Kept, Session]]:
        """One for who changes it alone; raises an ApiError if there is none, or someone else is at it."""
        if name in self._busy:
            raise ApiError(409, "this conversation is being answered: wait for it, or stop it", "busy")
        self._busy.add(name)
        try:
            yield await self.read(name)
        finally:
            self._busy.discard(name)

    async def keep(self, kept: Kept, session: Session, first: int) -> Change:
        """Keeps a change; raises an ApiError if someone else has changed it."""
        state = cards.with_card(session.state(), cards.card_in(kept.state))
        saved = await self.on_disk(self._file.save, kept, about(session), state)
        self._learn(kept.id)
        if saved is None:
            raise ApiError(409, "this conversation was changed or deleted meanwhile: read it again", "conflict")
        return views.change(saved, session, first)

    async def change(self, name: str, make: Callable[[Session], None], first: int | None = None) -> Change:
        """A change that needs no bot; ``first``: the first turn that differs, None: what is there less than before."""
        async with self.changing(name) as (kept, session):
            with _refusals():
                make(session)
            return await self.keep(kept, session, len(session.episode.turns) if first is None else first)

    async def answered(
        self, request: Request, name: str, asking: Asking, ask: Callable[[Session], Question]
    ) -> Change | Response:
        """A change that the bot answers; streamed if that is asked for."""
        events = self._events(name, asking, ask)
        if asking.stream:
            return await EventStream.begun(request.receive, _as_bytes(events))
        return await unless_gone(request, _last(events))

    async def _events(
        self, name: str, asking: Asking, ask: Callable[[Session], Question]
    ) -> AsyncGenerator[Piece | Change, None]:
        async with self.changing(name) as (kept, session):
            await self._desk.mind.attend(name, session)
            with _refusals():
                question = await self._desk.mind.work(ask, session)
            before = len(question.onto.episode.turns)
            if before >= MAX_TURNS:
                raise ApiError(409, f"a conversation has at most {MAX_TURNS:,} turns: begin another", "too_long")
            if question.beside and len(question.beside.alternatives) >= MAX_KEPT_ALTERNATIVES:
                raise ApiError(409, f"a turn has at most {MAX_KEPT_ALTERNATIVES} alternatives", "too_many")
            asks = self._desk.asks(question, asking.decoding, asking.stream)
            async with contextlib.aclosing(self._desk.telling(asks, name)) as telling:
                async for told in telling:
                    if isinstance(told, Piece):
                        yield told
                    else:
                        old = session.episode.turns
                        session.take(question, told)
                        yield await self.keep(kept, session, _first_other(old, session))

    async def memory(self, name: str) -> "Remembering":
        """What a conversation remembers, after all that was said; not of what is being answered just now.

        Raises:
          ApiError: there is no such conversation, or no memory.
        """
        self._desk.mind.minds  # noqa: B018  (raises)
        _, session = await self.read(name)
        if name not in self._busy:
            self._learn(name)
        return cast("Remembering", await self._desk.mind.attend(name, session))

    def _learn(self, name: str) -> None:
        async def session() -> Session:
            return (await self.read(name))[1]

        self._desk.mind.learn(name, session)

    def close(self) -> None:
        """When all is written."""
        self._disk.shutdown()
        self._file.close()


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What a conversation refuses is the client's to mend."""
    try:
        yield
    except ValueError as error:
        raise ApiError(422, str(error), "invalid") from error


def _first_other(old: tuple, session: Session) -> int:
    """The number of the first turn that is not as it was; the last counts as one."""
    turns = session.episode.turns
    same = next((i for i, (a, b) in enumerate(zip(old, turns, strict=False)) if a != b), min(len(old), len(turns)))
    return min(same, len(turns) - 1)


async def _as_bytes(events: AsyncGenerator[Piece | Change, None]) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(events):
        async for told in events:
            if isinstance(told, Piece):
                yield event({"index": told.ask, "text": told.text}, "text")
            else:
                yield event(told.model_dump(), "done")


async def _last(events: AsyncGenerator[Piece | Change, None]) -> Change:
    async with contextlib.aclosing(events):
        async for told in events:
            if isinstance(told, Change):
                return told
    raise AssertionError("a change comes last")


Name = Path(max_length=64, pattern="^[A-Za-z0-9_-]+$")


def router(all_of: Conversations, desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1/conversations", tags=["conversations"])

    @routes.post("", status_code=201, response_model=ConversationOut)
    async def create(body: NewConversation) -> ConversationOut:
        """Begins a conversation, or brings one back with its turns."""
        return await all_of.new(body)

    @routes.get("", response_model=Listed)
    async def newest(limit: int = Query(50, ge=1, le=200), skip: int = Query(0, ge=0, le=10**9)) -> Listed:
        """Those that were changed last."""
        return await all_of.newest(limit, skip)

    @routes.get("/{id}", response_model=ConversationOut)
    async def read(id: str = Name) -> ConversationOut:
        """All of a conversation."""
        return views.conversation(*await all_of.read(id))

    @routes.delete("/{id}", status_code=204)
    async def delete(id: str = Name) -> None:
        """Forgets a conversation, on the disk too."""
        await all_of.delete(id)

    @routes.post("/{id}/say", response_model=Change)
    async def say(request: Request, body: Say, id: str = Name) -> Change | Response:
        """The partner says, does or shows something, and the bot answers."""
        return await all_of.answered(request, id, body, lambda s: s.to_say(body.text, body.action, body.emote))

    @routes.post("/{id}/continue", response_model=Change)
    async def go_on(request: Request, body: Asking, id: str = Name) -> Change | Response:
        """The bot's last turn gets longer; the shorter one stays among its alternatives."""
        return await all_of.answered(request, id, body, Session.to_go_on)

    @routes.post("/{id}/regenerate", response_model=Change)
    async def regenerate(request: Request, body: Regenerate, id: str = Name) -> Change | Response:
        """The bot's last turn gets `n` more alternatives, written side by side; the first of them is chosen."""
        return await all_of.answered(request, id, body, lambda s: s.to_regenerate(body.n))

    @routes.post("/{id}/edit", response_model=Change)
    async def edit(request: Request, body: Edit, id: str = Name) -> Change | Response:
        """Puts other words into a turn. With `answer` the bot answers them, and what came after is dropped."""
        if body.answer:
            return await all_of.answered(
                request, id, body, lambda s: s.to_say(body.text, body.action, body.emote, body.turn)
            )
        return await all_of.change(id, lambda s: s.edit(body.turn, body.text, body.action, body.emote), body.turn)

    @routes.post("/{id}/swipe", response_model=Change)
    async def swipe(body: Swipe, id: str = Name) -> Change:
        """Makes the last turn another of its alternatives."""
        async with all_of.changing(id) as (kept, session):
            with _refusals():
                session.choose(body.to)
            return await all_of.keep(kept, session, len(session.episode.turns) - 1)

    @routes.post("/{id}/undo", response_model=Change)
    async def undo(id: str = Name) -> Change:
        """Takes back the last turn; with an answer what was answered too."""
        return await all_of.change(id, Session.undo)

    @routes.post("/{id}/rate", response_model=Change)
    async def rate(body: Rate, id: str = Name) -> Change:
        """Rates a reply."""
        given = body.model_dump(exclude_unset=True, exclude={"turn"})
        return await all_of.change(id, lambda s: s.rate(body.turn, given), body.turn)

    @routes.post("/{id}/tick", response_model=Change)
    async def tick(body: Tick, id: str = Name) -> Change:
        """Says which facts, sentences and turns suit a reply."""
        return await all_of.change(id, lambda s: s.tick(body.turn, body.keys), body.turn)

    @routes.post("/{id}/stop", response_model=Stopped)
    async def stop(id: str = Name) -> Stopped:
        """Ends the answer that is being written; what there is of it is kept."""
        return Stopped(stopped=desk.stop(id))

    return routes
