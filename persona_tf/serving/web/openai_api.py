"""The part of OpenAI's API that chat clients use, so that they work with our bots."""

import contextlib
import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from persona_tf.chat.answer import Answer
from persona_tf.chat.asking import Ask
from persona_tf.chat.session import BOT, PARTNER, Question, Session
from persona_tf.episode import EMOTES, Turn
from persona_tf.serving.web import views
from persona_tf.serving.web.desk import Desk, Piece, unless_gone
from persona_tf.serving.web.errors import ApiError
from persona_tf.serving.web.events import EventStream, event
from persona_tf.serving.web.openai_bodies import (
    Choice,
    Completion,
    CompletionOut,
    MessageOut,
    Model,
    Models,
    Usage,
)
from persona_tf.serving.web.replies import new_seed, opened
from persona_tf.serving.web.system_message import scene_of

_DONE = b"data: [DONE]\n\n"


class Stops:
    """Ends a text at the first of some sequences, while it comes in pieces.

    >>> stops = Stops(["!"])
    >>> stops.more("Hi there! And"), stops.more(" more")
    ('Hi there', '')
    """

    def __init__(self, sequences: Sequence[str]):
        self._sequences, self._text, self._told = sequences, "", 0
        self.ended = False

    def more(self, piece: str, is_last: bool = False) -> str:
        """What can be told now: nothing that may be the beginning of a sequence, unless the text ends here."""
        if self.ended:
            return ""
        self._text += piece
        ends = [end for end in (self._text.find(stop) for stop in self._sequences) if end >= 0]
        if ends:
            self.ended, until = True, min(ends)
        else:
            until = len(self._text) - (0 if is_last else self._held_back())
        told, self._told = self._text[self._told : until], max(until, self._told)
        return told

    def _held_back(self) -> int:
        """Characters at the end that a sequence begins with."""
        sizes = [n for stop in self._sequences for n in range(1, len(stop)) if self._text.endswith(stop[:n])]
        return max(sizes, default=0)


class Chat:
    """A completion that is asked for: the conversation that it stands for, and what all its parts begin with."""

    def __init__(self, desk: Desk, body: Completion, model: str, session: Session, question: Question):
        self.stops, self.count = body.stops(), body.n or 1
        self.session, self._recalled = session, question.recalled
        [ask] = desk.asks(question, body.decoding(), bool(body.stream))
        # Each of n has noise of its own; the first is that of n = 1.
        self.asks = [Ask(ask.example, (ask.seed + 7919 * i) % 2**31, ask.decode, ask.told) for i in range(self.count)]
        self.begin: dict[str, Any] = {
            "id": f"chatcmpl-{secrets.token_hex(12)}",
            "created": int(time.time()),
            "model": model,
        }
        texts = [message.text() for message in body.messages]
        self.prompt_tokens = desk.count_tokens(texts)

    def choice(self, index: int, answer: Answer) -> Choice:
        """One of the answers."""
        stops = Stops(self.stops)
        message = MessageOut(
            content=stops.more(answer.reply, is_last=True),
            action=answer.action,
            emote=answer.emote,
            leant_on=views.sources(self.session, answer.leant_on, self._recalled),
            offence=answer.offence,
        )
        return Choice(index=index, message=message, finish_reason=_reason(answer, stops))

    def usage(self, answers: Sequence[Answer]) -> Usage:
        """Of all answers together."""
        written = sum(answer.tokens for answer in answers)
        return Usage(
            prompt_tokens=self.prompt_tokens, completion_tokens=written, total_tokens=self.prompt_tokens + written
        )

    async def chunks(self, desk: Desk, with_usage: bool) -> AsyncGenerator[bytes, None]:
        """The answer as a stream."""
        usage = {"usage": None} if with_usage else {}
        stops = [Stops(self.stops) for _ in self.asks]
        first: list[dict[str, Any]] = [{"role": "assistant", "content": ""} for _ in self.asks]

        def chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
            return event({"object": "chat.completion.chunk", **self.begin, "choices": choices, **usage, **more})

        def delta(index: int, part: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
            begun, first[index] = first[index], {}
            return {"index": index, "delta": begun | part, "finish_reason": reason, "logprobs": None}

        async with contextlib.aclosing(desk.telling(self.asks)) as telling:
            async for told in telling:
                if isinstance(told, Piece):
                    if text := stops[told.ask].more(told.text):
                        yield chunk([delta(told.ask, {"content": text})])
                    continue
                for index, answer in enumerate(told):
                    rest = stops[index].more("", is_last=True)
                    done = self.choice(index, answer).message.model_dump(
                        include={"action", "emote", "leant_on", "offence"}
                    )
                    content = {"content": rest} if rest else {}
                    yield chunk([delta(index, content | done, _reason(answer, stops[index]))])
                if with_usage:
                    yield chunk([], usage=self.usage(told).model_dump())
        yield _DONE


def _reason(answer: Answer, stops: Stops) -> Any:
    return "length" if answer.cut and not stops.ended else "stop"


def _session(desk: Desk, body: Completion) -> Session:
    system = "\n".join(m.text() for m in body.messages if m.role in ("system", "developer"))
    seed = new_seed() if body.seed is None else body.seed
    try:
        session = Session(desk.model.bot, *scene_of(system), seed, most_facts=desk.mind.most_facts)
        session.hear(
            Turn(PARTNER if m.role == "user" else BOT, m.text(), m.action, m.emote if m.emote in EMOTES else "")
            for m in body.messages
            if m.role in ("user", "assistant")
        )
    except ValueError as error:
        raise ApiError(400, str(error), "invalid", "messages") from error
    return session


def router(desk: Desk) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/v1", tags=["OpenAI-compatible"])
    since = int(time.time())

    def named(model: str) -> str:
        own = desk.model.bot.bundle.experiment
        if model not in ("", own):
            raise ApiError(404, f"there is no model {model}; this server has {own}", "model_not_found", "model")
        return own

    @routes.get("/models", response_model=Models)
    async def models() -> Models:
        """The bot that is served."""
        return Models(data=[Model(id=named(""), created=since)])

    @routes.get("/models/{model}", response_model=Model)
    async def model(model: str) -> Model:
        """The bot of that name."""
        return Model(id=named(model), created=since)

    @routes.post("/chat/completions", response_model=CompletionOut)
    async def complete(request: Request, body: Completion) -> CompletionOut | Response:
        """The bot's next message.

        System messages are place and persona: each sentence is a fact of the bot's. Lines may be labelled: `Place:
        NAME: description`, `Name: NAME`, `Partner: NAME`, `Carrying: a lamp, a rope`, `Wearing:`, `Wielding:`,
        `Persona: ...`. Beside OpenAI's fields a message has `action`, `emote`, `leant_on` and `offence`.
        """
        model, session = named(body.model), _session(desk, body)
        chat = Chat(desk, body, model, session, await opened(desk, session))
        if body.stream:
            with_usage = bool(body.stream_options and body.stream_options.include_usage)
            return await EventStream.begun(request.receive, chat.chunks(desk, with_usage), names=False)
        answers = await unless_gone(request, desk.answers(chat.asks))
        choices = [chat.choice(index, answer) for index, answer in enumerate(answers)]
        return CompletionOut(**chat.begin, choices=choices, usage=chat.usage(answers))

    return routes
