"""The app: all routes behind the guards.

FastAPI on Starlette: the bodies' limits, the checks and the OpenAPI document are one thing there, said once.
"""

import asyncio
import contextlib
import dataclasses
import pathlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

from fastapi import FastAPI, Response
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse
from starlette.types import ASGIApp

from persona_tf.chat_file import ChatFile
from persona_tf.serving.model_thread import Limits, ModelThread
from persona_tf.serving.web import card_api, conversations, docs_page, memory_api, openai_api, page, pair_api, replies
from persona_tf.serving.web.bodies import Error
from persona_tf.serving.web.conversations import Conversations
from persona_tf.serving.web.desk import Desk
from persona_tf.serving.web.errors import add_handlers
from persona_tf.serving.web.guard import Guard
from persona_tf.serving.web.limits import BODY_BYTES, BodyLimit, RateLimit
from persona_tf.serving.web.metrics import Metrics
from persona_tf.serving.web.mind import Mind
from persona_tf.serving.web.pairs import Other, PairFile, Pairs
from persona_tf.serving.web.replies import Draw

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot
    from persona_tf.chat.minds import Minds

STOP_SECONDS = 30.0
"""So long what runs may take when the server stops."""

_ABOUT = """Talk to a bot with a personality that stands in a place.

A refusal is {"error": {"message", "type", "param", "code"}} with a status of 400 and above; 429 and 503 say with
Retry-After when to ask again. Where the server has a token, it is sent as Authorization: Bearer ...

With "stream": true an answer comes as server-sent events: `text` {"index", "text"} with the next piece of a reply,
then `done` with what comes without streaming, or `error`."""


@dataclasses.dataclass(frozen=True)
class WebConfig:
    """What a server allows.

    ``token``: see `Guard`; ``hosts``: names that it may be called by, () for any; ``each_minute``: requests of a
    client, 0 for no limit; ``body_bytes``: of a request; ``limits``: of the model's thread.
    """

    token: str = ""
    hosts: tuple[str, ...] = ()
    each_minute: int = 0
    body_bytes: int = BODY_BYTES
    limits: Limits = dataclasses.field(default_factory=Limits)


def make_app(
    load: Callable[[], "Bot"],
    chats: pathlib.Path,
    config: WebConfig | None = None,
    draw: Draw | None = None,
    other: Other | None = None,
    load_minds: "Callable[[], Minds] | None" = None,
) -> ASGIApp:
    """An ASGI app; the bot is loaded when it starts, then the other.

    Args:
      load: makes the bot.
      chats: the file that keeps conversations.
      config: see `WebConfig`.
      draw: a seed -> a random scene.
      other: the run that is set beside; it has a thread of its own.
      load_minds: opens what conversations remember, after the bot; None: they remember nothing.

    Raises:
      ValueError, OSError: see `ChatFile`.
    """
    config = config or WebConfig()
    file, metrics = ChatFile(chats), Metrics()

    def load_all() -> "Bot":
        bot = load()
        mind.load()
        return bot

    models = [ModelThread(load_all, config.limits, metrics)]
    mind = Mind(models[0], load_minds)
    if other is not None:
        models.append(ModelThread(_after(models[0], other.load), config.limits, metrics))
    metrics.look_at(*models)
    desk, *beside = (Desk(model, mind) for model in models)
    kept = Conversations(desk, file)
    pairs = Pairs((desk, beside[0]), other.names, PairFile(other.file)) if other is not None else None

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        for model in models:
            model.start()
        yield
        await asyncio.gather(*(run_in_threadpool(model.close, STOP_SECONDS) for model in models))
        await run_in_threadpool(mind.close)
        await run_in_threadpool(kept.close)
        if pairs is not None:
            await run_in_threadpool(pairs.close)

    app = FastAPI(
        title="persona_tf",
        description=_ABOUT,
        version="1",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        responses={"4XX": {"model": Error}, "5XX": {"model": Error}},
    )
    add_handlers(app)
    app.include_router(replies.router(desk, draw))
    app.include_router(conversations.router(kept, desk))
    app.include_router(memory_api.router(kept, mind))
    app.include_router(card_api.router())
    app.include_router(openai_api.router(desk))
    app.include_router(pair_api.router(pairs))
    app.include_router(page.router())
    _add_own_pages(app, models[0], metrics)
    limited = BodyLimit(app, config.body_bytes)
    return metrics.around(Guard(limited, config.token, config.hosts, RateLimit(config.each_minute)))


def _after(model: ModelThread, load: Callable[[], "Bot"]) -> Callable[[], "Bot"]:
    """Two that are loaded at once would both be late."""

    def loaded() -> "Bot":
        model.settled()
        return load()

    return loaded


def _add_own_pages(app: FastAPI, model: ModelThread, metrics: Metrics) -> None:
    @app.get("/healthz", tags=["server"])
    async def healthz() -> Response:
        """`loading`, `ready`, `failed` or `closing`; 200 when ready, else 503."""
        status = model.status
        return JSONResponse({"status": status}, 200 if status == "ready" else 503)

    @app.get("/metrics", tags=["server"], response_class=Response)
    async def all_metrics() -> Response:
        """For Prometheus."""
        return metrics.response()

    @app.get("/api/openapi.json", include_in_schema=False)
    async def document() -> Response:
        return JSONResponse(app.openapi())

    @app.get("/api/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(docs_page.page(app.openapi()))

    @app.get("/api/docs.css", include_in_schema=False)
    async def docs_style() -> Response:
        return Response(docs_page.STYLE, media_type="text/css")
