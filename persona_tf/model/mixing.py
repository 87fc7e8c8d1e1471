"""The two fusions of the LIGHT bot of 2022: the decoder reads persona, place and history mixed into one text.

There are three *streams* of tokens: the persona (every item that is no part of the place), the place, and the history.
Place l of the mixed memory is made of their l-th tokens p_l, d_l, h_l:

``average``: (p_l + d_l + h_l) / 3, or the mean of those that are there.
``attention``: one head, the persona asks, the place says where to look, and the history is what is read:
sum over j of softmax_j(W_q p_l . W_k d_j / sqrt(D)) W_v h_j.

Differ from the bot in: items and turns are encoded as everywhere in this house, under masks and each from position 0,
where it read each stream as one text of 256 tokens, padding included; a target sees the turns before its own; nothing
is cut; a mean leaves out what is not there; a word of the history that none of the place stands beside has a key of
zeros, where the bot's keys were what its encoder made of padding. What it could not do these cannot either: under
``attention`` the decoder never reads a word of persona or place, and the order of the items matters. Nothing says which
word a place of the mixed memory was, so there can be no copy head.
"""

import keras
from keras import ops

from persona_tf.model.layers import MASKED, Linear
from persona_tf.model.memory import Memory, Mixed


class StreamMixer(keras.layers.Layer):
    """Memory -> `Mixed`; see the module's docstring.

    Args:
      width: D.
      attends: ``attention``; else ``average``, which has no weights.
      place_kinds: the kinds of item that are the place's.
    """

    def __init__(self, width: int, attends: bool, place_kinds: tuple[int, ...], **kwargs):
        super().__init__(**kwargs)
        self.width, self.attends, self.place_kinds = width, attends, tuple(place_kinds)
        if attends:
            self.query, self.key, self.value = (
                Linear(width, name=name, dtype=self.dtype_policy) for name in ("query", "key", "value")
            )

    def build(self, shape=None):
        """Builds the maps for inputs [..., D]."""
        if self.attends:
            for part in (self.query, self.key, self.value):
                part.build((None, None, self.width))
        self.built = True

    def call(self, memory: Memory, seen) -> Mixed:
        """Mixes for each of R targets what it sees, bool [B, R, M]; each reads its own L places alone."""
        streams = [ops.logical_and(seen, stream[:, None]) for stream in self._streams(memory)]
        mix = self._attended if self.attends else self._averaged
        weights, values, there = mix(memory, streams)
        batch, targets, places, size = ops.shape(weights)
        states = ops.reshape(ops.matmul(weights, values[:, None]), (batch, targets * places, self.width))
        own = ops.logical_and(ops.eye(targets, dtype="bool")[None, :, :, None], there[:, None])
        shown = ops.reshape(own, (batch, targets, targets * places))
        return Mixed(states, shown, ops.reshape(weights, (batch, targets * places, size)))

    def _streams(self, memory: Memory):
        """Whose a token is: persona, place and history, bool [B, M] each."""
        kinds = ops.convert_to_tensor(self.place_kinds, dtype=memory.kind.dtype)
        is_place = ops.any(memory.kind[..., None] == kinds, axis=-1)
        is_item = memory.item >= 0
        persona = ops.logical_and(is_item, ops.logical_not(is_place))
        return persona, ops.logical_and(is_item, is_place), memory.item == -1

    def _averaged(self, memory: Memory, streams):
        longest = ops.max(ops.stack([_count(stream) for stream in streams]))
        total = sum(_in_order(stream, longest, memory.states.dtype) for stream in streams)
        count = ops.sum(total, axis=-1, keepdims=True)
        return total / ops.maximum(count, 1), memory.states, count[..., 0] > 0

    def _attended(self, memory: Memory, streams):
        persona, place, history = streams
        dtype = memory.states.dtype
        asking = _in_order(persona, ops.maximum(_count(persona), 1), dtype)
        read = _in_order(history, _count(history), dtype)
        queries = ops.matmul(asking, self.query(memory.states)[:, None])
        keys = ops.matmul(_in_order(place, _count(history), dtype), self.key(memory.states)[:, None])
        logits = ops.cast(ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2))), "float32") * self.width**-0.5
        is_turn = ops.any(read > 0, axis=-1)[:, :, None]
        attention = ops.softmax(ops.where(is_turn, logits, MASKED), axis=-1)
        # Who has no persona asks one empty question.
        there = ops.logical_or(ops.any(asking > 0, axis=-1), ops.arange(ops.shape(asking)[2]) == 0)
        return ops.matmul(ops.cast(attention, dtype), read), self.value(memory.states), there

    def get_config(self):
        """All constructor arguments."""
        sizes = {"width": self.width, "attends": self.attends, "place_kinds": self.place_kinds}
        return {**super().get_config(), **sizes}


def _count(stream):
    """Bool [B, R, M] -> tokens of the longest, a scalar."""
    return ops.max(ops.sum(ops.cast(stream, "int32"), axis=-1))


def _in_order(stream, length, dtype):
    """Which token of a stream, bool [B, R, M], is its l-th: one-hot [B, R, length, M]."""
    number = ops.cumsum(ops.cast(stream, "int32"), axis=-1) - 1
    is_nth = number[:, :, None, :] == ops.arange(length)[:, None]
    return ops.cast(ops.logical_and(is_nth, stream[:, :, None, :]), dtype)
