"""Workers meet before anything is built: TensorFlow waits for ever for one that never comes, and hears no signal then.

The first worker listens where TensorFlow will later, the others call. When all have come and are of one mind, each is
told to begin; knows nothing of TensorFlow.
"""

import contextlib
import json
import os
import socket
import time
from collections.abc import Mapping
from typing import NamedTuple

PATIENCE_S = 60.0
_CALL_S = 0.2
_HEAR_S = 5.0
_MOST_BYTES = 4096


class Cluster(NamedTuple):
    """The workers' addresses, ``host:port`` each, and which of them this process is; the first is the chief."""

    workers: tuple[str, ...]
    number: int

    @property
    def is_chief(self) -> bool:
        """Whether this worker writes what a run leaves."""
        return self.number == 0


def cluster_from(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """The cluster that TF_CONFIG describes, as TensorFlow has it; None: there is none, or of one worker.

    Raises:
      ValueError: it is malformed.
    """
    text = environment.get("TF_CONFIG", "")
    if not text:
        return None
    try:
        config = json.loads(text)
        workers, task = tuple(map(str, config["cluster"]["worker"])), config["task"]
        index = int(task["index"])
        if task["type"] != "worker" or set(config["cluster"]) != {"worker"} or not 0 <= index < len(workers):
            raise ValueError("the task is none of the workers")
        for worker in workers:
            _address(worker)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"TF_CONFIG: {error!r} in {text!r:.200}; expected "
            '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
        ) from error
    return Cluster(workers, index) if len(workers) > 1 else None


def meet(cluster: Cluster, what: str, patience_s: float = PATIENCE_S) -> None:
    """Returns when all workers are there.

    Args:
      what: what this worker is about to train, in a line; it must be the same for all.
      patience_s: how long to wait for the others, in seconds.

    Raises:
      TimeoutError: not all came; the message says who.
      ValueError: another worker is about to train something else.
    """
    until = time.monotonic() + patience_s
    if cluster.is_chief:
        _receive(cluster, what, until, patience_s)
    else:
        _call(cluster, what, until, patience_s)


def _receive(cluster: Cluster, what: str, until: float, patience_s: float) -> None:
    host, port = _address(cluster.workers[0])
    arrived: dict[int, socket.socket] = {}
    with contextlib.ExitStack() as open_sockets:
        server = open_sockets.enter_context(socket.create_server((host, port), backlog=len(cluster.workers)))
        while len(arrived) < len(cluster.workers) - 1:
            server.settimeout(max(until - time.monotonic(), 1e-3))
            try:
                caller = open_sockets.enter_context(server.accept()[0])
            except TimeoutError as error:
                missing = [f"{i} ({w})" for i, w in enumerate(cluster.workers) if i and i not in arrived]
                raise TimeoutError(
                    f"waited {patience_s:.0f} s at {cluster.workers[0]} for worker {', '.join(missing)}: not there. "
                    "Start it, then all of them again"
                ) from error
            caller.settimeout(min(_patience(until), _HEAR_S))
            index, found = _heard(caller)
            if index not in range(1, len(cluster.workers)):
                caller.close()  # whoever that was
                continue
            if found != what:
                # Those who wait see the connection close, and say so.
                raise ValueError(f"worker {index} is to train {found!r}, this one {what!r}: start all in the same way")
            arrived[index] = caller
        for caller in arrived.values():
            caller.sendall(b"begin\n")


def _call(cluster: Cluster, what: str, until: float, patience_s: float) -> None:
    chief = cluster.workers[0]
    while True:
        try:
            with socket.create_connection(_address(chief), timeout=_patience(until)) as call:
                # The first worker gives up first, and says who is missing.
                call.settimeout(_patience(until) + _HEAR_S)
                call.sendall(json.dumps([cluster.number, what]).encode() + b"\n")
                if call.makefile("rb").readline(_MOST_BYTES) == b"begin\n":
                    return
                raise ValueError(f"the first worker, at {chief}, has given up: it says why")
        except OSError as error:
            if time.monotonic() > until:
                raise TimeoutError(
                    f"waited {patience_s:.0f} s for the first worker at {chief} ({error}). Start it, then all again"
                ) from error
            time.sleep(_CALL_S)


def _heard(caller: socket.socket) -> tuple[int, str]:
    try:
        index, what = json.loads(caller.makefile("rb").readline(_MOST_BYTES))
        return int(index), str(what)
    except (OSError, TypeError, ValueError):
        return -1, ""


def _patience(until: float) -> float:
    return max(until - time.monotonic(), 0.1)


def _address(worker: str) -> tuple[str, int]:
    host, colon, port = worker.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise ValueError(f"{worker!r} is no host:port")
    return host.strip("[]"), int(port)
