"""All benchmarks by name."""

import functools
import pathlib
from collections.abc import Callable, Sequence


def _training() -> str:
    from persona_tf.bench.training import tokens_per_second

    return tokens_per_second()


def _padding() -> str:
    from persona_tf.bench.training import flat_against_padded

    return flat_against_padded()


def _reply() -> str:
    from persona_tf.bench.reply import cached_against_predict

    return cached_against_predict()


def _conversation() -> str:
    from persona_tf.bench.conversation import first_word

    return first_word()


def _reproducible() -> str:
    from persona_tf.bench.reproducible import same_replies

    return same_replies()


def _many_at_once(run: pathlib.Path = pathlib.Path("runs/quickstart/0")) -> str:
    from persona_tf.bench.many_at_once import many_at_once

    return many_at_once(run)


def _decoding() -> str:
    from persona_tf.bench.peers.run import SHAPES, run

    return run(SHAPES)


BENCHMARKS: dict[str, Callable[[], str]] = {
    "training": _training,
    "padding": _padding,
    "reply": _reply,
    "conversation": _conversation,
    "reproducible": _reproducible,
    "many_at_once": _many_at_once,
    "decoding": _decoding,
}
"""Each returns what is to be printed; a minute or two on two cores, ``decoding`` half an hour."""


def main(names: Sequence[str] = (), run: pathlib.Path | None = None) -> None:
    """Runs the named benchmarks, or all; of these one that lacks a trained bot is left out.

    Args:
      names: of `BENCHMARKS`.
      run: whose bot is served in ``many_at_once``; None: that of quickstart.

    Raises:
      ValueError: there is none of that name.
      FileNotFoundError: a named one lacks a trained bot.
    """
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        raise ValueError(f"no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}")
    benchmarks = BENCHMARKS | ({"many_at_once": functools.partial(_many_at_once, run)} if run else {})
    for name in names or benchmarks:
        try:
            print(benchmarks[name](), flush=True)
        except FileNotFoundError as error:
            if names:
                raise
            print(f"{name} is left out: {error}", flush=True)
