"""From the ids that a fact writer wrote to facts."""

from collections.abc import Callable, Sequence

from persona_tf.example import OWNERS, OwnedFact
from persona_tf.text.vocabulary import FactIds


def facts_in(
    rows: Sequence[Sequence[int]], marks: FactIds, decode_all: Callable[[list[list[int]]], list[str]]
) -> list[tuple[OwnedFact, ...]]:
    """What each row says.

    Args:
      rows: ids: for each fact the mark of its owner and its words, then ``end`` and padding. Words without an owner and
        owners without words are no facts; what stands twice in a row counts once.
      marks: of these ids.
      decode_all: rows of ids -> texts.
    """
    facts = [(number, owner, words) for number, row in enumerate(rows) for owner, words in _parts(row, marks)]
    texts = decode_all([words for _, _, words in facts])
    found: list[list[OwnedFact]] = [[] for _ in rows]
    for (number, owner, _), text in zip(facts, texts, strict=True):
        if text.strip():
            found[number].append(OwnedFact(OWNERS[owner], text.strip()))
    return [tuple(dict.fromkeys(row)) for row in found]


def likeliest(rows: Sequence[Sequence[int]], log_probs: Sequence[float], end: int) -> int:
    """Which of several answers to one wish to take: as most say, something or nothing, and of those the likeliest.

    Args:
      rows: ids of each.
      log_probs: of each, all its ids together.
      end: which ends an answer, and alone says that there is nothing to write.

    >>> likeliest([[7, 5, 9], [9], [7, 6, 9]], [-3.0, -0.1, -2.0], end=9)
    2
    """
    says = [row[0] != end for row in rows]
    most = 2 * sum(says) > len(says)
    return max((k for k, one in enumerate(says) if one == most), key=lambda k: log_probs[k])


def _parts(row: Sequence[int], marks: FactIds) -> list[tuple[int, list[int]]]:
    """Owner (an index into OWNERS) and words of each fact of a row."""
    parts: list[tuple[int, list[int]]] = []
    for token in row:
        if token in (0, marks.end):
            break
        if token in marks.owners:
            parts.append((marks.owners.index(token), []))
        elif parts:
            parts[-1][1].append(token)
    return [(owner, words) for owner, words in parts if words]
