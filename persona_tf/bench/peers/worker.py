"""One system in a process of its own: ``python -m persona_tf.bench.peers.worker NAME FOLDER``.

Says ``{"imported_mb": ...}`` when it is ready; then answers each line ``{"batch": 1, "context": 256, "seed": 0}`` of
standard input with one of standard output, ``{"milliseconds": ..., "added_mb": ..., "total_mb": ...}``. Both memories
are peaks while it wrote: the whole process, and what is above the libraries alone. Ends with its input.
"""

import ctypes
import importlib
import json
import os
import pathlib
import sys
import time
from typing import TextIO

import numpy as np

from persona_tf.bench.peers import SYSTEMS, Peer, memory, peers, sizes


def context(batch: int, tokens: int, seed: int) -> np.ndarray:
    """Random context ids int32 [B, C], the same for every system; none is special."""
    rng = np.random.default_rng((seed, batch, tokens))
    return rng.integers(sizes.FIRST_ID, sizes.VOCABULARY, (batch, tokens)).astype(np.int32)


def answer(peer: Peer, request: dict[str, int], imported_mb: float) -> dict[str, float]:
    """Writes once and says how long it took and what it needed.

    Raises:
      ValueError: what the peer wrote is not int32 [B, 32] of ids.
    """
    context_ids = context(request["batch"], request["context"], request["seed"])
    memory.forget_peak()
    start = time.perf_counter()
    written = peer.write(context_ids, request["seed"])
    milliseconds = 1000 * (time.perf_counter() - start)
    total_mb = memory.peak_mb()
    expected = (len(context_ids), sizes.NEW_TOKENS)
    if written.shape != expected or written.dtype != np.int32:
        raise ValueError(f"{peer.name} must write int32 {list(expected)}, wrote {written.dtype} {list(written.shape)}")
    if written.min() < 0 or written.max() >= sizes.VOCABULARY:
        raise ValueError(f"{peer.name} wrote {written.min()} to {written.max()}, ids are 0 to {sizes.VOCABULARY - 1}")
    return {"milliseconds": milliseconds, "added_mb": total_mb - imported_mb, "total_mb": total_mb}


def serve(name: str, folder: pathlib.Path, requests: TextIO, answers: TextIO) -> None:
    """Imports the system's libraries, builds it and answers until ``requests`` ends."""
    make = peers()[name]
    importlib.import_module(SYSTEMS[name].module)
    memory.forget_peak()
    imported_mb = memory.peak_mb()
    peer = make(folder)
    print(json.dumps({"imported_mb": imported_mb}), file=answers, flush=True)
    for line in requests:
        print(json.dumps(answer(peer, json.loads(line), imported_mb)), file=answers, flush=True)


def main() -> None:
    """The command line. What libraries print goes to standard error, so that it does not mix with the answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    if sys.platform == "linux":
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: sizes.THREADS])
        # It stands still most of the time, so it would not notice its parent's end: PR_SET_PDEATHSIG, SIGKILL.
        ctypes.CDLL(None).prctl(1, 9)
    serve(sys.argv[1], pathlib.Path(sys.argv[2]), sys.stdin, answers)


if __name__ == "__main__":
    main()
