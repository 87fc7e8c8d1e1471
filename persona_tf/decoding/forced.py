"""Words that every reply must hold, whatever the method that chooses the others."""

from typing import NamedTuple

import tensorflow as tf

from persona_tf.decoding.progress import Progress
from persona_tf.decoding.stage import Stage

_OUT = float("-inf")
_POSSIBLE = -100.0
"""The least log-probability of what must be written, however many rules forbid it."""


class Owed(NamedTuple):
    """What comes next of the forced words: its place in the row of all forced tokens, int32 [N, K]; and whether its
    word is begun, or goes on, if it is chosen now, bool [N, K].
    """

    place: tf.Tensor
    begins: tf.Tensor


class ForcedWords:
    """Rows of ids that a reply says before its end, where it has not said them by itself.

    A row begins in the place of the stop, or at the last moment; once begun it is written to its end. The stop's
    probability goes to the row's first token.

    Args:
      rows: of ids, one a word.
      banned: rows that must not be written.
      stage: the first, in which they are forced.

    Raises:
      ValueError: a row is empty or holds a banned one, or all of them do not fit.
    """

    def __init__(self, rows: tuple[tuple[int, ...], ...], banned: tuple[tuple[int, ...], ...], stage: Stage):
        clash = [row for row in rows if not row or any(_stands_in(out, row) for out in banned)]
        if clash:
            raise ValueError(f"forced words must be written and banned ones must not: {clash[0]} is empty or banned")
        self._rows, self._stage = rows, stage
        self._tokens = [token for row in rows for token in row]
        self._sizes = [len(row) for row in rows]
        self._starts = [sum(self._sizes[:number]) for number in range(len(rows))]
        if len(self._tokens) > stage.max_tokens:
            raise ValueError(
                f"the forced words are {len(self._tokens)} tokens and a reply is at most {stage.max_tokens}: raise "
                "max_reply_tokens or force fewer"
            )

    def put_in(self, log_probs: tf.Tensor, now: Progress) -> tuple[tf.Tensor, Owed]:
        """Puts the next forced token in the place of the stop, and of everything else where there is no more time.

        Log-probabilities float32 [N, K, V] -> the same, and what is owed.
        """
        said = tf.stack([_contains(now.written, row) for row in self._rows], axis=-1)
        missing = ~said & (now.stage == 0)[..., None]
        owes = tf.reduce_any(missing, axis=-1)
        word = tf.argmax(missing, axis=-1, output_type=tf.int32)
        place = tf.where(now.forcing >= 0, now.forcing, tf.gather(tf.constant(self._starts), word))
        token = tf.gather(tf.constant(self._tokens), place)
        need = tf.reduce_sum(tf.where(missing, tf.constant(self._sizes), 0), axis=-1)
        only = (owes & (now.used + need >= self._stage.max_tokens)) | (now.forcing >= 0)
        ids = tf.range(log_probs.shape[-1])
        is_token, is_stop = ids == token[..., None], ids == self._stage.stop
        own, stop = tf.gather(log_probs, token, batch_dims=2), log_probs[..., self._stage.stop]
        with_stop = tf.maximum(tf.reduce_logsumexp(tf.stack([own, stop]), axis=0), _POSSIBLE)
        moved = tf.where(is_token, with_stop[..., None], tf.where(is_stop, _OUT, log_probs))
        moved = tf.where(only[..., None] & ~is_token, _OUT, moved)
        involved = owes | (now.forcing >= 0)
        return tf.where(involved[..., None], moved, log_probs), Owed(place, (only | (stop >= own)) & involved)

    def after(self, owed: Owed, chosen: tf.Tensor) -> tf.Tensor:
        """`Progress.forcing` after ``chosen``, int32 [N, K]."""
        lasts = tf.constant([start + size - 1 for start, size in zip(self._starts, self._sizes, strict=True)])
        is_last = tf.reduce_any(owed.place[..., None] == lasts, axis=-1)
        goes_on = owed.begins & (chosen == tf.gather(tf.constant(self._tokens), owed.place)) & ~is_last
        return tf.where(goes_on, owed.place + 1, -1)


def _stands_in(part: tuple[int, ...], row: tuple[int, ...]) -> bool:
    return any(row[i : i + len(part)] == part for i in range(len(row) - len(part) + 1))


def _contains(written: tf.Tensor, word: tuple[int, ...]) -> tf.Tensor:
    """Whether a row of ids stands in [N, K, L] somewhere: bool [N, K]."""
    size = written.shape[-1] - len(word) + 1
    if size < 1:
        return tf.zeros(tf.shape(written)[:2], tf.bool)
    found = [written[..., i : i + size] == token for i, token in enumerate(word)]
    return tf.reduce_any(tf.reduce_all(tf.stack(found), axis=0), axis=-1)
