"""FEATURES: the name, type and shape of all that a model is fed, declared once.

Everything is *flat*: the tokens of all knowledge items stand in one row, side by side, and so do the turns of
the history and the targets; index tensors say what belongs together, and attention masks are made of them.
(Padding each item to the longest one costs 3-4 times the real tokens on LIGHT's rooms; flat costs 1.03.)

Shape letters: B rows, S knowledge tokens, H history tokens, T target tokens, R targets, K knowledge items.
Ids are 0 (<pad>) where there is nothing; all padding is on the right.
"""

from typing import NamedTuple

REPLY_HEAD, ACTION_HEAD, EMOTE_HEAD, FACTS_HEAD = 1, 2, 3, 4
"""Values of ``target_head``: which head the label at that position belongs to; 0 where there is none."""


ASIDE = 1 << 20
"""The turns of aside ``a`` are numbered from ``a * ASIDE`` on. No conversation has so many."""


class Feature(NamedTuple):
    """One feature: its padded shape in shape letters, and what it holds. All are int32."""

    shape: str
    about: str


FEATURES = {
    "knowledge_ids": Feature("BS", "tokens of all knowledge items"),
    "knowledge_item": Feature("BS", "which item of its row a token belongs to, 0..K-1"),
    "knowledge_kind": Feature("BS", "kind of that item: 1 + index into the list of kinds"),
    "knowledge_position": Feature("BS", "place of a token in its item, from 0"),
    "history_ids": Feature("BH", "<history>, then each turn: <self> or <partner>, speech, <action> .., <emote> .."),
    "history_turn": Feature("BH", "number of the turn, from 1; 0 for <history>, which every target sees; + a * ASIDE"),
    "history_position": Feature("BH", "place of a token in its turn, from 0"),
    "target_ids": Feature("BT", "decoder input of each target: <reply>, reply, <action>, action, <emote>; see Packer"),
    "target_labels": Feature("BT", "what follows: the next id, or at <emote> the class of the emote"),
    "target_head": Feature("BT", "REPLY_HEAD, ACTION_HEAD, EMOTE_HEAD, FACTS_HEAD; 0: nothing is learned there"),
    "target_value": Feature("BT", "1 where the label is of the value that answers a question whose answer is known"),
    "target_index": Feature("BT", "which target of its row a token belongs to, 0..R-1"),
    "target_turn": Feature("BT", "number of the target's turn: it sees history with smaller numbers; + a * ASIDE"),
    "target_position": Feature("BT", "place of a token in its target, from 0"),
    "gold_target": Feature("BG", "target gold_target[g] draws on an item or a turn; -1: padding"),
    "gold_item": Feature("BG", "the item, an index as in knowledge_item; -1: it is a turn"),
    "gold_turn": Feature("BG", "the turn, a number as in history_turn; 0: it is an item"),
}


def check_features(features: dict) -> None:
    """Checks names, ranks and dtypes of a batch against FEATURES.

    Raises:
      ValueError: names the first key that is missing, unknown, or of another rank or dtype.
    """
    missing, unknown = FEATURES.keys() - features.keys(), features.keys() - FEATURES.keys()
    if missing or unknown:
        raise ValueError(f"features: missing {sorted(missing)}, unknown {sorted(unknown)}; see text/features.py")
    for name, feature in FEATURES.items():
        value = features[name]
        if len(value.shape) != len(feature.shape) or "int32" not in str(value.dtype):
            raise ValueError(
                f"feature {name!r}: expected int32 [{', '.join(feature.shape)}], got {value.dtype} {tuple(value.shape)}"
            )
