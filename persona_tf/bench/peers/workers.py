"""Starts workers, holds them still, and asks them in turns."""

import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from persona_tf.bench.peers import SYSTEMS


class WorkerFailed(RuntimeError):
    """A worker ended before it answered; the message has the end of what it said."""


def environment(name: str) -> dict[str, str]:
    """What the worker of a system gets: its threads, no GPU, no network, and what the system asks for."""
    threads = str(SYSTEMS[name].threads)
    common = {
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        "TF_NUM_INTRAOP_THREADS": threads,
        "TF_NUM_INTEROP_THREADS": threads,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
    }
    return {**os.environ, **common, **SYSTEMS[name].environment}


def start(name: str, folder: pathlib.Path, log: pathlib.Path) -> "Worker":
    """The worker of a system of `peers.SYSTEMS`; ``folder`` has the peers' files, ``log`` takes what it says."""
    command = [sys.executable, "-m", "persona_tf.bench.peers.worker", name, str(folder)]
    return Worker(name, command, log, environment(name))


class Worker:
    """The process of one system; it stands still (SIGSTOP) but while it is asked.

    Threads that wait for work by spinning, as OpenMP's and ONNX Runtime's do for a while, would otherwise take the
    time of the next system; and the settings that forbid it would slow their own.
    """

    def __init__(self, name: str, command: Sequence[str], log: pathlib.Path, env: Mapping[str, str]) -> None:
        """Starts ``command``, which must speak as `worker` does; returns when it is ready.

        Raises:
          WorkerFailed: it ended instead.
        """
        self._name = name
        self._log = log
        with log.open("w", encoding="utf-8") as errors:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=env,
                encoding="utf-8",
            )
        self.pid = self._process.pid
        self.imported_mb = float(self._read()["imported_mb"])
        self._process.send_signal(signal.SIGSTOP)

    def ask(self, batch: int, context: int, seed: int) -> dict[str, float]:
        """One reply: milliseconds, added_mb, total_mb.

        Raises:
          WorkerFailed: it ended instead.
        """
        assert self._process.stdin
        self._process.send_signal(signal.SIGCONT)
        try:
            print(json.dumps({"batch": batch, "context": context, "seed": seed}), file=self._process.stdin, flush=True)
        except BrokenPipeError as error:
            raise WorkerFailed(self._last_words()) from error
        found = self._read()
        self._process.send_signal(signal.SIGSTOP)
        return found

    def close(self) -> None:
        """Ends the process; it holds nothing that is worth a farewell."""
        self._process.kill()
        self._process.communicate()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            raise WorkerFailed(self._last_words())
        return json.loads(line)

    def _last_words(self) -> str:
        said = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{self._name} ended with {self._process.wait()}: {' | '.join(said[-3:])} (all of it: {self._log})"
