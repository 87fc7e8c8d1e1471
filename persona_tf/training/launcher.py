"""Starts the workers of one training on this machine, and starts all again from the last checkpoint when one dies.

Knows nothing of TensorFlow. A worker that dies leaves the others waiting inside TensorFlow, where they hear no polite
signal: they are killed; what they had learned since the last checkpoint is learned again.
"""

import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

_log = logging.getLogger(__name__)
_LOOK_S = 0.2
_SAVE_S = 60.0
"""How long the first worker has for saving, when all are stopped."""
_RESTARTS = 3
"""How often in a row all are started again without a checkpoint in between."""
_LIFELINE = "PERSONA_TF_LIFELINE"


def launch(command: Sequence[str], count: int, progress: Callable[[], Any] = lambda: None) -> None:
    """Runs the command in so many processes, each told by TF_CONFIG which worker it is, until all are done.

    Args:
      command: what each worker runs.
      count: of workers.
      progress: what changes when there is a new checkpoint.

    Raises:
      ChildProcessError: a worker has failed and said why, or was killed several times without a checkpoint in between.
      KeyboardInterrupt: it was stopped; the first worker has saved.
    """
    left = _RESTARTS
    with _stopped_by_signals():
        while True:
            before = progress()
            code = _run(command, count)
            if not code:
                return
            if code > 0:
                raise ChildProcessError("a worker has failed; what it said stands above")
            left = _RESTARTS if progress() != before else left - 1
            if left <= 0:
                raise ChildProcessError(
                    f"a worker was killed by signal {-code}, {_RESTARTS} times without a checkpoint in between: "
                    "is there memory for all of them?"
                )
            _log.warning("A worker was killed by signal %d: all start again from the last checkpoint.", -code)


def _run(command: Sequence[str], count: int) -> int:
    """Runs all workers until all are done, or one has failed; returns its code, negative if it was killed; else 0."""
    addresses = _free_addresses(count)
    reading, writing = os.pipe()
    workers: list[subprocess.Popen] = []
    try:
        for index in range(count):
            environment = {**os.environ, **_told(addresses, index), _LIFELINE: str(reading)}
            child = subprocess.Popen(command, env=environment, start_new_session=True, pass_fds=(reading,))
            workers.append(child)
        while True:
            codes = [worker.poll() for worker in workers]
            failed = [code for code in codes if code]
            if failed or None not in codes:
                return min(failed, default=0)
            time.sleep(_LOOK_S)
    except KeyboardInterrupt:
        workers[0].send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            workers[0].wait(_SAVE_S)
        raise
    finally:
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.wait()
        os.close(reading)
        os.close(writing)


def die_with_launcher() -> bool:
    """Ends this process when the launcher that started it is gone, however that ended.

    To be called by a worker; gives whether a launcher started it.
    """
    lifeline = os.environ.get(_LIFELINE)
    if lifeline is None:
        return False

    def watch() -> None:
        os.read(int(lifeline), 1)  # nobody writes: it returns when the other end is closed
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return True


def _told(addresses: Sequence[str], index: int) -> Mapping[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})}


def _free_addresses(count: int) -> list[str]:
    with contextlib.ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return ["{}:{}".format(*each.getsockname()) for each in sockets]


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """A polite kill stops the body as Ctrl-C does."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
