"""Whether a bot leant on what was needed. Knows keys and numbers only."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Attended(NamedTuple):
    """Precision and recall of attention, each 0..1."""

    precision: float
    recall: float


def attended(shares: Mapping[str, float], needed: Iterable[str]) -> Attended:
    """How well the attention of one answer went to what it needed.

    Precision is the summed share of all attention that lies on needed items and turns; what lies on no item at all, as
    on padding, counts as wasted. Recall is the share of the n needed ones that are among the n most attended. Among
    equals the needed ones come last, and what got nothing is not attended.

    >>> attended({"persona/0": 0.5, "turn/2": 0.25, "object/1": 0.125}, ("persona/0", "object/1"))
    Attended(precision=0.625, recall=0.5)

    Args:
      shares: key to share of the attention, 1 in all or less.
      needed: keys; one that is there twice counts once.

    Raises:
      ValueError: nothing is needed.
    """
    wanted = frozenset(needed)
    if not wanted:
        raise ValueError("attended: expected one needed item or more, got none")
    order = sorted((key for key, share in shares.items() if share > 0), key=lambda k: (-shares[k], k in wanted))
    hits = sum(key in wanted for key in order[: len(wanted)])
    return Attended(sum(shares.get(key, 0.0) for key in sorted(wanted)), hits / len(wanted))
