"""How far a search has come.

Shape letters, in all of the room: N targets, K hypotheses of each, V ids, L tokens at most.
"""

from typing import Any, NamedTuple

import tensorflow as tf


class Progress(NamedTuple):
    """How far a search has come: a nest of tensors, so that it can be stopped and go on.

    index int32 []: number of the next step; ids int32 [N, K]: last written, not yet fed; stage, used int32 [N, K]:
    present stage and tokens written in it; forcing int32 [N, K]: next place in the row of forced tokens, -1: none is
    being forced; fed bool [N, K]: all is written and fed; scores float32 [N, K]: sum of log-probabilities; written
    int32 [N, K, L], stops included, 0 after the last; state: a nest of tensors [N * K, ...].
    """

    index: Any
    ids: Any
    stage: Any
    used: Any
    forcing: Any
    fed: Any
    scores: Any
    written: Any
    state: Any


def unfinished(progress: Progress, last) -> tf.Tensor:
    """Whether there is something left to write before step ``last``: bool scalar."""
    return (progress.index < last) & tf.reduce_any(~progress.fed)
