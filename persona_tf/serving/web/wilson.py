"""How sure a share is that was counted."""

import math

_Z = 1.959963984540054
"""The 97.5th percentile of the standard normal distribution: for 95 % intervals."""


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of Wilson (1927) around ``count / total``; of nothing, all there is.

    With p the share and z the normal percentile, (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n): unlike the usual
    p ± z √(p(1-p)/n) it stays within [0, 1] and has a width where all or none were counted.

    >>> [round(end, 4) for end in wilson(8, 10)]
    [0.4902, 0.9433]
    >>> wilson(0, 0)
    (0.0, 1.0)
    """
    if not total:
        return 0.0, 1.0
    share, spread = count / total, _Z**2 / total
    middle = share + spread / 2
    reach = math.sqrt(spread * (share * (1 - share) + spread / 4))
    low, high = (middle - reach) / (1 + spread), (middle + reach) / (1 + spread)
    return (low if count else 0.0), (high if count < total else 1.0)
