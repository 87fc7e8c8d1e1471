"""How the decoder reads the knowledge items: interchangeable strategies over one flat memory.

``concat``: it sees all items and the history (fusion-in-decoder, Izacard and Grave 2021, arXiv 2007.01282).
``select``: it sees the one best item, or the k best, and the history (Wizard of Wikipedia, Dinan et al. 2019, arXiv
1811.01241).
``soft``: it sees all, and the log-probability of each item and turn is added to its attention logits.
``average``, ``attention``: it sees a mixture, see `model.mixing`.

A *source* is a knowledge item or a turn. Tensors over sources have no axis of their own: a source is represented
at its *first token* (position 0), so that logits over sources are logits over M with all other places masked.
"""

import keras
from keras import ops

from persona_tf.model.layers import MASKED, Linear
from persona_tf.model.memory import ASIDE, Memory


def visible(memory: Memory, target_turn):
    """What each target token may see: its row's items and all earlier turns; [B, T] -> bool [B, T, M].

    Of what was said, the target of an aside sees all before the turn in whose place its question stands.
    """
    turn, target = memory.turn[:, None, :], target_turn[:, :, None]
    same_line = ops.logical_and(turn // ASIDE == target // ASIDE, turn < target)
    return ops.logical_and(ops.logical_or(same_line, turn < target % ASIDE - 1), memory.mask[:, None, :])


def heard(turn, by, history: str):
    """Which tokens of the history [B, K] those of other turns [B, Q] have heard: bool [B, Q, K].

    Args:
      turn, by: numbers of turns; those of asides as in `ASIDE`.
      history: ``causal``: their own turn and those before; ``apart``: their own; ``whole``: all. What is asked aside
        only itself has heard.
    """
    turn, by = turn[:, None, :], by[:, :, None]
    if history == "apart":
        return turn == by
    same_line = turn // ASIDE == by // ASIDE
    if history == "whole":
        return ops.logical_or(same_line, turn < ASIDE)
    return ops.logical_or(ops.logical_and(same_line, turn <= by), turn < by % ASIDE)


def position_in_source(memory: Memory):
    """How many tokens of its item or turn stand before each: int32 [B, M]; of padding any number."""
    places = ops.arange(ops.shape(memory.ids)[1])
    begun = ops.where(memory.first, places, 0)[:, None, :]
    return places - ops.max(ops.where(places[None, :] <= places[:, None], begun, 0), axis=-1)


def last_turn(memory: Memory, seen):
    """The tokens of the last turn of those that are seen: bool [B, T, M] -> bool [B, T, M]."""
    in_history = ops.logical_and(seen, (memory.item == -1)[:, None, :])
    turns = ops.where(in_history, memory.turn[:, None, :], -1)
    return ops.logical_and(in_history, turns == ops.max(turns, axis=-1, keepdims=True))


class Selector(keras.layers.Layer):
    """Scores each item and turn for each target token: embedding of the last turn times that of the source.

    A sentence embedding is the sum of its states / sqrt(length); the product is divided by sqrt(D), as in Wizard of
    Wikipedia. Differs from the paper in: the last turn alone asks (its states have seen the turns before it), and
    turns can be chosen like items; with ``projected``, both embeddings are normalised, so that long sentences have no
    advantage, go through a linear map, and the product is divided by D, so that the first guesses are even.

    Args:
      width: D.
      projected: whether there are maps; the paper has none.
      pooled_width: P, of `Memory.pooled`.
    """

    def __init__(self, width: int, projected: bool = True, pooled_width: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.width, self.projected, self.pooled_width = width, projected, pooled_width or width
        if projected:
            self.norm = keras.layers.LayerNormalization(center=False, scale=False, dtype=self.dtype_policy)
            self.query = Linear(width, name="query", dtype=self.dtype_policy)
            self.key = Linear(width, name="key", dtype=self.dtype_policy)

    def build(self, shape=None):
        """Builds the maps for inputs [..., D]."""
        if self.projected:
            self.norm.build((None, None, self.pooled_width))
            self.query.build((None, None, self.pooled_width))
            self.key.build((None, None, self.pooled_width))

    def call(self, memory: Memory, seen):
        """Memory and bool [B, T, M] (from `visible`) -> logits and the embedding of the last turn.

        Logits float32 [B, T, M], equal for all tokens of a source; embedding [B, T, P], before any map.
        """
        last = ops.logical_and(last_turn(memory, seen), memory.first[:, None, :])
        asked = ops.matmul(ops.cast(last, memory.pooled.dtype), memory.pooled)
        query, key = asked, memory.pooled
        if self.projected:
            query, key = self.query(self.norm(query)), self.key(self.norm(key))
        logits = ops.matmul(query, ops.transpose(key, (0, 2, 1)))
        return ops.cast(logits, "float32") * self.width ** (-1.0 if self.projected else -0.5), asked

    def get_config(self):
        """All constructor arguments."""
        return {
            **super().get_config(),
            "width": self.width,
            "projected": self.projected,
            "pooled_width": self.pooled_width,
        }


def source_log_probs(memory: Memory, seen, logits):
    """Log-softmax over the sources that are seen: float32 [B, T, M], equal for all tokens of a source.

    MASKED where nothing is seen.
    """
    of_sources = ops.where(ops.logical_and(seen, memory.first[:, None, :]), logits, MASKED)
    return ops.where(seen, logits - ops.logsumexp(of_sources, axis=-1, keepdims=True), MASKED)


def expected_source(memory: Memory, log_probs):
    """The sentence embedding that is needed, in expectation: log-probabilities [B, T, M] -> [B, T, P]."""
    probs = ops.where(memory.first[:, None, :], ops.exp(log_probs), 0.0)
    return ops.matmul(ops.cast(probs, memory.pooled.dtype), memory.pooled)


def gold_mask(memory: Memory, features: dict):
    """Which items and turns each target token draws on: bool [B, T, M], at all of their tokens."""
    item, turn = features["gold_item"], features["gold_turn"]
    target = features["target_index"][:, :, None] == features["gold_target"][:, None, :]
    is_item = ops.logical_and(memory.item[:, :, None] == item[:, None, :], item[:, None, :] >= 0)
    is_turn = ops.logical_and(memory.turn[:, :, None] == turn[:, None, :], turn[:, None, :] > 0)
    source = ops.logical_or(is_item, is_turn)
    pairs = ops.matmul(ops.cast(target, "float32"), ops.transpose(ops.cast(source, "float32"), (0, 2, 1)))
    return pairs > 0


def selected_only(memory: Memory, seen, scores, count: int = 1):
    """Leaves of the items only those with the best scores, and the whole history: bool [B, T, M].

    Args:
      scores: float32 [B, T, M], from `Selector`; `MASKED` where an item is out of the question; ties go to the first.
      count: how many items at most.
    """
    item, left = memory.item[:, None, :], ops.logical_and(memory.first, memory.item >= 0)[:, None, :]
    shown = item == -1
    for _ in range(count):
        of_left = ops.where(left, scores, MASKED)
        best = ops.cast(ops.argmax(of_left, axis=-1), "int32")
        chosen = item == ops.take_along_axis(memory.item, best, axis=1)[:, :, None]
        chosen = ops.logical_and(chosen, ops.max(of_left, axis=-1, keepdims=True) > MASKED)
        shown, left = ops.logical_or(shown, chosen), ops.logical_and(left, ops.logical_not(chosen))
    return ops.logical_and(seen, shown)


def sentence_embedding(mask, states):
    """Sum of the states that each row of the mask names, / sqrt(their number): [B, Q, L], [B, L, D] -> [B, Q, D]."""
    count = ops.sum(ops.cast(mask, "float32"), axis=-1, keepdims=True)
    weights = ops.cast(mask, "float32") / ops.sqrt(ops.maximum(count, 1.0))
    return ops.matmul(ops.cast(weights, states.dtype), states)
