"""The pages: files as they lie in the folder ``page``, which are read once."""

import hashlib
import importlib.resources
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response

from persona_tf.serving.web.errors import ApiError

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def files() -> Mapping[str, bytes]:
    """The files of the page by name."""
    folder = importlib.resources.files("persona_tf.serving.web") / "page"
    return {one.name: one.read_bytes() for one in folder.iterdir() if one.name.rpartition(".")[2] in _TYPES}


def router() -> APIRouter:
    """The routes."""
    routes, found = APIRouter(include_in_schema=False), files()
    tags = {name: f'"{hashlib.sha256(text).hexdigest()[:20]}"' for name, text in found.items()}

    @routes.get("/")
    async def index(request: Request) -> Response:
        return _file("index.html", request)

    @routes.get("/side")
    async def side(request: Request) -> Response:
        return _file("side.html", request)

    @routes.get("/page/{name}")
    async def file(request: Request, name: str) -> Response:
        return _file(name, request)

    def _file(name: str, request: Request) -> Response:
        if name not in found:
            raise ApiError(404, f"the page has no file {name[:100]}", "not_found")
        # After an update the browser must not go on with what it has.
        headers = {"ETag": tags[name], "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tags[name]:
            return Response(status_code=304, headers=headers)
        return Response(found[name], headers=headers, media_type=_TYPES[name.rpartition(".")[2]])

    return routes
