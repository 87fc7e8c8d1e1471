"""Who may ask: the right host, the right token, not too often. And what a browser is told about every answer."""

import hmac
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from persona_tf.serving.web.errors import ApiError
from persona_tf.serving.web.limits import RateLimit

LOOPBACK = ("127.0.0.1", "localhost", "[::1]", "::1")
TOKEN_VARIABLE = "PERSONA_TF_TOKEN"

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""Of every response: a page loads nothing from other hosts, and no other page holds it."""

_GUARDED = ("/api/v1", "/v1", "/metrics")


class Guard:
    """Lets requests through to the app.

    Args:
      token: that ``Authorization: Bearer`` must hold, "": none is needed. Pages and documents need none.
      hosts: names that the server may be called by; empty: any. A page of another host, whose name was made to lead
        here, cannot ask then.
      rate: counts requests to the API.
    """

    def __init__(self, app: ASGIApp, token: str, hosts: Iterable[str], rate: RateLimit):
        self._app, self._token, self._hosts, self._rate = app, token.encode(), frozenset(hosts), rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI wants it."""
        if scope["type"] == "websocket":
            return await send({"type": "websocket.close", "code": 1008})
        if scope["type"] != "http":
            return await self._app(scope, receive, send)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                message["headers"] = [*message.get("headers", ()), *own]
            await send(message)

        try:
            self._check(scope)
        except ApiError as error:
            return await error.response()(scope, receive, with_headers)
        return await self._app(scope, receive, with_headers)

    def _check(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        name = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
        if self._hosts and name not in self._hosts:
            raise ApiError(421, f"this server is called {' or '.join(sorted(self._hosts))}", "host")
        if not scope["path"].startswith(_GUARDED):
            return
        client = scope["client"][0] if scope.get("client") else ""
        self._rate.check(client)
        if self._token and not self._has_token(headers.get(b"authorization", b"")):
            raise ApiError(
                401,
                f"expected the token of {TOKEN_VARIABLE} as Authorization: Bearer ...",
                "token",
                headers={"WWW-Authenticate": "Bearer"},
            )

    def _has_token(self, authorization: bytes) -> bool:
        scheme, _, given = authorization.partition(b" ")
        return scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._token)
