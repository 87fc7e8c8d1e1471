"""Splits of Toloka Persona Chat Rus: there are no official ones, these are ours. Knows strings only.

SHA-256 of SPLIT_SEED and a name gives a number u in [0, 1); below .1 the dialogue is of test, below .2 of valid, else
of train. The name is the dialogue's id, so that a dialogue is of the same split in whichever file it stands; or, by
``persona``, that of the group of dialogues that shared personas link, so that no persona is in two splits.
"""

import hashlib
from collections.abc import Hashable, Sequence

SPLITS = ("train", "valid", "test")
SPLIT_SEED = "toloka 0"


def split_of(name: str) -> str:
    """The split of what has this name.

    >>> split_of("toloka/000000000000"), split_of("toloka/000000000007")
    ('valid', 'train')
    """
    digest = hashlib.sha256(f"{SPLIT_SEED} {name}".encode()).digest()
    u = int.from_bytes(digest[:8], "big") / 2**64
    return "test" if u < 0.1 else "valid" if u < 0.2 else "train"


def group_names(ids: Sequence[str], links: Sequence[Sequence[Hashable]]) -> list[str]:
    """For each dialogue the least id of its group: a group are the dialogues that a chain of shared links connects.

    Args:
      ids: the dialogues.
      links: what each shares with others, one thing or more.

    >>> group_names(["c", "b", "a", "d"], [("x", "y"), ("z", "z"), ("y", "w"), ("v", "u")])
    ['a', 'b', 'a', 'd']
    """
    above: dict[Hashable, Hashable] = {}
    for things in links:
        for thing in things:
            above[_top(above, thing)] = _top(above, things[0])
    least: dict[Hashable, str] = {}
    tops = [_top(above, things[0]) for things in links]
    for id, top in zip(ids, tops, strict=True):
        least[top] = min(id, least.get(top, id))
    return [least[top] for top in tops]


def _top(above: dict[Hashable, Hashable], thing: Hashable) -> Hashable:
    while (higher := above.setdefault(thing, thing)) != thing:
        above[thing] = above[higher]  # halves the way for the next one
        thing = higher
    return thing
