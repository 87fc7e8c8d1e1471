"""Listens, and serves the app until Ctrl-C or SIGTERM; what is being answered then is finished first."""

import errno
import os
import pathlib
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import uvicorn

from persona_tf.serving.web.app import STOP_SECONDS, WebConfig, make_app
from persona_tf.serving.web.guard import LOOPBACK, TOKEN_VARIABLE
from persona_tf.serving.web.pairs import Other
from persona_tf.serving.web.replies import Draw

if TYPE_CHECKING:
    from persona_tf.chat.bot import Bot
    from persona_tf.chat.minds import Minds

EACH_MINUTE = 120
"""Requests of a client on the network; of one on the same machine as many as it likes."""

_CONNECTIONS = 1_000
"""At once, each with a body at most."""


def serve(
    load: Callable[[], "Bot"],
    chats: pathlib.Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    each_minute: int | None = None,
    draw: Draw | None = None,
    other: Other | None = None,
    load_minds: "Callable[[], Minds] | None" = None,
) -> None:
    """Serves until it is stopped; listens before the bot is loaded.

    Args:
      load: makes the bot.
      chats: the file that keeps conversations.
      host, port: where it listens; port 0: any that is free.
      each_minute: requests of a client; None: `EACH_MINUTE`, and no limit on loopback.
      draw: a seed -> a random scene.
      other: the run that is set beside.
      load_minds: opens what conversations remember; None: they remember nothing.

    Raises:
      OSError: the port is in use, or the host is none of this machine's.
      ValueError: the port is none, the token is blank, or see `make_app`.
    """
    # A token on the command line could be read by all who can list processes.
    token = _token(os.environ)
    listening = listen(host, port)
    is_local = host in LOOPBACK
    if each_minute is None:
        each_minute = 0 if is_local else EACH_MINUTE
    config = WebConfig(token=token, hosts=LOOPBACK if is_local else (), each_minute=each_minute)
    with listening:
        app = make_app(load, chats, config, draw, other, load_minds)
        shown = f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{listening.getsockname()[1]}"
        print(f"{address}  (Ctrl-C stops it; the bot wakes up meanwhile)")
        print(f"Conversations are kept in {chats}.")
        if other is not None:
            print(f"{address}/side  compares {' and '.join(other.names)}; what is picked is kept in {other.file}.")
        if not is_local and not token:
            print(f"Anyone who reaches this machine can talk and read along: a token in {TOKEN_VARIABLE} prevents it.")
        uvicorn.Server(
            uvicorn.Config(
                app,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS,
                server_header=False,
                timeout_keep_alive=30,
                timeout_graceful_shutdown=int(STOP_SECONDS),
            )
        ).run(sockets=[listening])


def _token(environment: Mapping[str, str]) -> str:
    """That others are kept out with; "": there is none. A line's end, as files have it, is no part of it."""
    given = environment.get(TOKEN_VARIABLE, "")
    if given and not given.strip():
        raise ValueError(f"{TOKEN_VARIABLE} is blank: expected a token, or the variable unset for none")
    return given.strip()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; raises what `serve` raises."""
    if not 0 <= port < 65536:
        raise ValueError(f"--port: expected 0 to 65535, got {port}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
        found.listen(256)
    except OSError as error:
        found.close()
        if error.errno == errno.EADDRINUSE:
            raise OSError(f"port {port} is in use: stop what uses it, or take another with --port (PORT=)") from error
        raise OSError(f"cannot listen on {host}, port {port}: {error.strerror or error}") from error
    return found
