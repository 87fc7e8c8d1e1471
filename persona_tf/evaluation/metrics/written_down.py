"""How many of the facts that were written down are those that were stated."""

from collections.abc import Iterable

from persona_tf.evaluation.metrics.words import normalise


def matched(written: Iterable[str], stated: Iterable[str]) -> int:
    """How many facts stand in both, each once: the same text (see `normalise`), of the same turn and owner.

    In the built-in world each kind of fact is told by one sentence of its own, so the same text is the same owner, slot
    and value. Human facts have no such sentence: of those it counts what is written word for word.

    >>> matched(["turn/4 partner: My name is Tam"], ["turn/4 partner: My name is Tam.", "turn/4 self: I am a guard."])
    1
    """
    return len({*map(normalise, written)} & {*map(normalise, stated)})
