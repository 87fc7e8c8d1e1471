"""Bootstrap over dialogues (Efron 1979) for metrics that are a sum over a sum. Knows NumPy arrays only.

Replies of one dialogue resemble each other, so dialogues are drawn, not replies. Nearly every metric is a
ratio of two sums (right answers over questions, nats over tokens, ``2 tp`` over ``2 tp + fp + fn``): a
resample is a weighted sum of what each dialogue contributes.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

_CELLS = 1 << 24  # of the matrix of draws that is held at once: 128 MB

Floats = NDArray[np.float64]


def bootstrap(numerators: ArrayLike, denominators: ArrayLike, samples: int = 1000, seed: int = 0) -> Floats:
    """The ratio of the sums over ``samples`` resamples of the dialogues.

    With one seed, calls on as many dialogues draw the same ones: the difference of two results is paired.

    Args:
      numerators: [E] or [E, M], what each of E dialogues adds to the numerator of each of M metrics.
      denominators: the same shape.
      samples: S, the number of resamples.
      seed: of the draws.

    Returns:
      [S] or [S, M]; nan where a resample's denominator is 0.

    Raises:
      ValueError: the shapes differ or there is no dialogue.
    """
    upper, lower = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    if upper.shape != lower.shape or upper.ndim not in (1, 2) or not len(upper):
        shapes = f"{upper.shape} and {lower.shape}"
        raise ValueError(f"bootstrap: expected two arrays [E] or [E, M] of one shape, E > 0, got {shapes}")
    rng = np.random.default_rng(seed)
    step = max(1, _CELLS // len(upper))
    parts = [_ratios(rng, min(step, samples - start), upper, lower) for start in range(0, samples, step)]
    return np.concatenate(parts) if parts else np.empty((0, *upper.shape[1:]))


def interval(values: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """The percentile interval of resampled ``values`` [S] or [S, M] but nan: low and high, [] or [M]."""
    tail = 50 * (1 - level)
    low, high = np.nanpercentile(np.asarray(values, np.float64), [tail, 100 - tail], axis=0)
    return low, high


def bounds(numerators: ArrayLike, denominators: ArrayLike, samples: int = 1000, seed: int = 0) -> dict[str, float]:
    """The 95 % interval of one ratio of sums as ``low`` and ``high``; see `bootstrap`.

    Empty where there is none: ``samples`` is 0, or fewer than two dialogues have a denominator.
    """
    if not samples or np.count_nonzero(denominators) < 2:
        return {}
    low, high = interval(bootstrap(numerators, denominators, samples, seed))
    return {"low": float(low), "high": float(high)}


def _ratios(rng: np.random.Generator, samples: int, upper: Floats, lower: Floats) -> Floats:
    """[samples(, M)]; ``times[s, e]`` says how often resample s draws dialogue e."""
    episodes = len(upper)
    drawn = rng.integers(episodes, size=(samples, episodes)) + episodes * np.arange(samples)[:, None]
    times = np.bincount(drawn.ravel(), minlength=samples * episodes).reshape(samples, episodes).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        below = times @ lower
        return np.where(below > 0, (times @ upper) / below, np.nan)
