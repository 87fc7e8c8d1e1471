"""What is told to a client when something cannot be done; in the form that OpenAI's clients read."""

import dataclasses
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from persona_tf.serving.model_thread import CancelledError, FullError, NotReadyError, TooLateError

_LOG = logging.getLogger("persona_tf.serving")
_GONE = 499


@dataclasses.dataclass
class ApiError(Exception):
    """A refusal: HTTP status, a sentence, a code for programs, and which field it is about."""

    status: int
    message: str
    code: str
    param: str | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """As JSON."""
        kind = "invalid_request_error" if self.status < 500 else "server_error"
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> Response:
        """As a response."""
        return JSONResponse(self.body(), self.status, dict(self.headers))


def as_api_error(error: Exception) -> ApiError:
    """What a client is told of an error; of one that is not foreseen, nothing but that it happened."""
    match error:
        case ApiError():
            return error
        case NotReadyError():
            return ApiError(503, str(error), "not_ready", headers={"Retry-After": "3"})
        case FullError():
            return ApiError(503, str(error), "busy", headers={"Retry-After": "2"})
        case TooLateError():
            return ApiError(504, str(error), "timeout", headers={"Retry-After": "2"})
        case CancelledError():
            return ApiError(_GONE, str(error), "cancelled")
        case HTTPException():
            return ApiError(error.status_code, str(error.detail), "http", headers=error.headers or {})
        case RequestValidationError():
            return _invalid(error)
    _LOG.error("A request failed", exc_info=error)
    return ApiError(500, "something went wrong here; the server's log says what", "internal")


def add_handlers(app: FastAPI) -> None:
    """Has all errors of an app told in one form."""

    async def told(_: Request, error: Exception) -> Response:
        return as_api_error(error).response()

    kinds = (ApiError, NotReadyError, FullError, TooLateError, CancelledError, HTTPException, RequestValidationError)
    for kind in (*kinds, Exception):
        app.add_exception_handler(kind, told)


def _invalid(error: RequestValidationError) -> ApiError:
    """Says where and why, and nothing of what was sent: it may be long, and no text at all."""
    found = error.errors()
    where = [".".join(_plain(part) for part in one["loc"] if part != "body") for one in found]
    sentences = [f"{place or 'body'}: {_plain(one['msg'])}" for place, one in zip(where, found, strict=True)]
    more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
    return ApiError(422, "; ".join(sentences[:3]) + more, "invalid", where[0] if found else None)


def _plain(part: object) -> str:
    return str(part).encode("utf-8", "replace").decode()[:200]
