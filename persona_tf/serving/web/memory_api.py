"""What a conversation remembers: listed, added to, pinned, edited, removed."""

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from fastapi import APIRouter, Path

from persona_tf.serving.web.conversations import Conversations, Name
from persona_tf.serving.web.errors import ApiError
from persona_tf.serving.web.memory_bodies import FactChange, FactOut, MemoryOut, NewFactBody, OutcomeOut
from persona_tf.serving.web.mind import Mind

if TYPE_CHECKING:
    from persona_tf.chat.remembering import KnownFact, Outcome, Remembering

Number = Path(ge=1, lt=2**53)


def router(all_of: Conversations, mind: Mind) -> APIRouter:
    """The routes; on a server without memory all of them say so."""
    routes = APIRouter(prefix="/api/v1/conversations/{id}/memory", tags=["memory"])

    @contextlib.asynccontextmanager
    async def changing(name: str) -> AsyncIterator["Remembering"]:
        """For who changes it alone."""
        mind.minds  # noqa: B018  (raises)
        async with all_of.changing(name) as (_, session):
            remembering = await mind.attend(name, session)
            assert remembering is not None
            yield remembering

    @contextlib.asynccontextmanager
    async def changing_fact(name: str, number: int, hides: bool) -> AsyncIterator["Remembering"]:
        """As `changing`. What is hidden the bot is shown no more from the beginning: its memory alone tells it.

        That is on the disk first. If the server is killed then, the memory still has the fact, and all can be asked for
        again; else what was removed would go on to be shown.
        """
        mind.minds  # noqa: B018  (raises)
        async with all_of.changing(name) as (kept, session):
            remembering = await mind.attend(name, session)
            assert remembering is not None
            try:
                fact = await mind.work(remembering.memory.fact, number)
            except KeyError as error:
                raise ApiError(404, f"there is no fact {number} in this memory", "not_found", "number") from error
            before = session.facts
            if hides:
                remembering.hide(fact)
            if session.facts != before:
                await all_of.keep(kept, session, len(session.episode.turns))
                await mind.learned(name)
            yield remembering

    @routes.get("", response_model=MemoryOut)
    async def listed(id: str = Name) -> MemoryOut:
        """All that is remembered after what was said last."""
        remembering = await all_of.memory(id)
        facts = await mind.work(remembering.memory.facts)
        news = [_outcome(remembering, one) for one in remembering.news()]
        return MemoryOut(facts=[_fact(remembering, one) for one in facts], news=news)

    @routes.post("", status_code=201, response_model=OutcomeOut)
    async def add(body: NewFactBody, id: str = Name) -> OutcomeOut:
        """Remembers a fact; one that contradicts it is forgotten."""
        async with changing(id) as remembering:
            return _outcome(remembering, await mind.work(remembering.tell, body.text, body.owner, body.pinned))

    @routes.patch("/{number}", response_model=OutcomeOut)
    async def change(body: FactChange, id: str = Name, number: int = Number) -> OutcomeOut:
        """Edits a fact, pins it, or lets it go. An edit that repeats or contradicts what is stronger is refused."""
        async with changing_fact(id, number, body.text is not None) as remembering:
            return _outcome(remembering, await mind.work(_changed, remembering, number, body))

    @routes.delete("/{number}", status_code=204)
    async def remove(id: str = Name, number: int = Number) -> None:
        """Forgets a fact, on the disk too."""
        async with changing_fact(id, number, True) as remembering:
            await mind.work(remembering.memory.remove, [number])

    return routes


def _changed(remembering: "Remembering", number: int, body: FactChange) -> "Outcome":
    """Raises an ApiError where the edit is refused."""
    outcome = remembering.change(number, body.text, body.pinned)
    if outcome.kind in ("duplicate", "refused"):
        how = "repeats" if outcome.kind == "duplicate" else "contradicts"
        others = " and ".join(f"fact {one.number}, {one.text}" for one in outcome.others)
        raise ApiError(409, f"it {how} {others}: edit or remove that", outcome.kind, "text")
    return outcome


def _outcome(remembering: "Remembering", one: "Outcome") -> OutcomeOut:
    others = [_fact(remembering, other) for other in one.others]
    return OutcomeOut(kind=one.kind, text=one.text, number=one.number, others=others)


def _fact(remembering: "Remembering", fact: "KnownFact") -> FactOut:
    told = {name: getattr(fact, name) for name in ("number", "text", "owner", "source", "pinned")}
    return FactOut(**told, turn=remembering.turn_of(fact))
