"""What a writer writes and gives, on whatever runtime.

Shape letters: B rows, Q targets side by side in a row, K hypotheses of each, L tokens at most, M memory, E emotes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.stage import Stage
from persona_tf.text import vocabulary as v


class Written(NamedTuple):
    """What was written, best hypothesis first.

    ids int32 [B, Q, K, L], stops included, 0 after the last; log_probs float32 [B, Q, K], of all of them;
    emote_logits float32 [B, Q, K, E]; attention float32 [B, Q, K, M], summed over the tokens of reply and action, to
    the places of the memory: item int32 [B, M] (below 0: none), turn int32 [B, M] (0: none); done bool [B, Q]: nothing
    more is written there.
    """

    ids: np.ndarray
    log_probs: np.ndarray
    emote_logits: np.ndarray
    attention: np.ndarray
    item: np.ndarray
    turn: np.ndarray
    done: np.ndarray


def stages_of(decode: DecodeConfig, speaks_only: bool) -> tuple[Stage, ...]:
    """The reply, and after it the action."""
    reply = Stage(v.ACTION, decode.max_reply_tokens, decode.min_reply_tokens)
    return (reply,) if speaks_only else (reply, Stage(v.EMOTE, decode.max_action_tokens))


MAX_FACTS_TOKENS = 96
"""Of all facts that are written of one turn, marks included."""

STATED = DecodeConfig()
"""How the facts that a turn states are written: greedily."""

MADE_UP = DecodeConfig(method="sample", top_p=0.9, hypotheses=8)
"""How a fact is made up: several times, of which `chat.fact_ids.likeliest` takes one. Where many things fit, the
likeliest first piece of a word is often the beginning of none; what is drawn, and likely as a whole, more often is."""


def facts_stages(words: int) -> tuple[Stage, ...]:
    """The facts; ``words``: how many ids come before the marks of facts."""
    marks = v.fact_ids(words)
    return (Stage(marks.end, MAX_FACTS_TOKENS, marks=marks.owners),)


def check_facts(fact_marks: int) -> None:
    """Raises a ValueError if the model has no marks of facts."""
    if not fact_marks:
        raise ValueError("this bot never learned to write down facts: train one with ExampleConfig.learn_facts")


def check_banned(banned: Sequence[Sequence[int]], vocabulary_size: int) -> None:
    """Raises a ValueError if no word is left."""
    alone = {row[0] for row in banned if len(row) == 1}
    if alone.issuperset(range(len(v.SPECIALS), vocabulary_size)):
        raise ValueError("every word is banned: leave some out of banned_words")
