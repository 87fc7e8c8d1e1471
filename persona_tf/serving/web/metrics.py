"""Counts for Prometheus: requests by route and status, what waits and is written, how long people wait."""

import time
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from persona_tf.serving.model_thread import ModelThread

_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The counts of one server; what `serving.model_thread.Watch` is told goes in here."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        own: dict[str, Any] = {"namespace": "persona_tf", "registry": self._registry}
        self._requests = Counter("requests", "Requests by route and status", ["method", "route", "status"], **own)
        self._seconds = Histogram("request_seconds", "Until the last byte", ["route"], buckets=_SECONDS, **own)
        self._running = Gauge("requests_running", "Requests that are being answered", **own)
        self._rows = Histogram("batch_rows", "Asks in a batch when it begins", buckets=(1, 2, 4, 8, 16, 32, 64), **own)
        self._first = Histogram("first_piece_seconds", "From ask to first piece", buckets=_SECONDS, **own)
        self._tokens = Counter("tokens", "Tokens written", **own)
        self._answers = Counter("answers", "Answers given", **own)
        self._waiting = Gauge("asks_waiting", "Asks that wait to be begun", **own)
        self._writing = Gauge("asks_writing", "Asks that are being answered", **own)
        self._ready = Gauge("ready", "1: all bots are loaded", **own)

    def look_at(self, *models: ModelThread) -> None:
        """Has what waits there shown, of all together."""
        self._waiting.set_function(lambda: sum(model.waiting for model in models))
        self._writing.set_function(lambda: sum(model.writing for model in models))
        self._ready.set_function(lambda: all(model.status == "ready" for model in models))

    def began(self, rows: int) -> None:
        """See `Watch`."""
        self._rows.observe(rows)

    def waited(self, seconds: float) -> None:
        """See `Watch`."""
        self._first.observe(seconds)

    def answered(self, tokens: int) -> None:
        """See `Watch`."""
        self._tokens.inc(tokens)
        self._answers.inc()

    def response(self) -> Response:
        """All of them, in Prometheus' text format."""
        return Response(generate_latest(self._registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    def around(self, app: ASGIApp) -> ASGIApp:
        """The app with its requests counted."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return await app(scope, receive, send)
            began, status = time.monotonic(), 499

            async def watched(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                await send(message)

            with self._running.track_inprogress():
                try:
                    await app(scope, receive, watched)
                finally:
                    # Names of routes, not paths: of these there are as many as anyone likes.
                    route = getattr(scope.get("route"), "path", "other")
                    method = scope["method"] if scope["method"] in ("GET", "POST", "PATCH", "DELETE") else "other"
                    self._requests.labels(method, route, status).inc()
                    self._seconds.labels(route).observe(time.monotonic() - began)

        return counted
