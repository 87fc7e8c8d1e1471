"""Replies that nothing is kept of: all that one hangs on is in the request."""

import contextlib
import random
from collections.abc import AsyncGenerator, Callable, Iterable

from fastapi import APIRouter, Query, Request, Response

from persona_tf.chat.session import Question, Recall, Session
from persona_tf.chat.state import QUALITIES, Choices
from persona_tf.episode import Episode, Turn
from persona_tf.serving.display import FACES
from persona_tf.serving.web import views
from persona_tf.serving.web.bodies import (
    MAX_ALTERNATIVES,
    MAX_TURNS,
    BotOut,
    Decoding,
    Drawn,
    Persona,
    Place,
    Reply,
    ReplyBody,
    Scene,
)
from persona_tf.serving.web.desk import Desk, Piece, unless_gone
from persona_tf.serving.web.errors import ApiError
from persona_tf.serving.web.events import EventStream, event

Draw = Callable[[int], Episode]
"""A seed -> a scene of the built-in world; its one learner is whom the bot plays."""


def new_seed() -> int:
    """For who gives none."""
    return random.SystemRandom().randrange(2**31)


def begun(
    desk: Desk, scene: Scene, turns: Iterable[Turn | Choices], seed: int, recall: Recall | None = None
) -> Session:
    """A conversation with turns that were spoken elsewhere.

    Raises:
      ApiError: there is too much to know.
    """
    setting = scene.place.setting() if scene.place else None
    bot, most_facts = desk.model.bot, desk.mind.most_facts
    try:
        me, partner = scene.persona.character(), scene.partner.character()
        session = Session(bot, setting, me, partner, seed, (), recall, most_facts)
    except ValueError as error:
        raise ApiError(422, str(error), "invalid") from error
    session.hear(turns)
    return session


async def opened(desk: Desk, session: Session) -> Question:
    """What the bot is asked in a conversation of which nothing is kept; of many facts it is told those that suit."""
    desk.mind.recall_persona(session)
    return await desk.mind.work(session.to_open)


def router(desk: Desk, draw: Draw | None) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/v1", tags=["replies"])

    @routes.post("/reply", response_model=Reply)
    async def reply(request: Request, body: ReplyBody) -> Reply | Response:
        """The bot's next turn after a history. Streamed: `text` {"text"}, then `done` with the whole reply."""
        seed = new_seed() if body.seed is None else body.seed
        session = begun(desk, body, [turn.turn() for turn in body.history], seed)
        question = await opened(desk, session)
        asks = desk.asks(question, body.decoding, body.stream)

        async def events() -> AsyncGenerator[bytes, None]:
            async with contextlib.aclosing(desk.telling(asks)) as telling:
                async for told in telling:
                    if isinstance(told, Piece):
                        yield event({"text": told.text}, "text")
                    else:
                        yield event(views.reply(session, question, told[0], seed).model_dump(), "done")

        if body.stream:
            return await EventStream.begun(request.receive, events())
        [answer] = await unless_gone(request, desk.answers(asks))
        return views.reply(session, question, answer, seed)

    @routes.get("/bot", response_model=BotOut)
    async def bot() -> BotOut:
        """Who answers, and how words are chosen unless told otherwise."""
        found = desk.model.bot
        decoding = {name: getattr(found.decode, name) for name in Decoding.model_fields}
        return BotOut(
            experiment=found.bundle.experiment,
            step=found.bundle.step,
            engine=found.engine,
            emotes={emote: FACES.get(emote, "") for emote in found.bundle.example.emotes},
            qualities=list(QUALITIES),
            decoding=decoding,
            max_turns=MAX_TURNS,
            max_alternatives=MAX_ALTERNATIVES,
            memory=desk.mind.is_there,
            learns=desk.mind.learns,
        )

    @routes.get("/scene", response_model=Drawn)
    def scene(seed: int | None = Query(None, ge=0, lt=2**31)) -> Drawn:
        """A random place, character and partner of the built-in world; equal seeds give equal ones."""
        if draw is None:
            raise ApiError(404, "this server draws no scenes", "not_found")
        seed = new_seed() if seed is None else seed
        drawn = draw(seed)
        [learner] = drawn.learners
        mine, other = drawn.characters[learner], drawn.characters[1 - learner]
        return Drawn(seed=seed, place=Place.of(drawn.setting), persona=Persona.of(mine), partner=Persona.of(other))

    return routes
