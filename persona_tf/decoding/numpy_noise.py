"""The noise of `decoding.noise`, bit for bit, in NumPy, and only for the ids that are asked for."""

import numpy as np

_BYTES = 12


def streams(seed: np.ndarray, steps: int) -> np.ndarray:
    """Where the noise of each step begins: int32 seeds [N] -> uint32 [steps, N]."""
    state = _absorb(np.zeros(1, np.uint32), _bits(seed))
    return _absorb(state[None], _bits(np.arange(steps))[:, None])


def uniform(stream: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """As `noise.uniform`, float32 [X] in the open interval (0, 1): for each id [X] in the stream [X] of its row."""
    bits = _finish(_absorb(stream, _bits(ids)) ^ np.uint32(_BYTES))
    return ((bits >> np.uint32(9)).astype(np.float32) + np.float32(0.5)) * np.float32(2.0**-23)


def exponential(stream: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """As `noise.exponential`, float32, but for the last bit of the logarithm."""
    return -np.log(uniform(stream, ids))


def _bits(numbers: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(numbers, np.int32).view(np.uint32)


def _absorb(state: np.ndarray, block: np.ndarray) -> np.ndarray:
    block = _rotate_left(block * np.uint32(0xCC9E2D51), 15) * np.uint32(0x1B873593)
    return _rotate_left(state ^ block, 13) * np.uint32(5) + np.uint32(0xE6546B64)


def _finish(bits: np.ndarray) -> np.ndarray:
    bits = (bits ^ bits >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    bits = (bits ^ bits >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return bits ^ bits >> np.uint32(16)


def _rotate_left(bits: np.ndarray, by: int) -> np.ndarray:
    return bits << np.uint32(by) | bits >> np.uint32(32 - by)
