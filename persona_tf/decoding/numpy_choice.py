"""Choosing the next word in NumPy: what `search` and `filters` do for greedy and sampled replies, without TensorFlow.

The filters keep the same ids as those of `decoding.filters`, and the noise is the same, so that a seed writes the same
reply. Only what is kept is looked at further: of 8,000 words often some 40.

Shape letters: N hypotheses of all targets, V ids, L tokens at most.
"""

import math

import numpy as np

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.numpy_noise import exponential

_OUT = np.float32(-np.inf)
_UNIT = 2.0**48
"""See `filters`."""
_FIRST_REACH = 4.0
"""How far below the best, in nats, what is kept is looked for at first; then twice as far, and so on."""
_LAST_REACH = 1000.0
"""At last it is looked for everywhere."""


def unsupported(config: DecodeConfig) -> list[str]:
    """What of a config is not done here, for an error message."""
    asked = {
        "method beam": config.method == "beam",
        "guidance": config.guidance > 0,
        "mutual_information": config.mutual_information > 0,
        "forced_words": bool(config.forced_words),
        "no_repeat_history_ngram": config.no_repeat_history_ngram > 0,
    }
    return [name for name, is_asked in asked.items() if is_asked]


def keep_first(keys: np.ndarray, weights: np.ndarray, amount: float, whole: float = 1.0) -> np.ndarray:
    """As `filters.keep_first`, of one row: float [V] each -> the places that are kept, rising.

    ``amount`` is in parts of ``whole``.

    >>> keep_first(np.float32([3, 9, 3, 1]), np.ones(4), 2).tolist()
    [0, 1]
    """
    best, reach, amount = keys.max(), _FIRST_REACH, amount * _UNIT
    while True:
        near = (keys >= best - reach).nonzero()[0] if reach < _LAST_REACH else (keys > _OUT).nonzero()[0]
        mass = np.rint(weights[near] * np.float64(_UNIT / whole))
        if reach >= _LAST_REACH or mass.sum() >= amount:
            break
        reach *= 2
    if len(near) == 1:
        return near
    order = _falling(keys[near])
    mass = mass[order]
    # Those before which there is less than the amount.
    count = int((mass.cumsum() - mass < amount).sum())
    return np.sort(near[order[:count]])


def _falling(keys: np.ndarray) -> np.ndarray:
    """The order of falling keys, float32 [X], equal ones as they stand; NumPy sorts integers much faster than a key's.

    In front of its place each key becomes a whole number that is the smaller, the larger the key.
    """
    # With 0.0 added, -0.0 is 0.0.
    bits = (keys + np.float32(0)).view(np.int32)
    rank = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int64)
    packed = (-rank << 32) | np.arange(len(keys))
    packed.sort()
    return packed & 0xFFFFFFFF


def kept(logits: np.ndarray, config: DecodeConfig) -> np.ndarray:
    """The ids of one row [V] that top_k, top_p, min_p and typical leave, in this order; rising."""
    ids, left = None, logits
    if config.top_k is not None and config.top_k < len(logits):
        ids = keep_top(left, config.top_k)
        left = logits[ids]
    if config.top_p < 1:
        # Rounded errors of some 1e-7 each, which even out in the sum.
        weights = np.exp(left - left.max())
        places = keep_first(left, weights, config.top_p, float(weights.sum(dtype=np.float64)))
        ids, left = (places if ids is None else ids[places]), left[places]
    if ids is None:
        ids = np.flatnonzero(logits > _OUT)
        left = logits[ids]
    if config.min_p > 0:
        wide = left.astype(np.float64)
        places = np.flatnonzero(wide >= wide.max() + math.log(min(config.min_p, 1)))
        ids, left = ids[places], left[places]
    if config.typical < 1:
        wide = left.astype(np.float64)
        log_probs = wide - wide.max()
        log_probs -= math.log(np.exp(log_probs).sum())
        probs = np.exp(log_probs)
        keys = (-np.abs(log_probs - (log_probs * probs).sum())).astype(np.float32)
        ids = ids[keep_first(keys, probs, config.typical)]
    return ids


def keep_top(logits: np.ndarray, k: int) -> np.ndarray:
    """The k largest of one row, of equal ones those with the smaller ids; rising."""
    last = np.partition(logits, len(logits) - k)[len(logits) - k]
    above = np.flatnonzero(logits > last)
    tied = np.flatnonzero(logits == last) if last > _OUT else np.zeros(0, np.int64)
    return np.sort(np.concatenate([above, tied[: k - len(above)]]))


def draw(logits: np.ndarray, config: DecodeConfig, streams: np.ndarray) -> np.ndarray:
    """One id a row: float32 [N, V], in which something is allowed, and this step's `numpy_noise.streams` [N]."""
    if config.temperature != 1:
        logits = logits / np.float32(config.temperature)
    # Where nothing is left, as with weights that are no numbers, it is id 0, as in TensorFlow.
    rows = [ids if len(ids := kept(row, config)) else np.zeros(1, np.int64) for row in logits]
    counts = [len(ids) for ids in rows]
    if max(counts) == 1:
        return np.array(rows, np.int32)[:, 0]
    ids, row = np.concatenate(rows), np.repeat(np.arange(len(rows)), counts)
    values = logits[row, ids] - np.log(exponential(streams[row], ids))
    ends = np.cumsum(counts)
    pairs = zip(ends - counts, ends, strict=True)
    return np.array([ids[start + values[start:end].argmax()] for start, end in pairs], np.int32)


def penalised(logits: np.ndarray, written: np.ndarray, penalty: float) -> np.ndarray:
    """As `filters.repetition_penalty`: ids in ``written`` [N, L] are less likely."""
    if penalty == 1:
        return logits
    out, factor = logits.copy(), np.float32(penalty)
    for row, ids in enumerate(written):
        ids = np.unique(ids[ids > 0])
        found = logits[row, ids]
        out[row, ids] = np.where(found > 0, found / factor, found * factor)
    return out


def without_repeats(logits: np.ndarray, written: np.ndarray, count: int, n: int) -> np.ndarray:
    """As `filters.no_repeat_ngrams` without a context: of ``written`` [N, L] ``count`` places are."""
    if not n:
        return logits
    out = np.zeros(logits.shape, bool)
    for row, ids in enumerate(written):
        ids = ids[:count]
        beginning = ids[count - n + 1 :] if n > 1 else ids[:0]
        for start in range(max(count - n + 1, 0)):
            gram = ids[start : start + n]
            if (gram > 0).all() and (gram[:-1] == beginning).all():
                out[row, gram[-1]] = True
    return left_out(logits, out)


def left_out(logits: np.ndarray, out: np.ndarray) -> np.ndarray:
    """Without the ids that are ``out`` (bool, broadcastable); rows of which nothing would be left are as they were."""
    left = np.where(out, _OUT, logits)
    return np.where((left > _OUT).any(-1, keepdims=True), left, logits)
