"""Which turns of a conversation the bot is still shown."""

from collections.abc import Sequence

from persona_tf.example import HistoryTurn
from persona_tf.learner import CHARACTERS_A_TOKEN


def first_kept(history: Sequence[HistoryTurn], room: int) -> int:
    """The number of the first turn that the bot is still shown.

    It reads new turns on top of the old ones. If the oldest fell away one by one, it would have to read all anew at
    every turn; so where they do not fit, half of them goes at once.

    Args:
      history: the turns.
      room: tokens that a history can have; 0: not known, none falls away.
    """
    first, used = 0, 0
    for number, turn in enumerate(history):
        used += _tokens(turn, room)
        if room and used > room:
            while first < number and used > room // 2:
                used -= _tokens(history[first], room)
                first += 1
    return first


def _tokens(turn: HistoryTurn, room: int) -> int:
    """About how many, markers included. Of a very long turn the bot reads the beginning only."""
    return min(int((len(turn.speech) + len(turn.action) + len(turn.emote)) / CHARACTERS_A_TOKEN) + 3, room // 3)
