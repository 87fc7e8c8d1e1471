"""How quickly words become rare: the exponent of Zipf's law. Knows tokens only."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable

import numpy as np

_TYPES = 5000


def zipf_coefficient(tokens: Iterable[Hashable]) -> float:
    """s of frequency ~ rank ** -s: minus the slope of log frequency over log rank, fitted by least squares.

    As in Holtzman et al. 2020 (arXiv 1904.09751) over the 5,000 most frequent tokens. Of human text it is about 1;
    the fewer words make up most of a text, the larger it is.

    Returns:
      nan when there are fewer than two different tokens.
    """
    counts = sorted(Counter(tokens).values(), reverse=True)[:_TYPES]
    if len(counts) < 2:
        return math.nan
    ranks = np.log(np.arange(1, len(counts) + 1))
    slope, _ = np.polyfit(ranks, np.log(counts), 1)
    return float(-slope)
