"""What a writer gives, on whatever runtime.

Shape letters: B rows, Q targets side by side in a row, K hypotheses of each, L tokens at most, M memory, E emotes.
"""

from typing import NamedTuple

import numpy as np


class Written(NamedTuple):
    """What was written, best hypothesis first.

    ids int32 [B, Q, K, L], stops included, 0 after the last; log_probs float32 [B, Q, K], of all of them;
    emote_logits float32 [B, Q, K, E]; attention float32 [B, Q, K, M], summed over the tokens of reply and action, to
    the places of the memory: item int32 [B, M] (below 0: none), turn int32 [B, M] (0: none).
    """

    ids: np.ndarray
    log_probs: np.ndarray
    emote_logits: np.ndarray
    attention: np.ndarray
    item: np.ndarray
    turn: np.ndarray
