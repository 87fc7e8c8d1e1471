"""The Packer: strings -> the flat features of `features.FEATURES`, all inside the graph.

Training, evaluation, talking and the exported model use this one path, so they see the same ids.
"""

from typing import Any

import tensorflow as tf

from persona_tf.text import vocabulary as v
from persona_tf.text.config import ACTION_TOKENS, EMOTE_TOKENS, TextConfig
from persona_tf.text.features import ACTION_HEAD, ASIDE, EMOTE_HEAD, FACTS_HEAD, REPLY_HEAD
from persona_tf.text.tokenizer import Tokenizer

_WHO = (v.SELF, v.PARTNER, v.HISTORY)
"""The mark of a turn by `history_who`: the bot's, the partner's, and of what is known, which is no turn at all."""

_INTS = (
    "items_per_example",
    "knowledge_kind",
    "turns_per_example",
    "told_per_example",
    "history_who",
    "history_number",
    "history_aside",
    "targets_per_example",
    "target_number",
    "target_aside",
    "target_task",
    "target_emote",
    "facts_per_target",
    "fact_owner",
)
_TEXTS = (
    "knowledge_text",
    "history_speech",
    "history_action",
    "history_emote",
    "target_reply",
    "target_action",
    "target_value",
    "fact_text",
)
_SIGNATURE = {
    **{name: tf.TensorSpec([None], tf.int32) for name in _INTS},
    **{name: tf.TensorSpec([None], tf.string) for name in _TEXTS},
    "gold": tf.TensorSpec([None, 3], tf.int32),
}


class Packer(tf.Module):
    """Lays out a batch of strings as features.

    Example: a turn of the partner "Hi" with the emote "smile" becomes, in the history,
    ``<partner> _Hi <emote> _smile``; a target "Hello." with the action "hug Tam" becomes
    ``<reply> _Hello . <action> _hug _Tam <emote>`` with the labels ``_Hello . <action> _hug _Tam <emote>`` and
    the class of the emote. A target of facts "I bake." of the partner and "It rains." of the world becomes
    ``<extract> <partner> _I _bake . <world> _It _rains .`` with the labels ``<partner> _I .. <end>``.

    Args:
      tokenizer: the vocabulary's tokenizer.
      config: how many tokens of each thing are kept.
      learn_action, learn_emote: whether targets carry labels of these heads.
      learn_facts: whether there may be targets of facts, whose marks then have ids after the tokenizer's.
    """

    def __init__(
        self,
        tokenizer: Tokenizer,
        config: TextConfig,
        learn_action: bool = True,
        learn_emote: bool = True,
        learn_facts: bool = False,
    ):
        super().__init__(name="packer")
        self.tokenizer = tokenizer
        self.config = config
        self.learn_action, self.learn_emote, self.learn_facts = learn_action, learn_emote, learn_facts

    @property
    def size(self) -> int:
        """How many ids there are: the tokenizer's, and with ``learn_facts`` the marks of facts."""
        return self.tokenizer.size + len(v.FACT_MARKS) * self.learn_facts

    def pack(self, strings: Any) -> dict[str, tf.RaggedTensor]:
        """Strings (see `example.Strings`: flat lists and row lengths) -> ragged int32 features [B, (length)].

        Raises:
          ValueError: there are targets of facts, and this packer has no ids for them.
        """
        if not self.learn_facts and any(strings.target_task):
            raise ValueError("there are targets of facts: expected a Packer with learn_facts")
        ints = {name: tf.constant(getattr(strings, name), tf.int32, [len(getattr(strings, name))]) for name in _INTS}
        texts = {name: tf.constant(getattr(strings, name), tf.string, [len(getattr(strings, name))]) for name in _TEXTS}
        return self.pack_tensors({**ints, **texts, "gold": tf.constant(strings.gold, tf.int32, [len(strings.gold), 3])})

    @tf.function(input_signature=[_SIGNATURE])
    def pack_tensors(self, strings: dict[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        """The graph behind `pack`: flat tensors and row lengths -> ragged features."""
        counts = {name: tf.cast(strings[name], tf.int64) for name in strings if name.endswith("per_example")}
        strings = strings | counts
        return self._knowledge(strings) | self._history(strings) | self._targets(strings) | self._gold(strings)

    def _knowledge(self, strings: dict[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        tokens = self.tokenizer.tokenize(strings["knowledge_text"])[:, : self.config.item_tokens]
        rows = strings["items_per_example"]
        lengths = tokens.row_lengths()
        return _features(
            "knowledge",
            _tokens_per_row(lengths, rows),
            ids=tokens.flat_values,
            item=tf.repeat(tf.ragged.range(rows).flat_values, lengths),
            kind=tf.repeat(strings["knowledge_kind"] + 1, lengths),
            position=tf.ragged.range(lengths).flat_values,
        )

    def _history(self, strings: dict[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        who = tf.gather(tf.constant(_WHO), strings["history_who"])[:, None]
        action = self.tokenizer.tokenize(strings["history_action"])[:, :ACTION_TOKENS]
        emote = self.tokenizer.tokenize(strings["history_emote"])[:, :EMOTE_TOKENS]
        speech = self.tokenizer.tokenize(strings["history_speech"])[:, : self.config.turn_tokens]
        turns = tf.concat([who, speech, _mark(v.ACTION, action), _mark(v.EMOTE, emote)], axis=1)
        rows = tf.RaggedTensor.from_row_lengths(turns, strings["turns_per_example"])
        numbers = strings["history_number"] + 1 + strings["history_aside"] * ASIDE
        numbers = tf.RaggedTensor.from_row_lengths(numbers, strings["turns_per_example"])
        # Asides stand at the end, knowledge that is told at the beginning: neither takes room from what was said.
        told = tf.ragged.range(strings["turns_per_example"]) < strings["told_per_example"][:, None]
        said = tf.RaggedTensor.from_row_lengths(strings["history_aside"] == 0, strings["turns_per_example"]) & ~told
        room_taken = rows.row_lengths(axis=2) * tf.cast(said, tf.int64)
        newest = _newest(room_taken, self.config.history_tokens - 1) | told
        rows, numbers = tf.ragged.boolean_mask(rows, newest), tf.ragged.boolean_mask(numbers, newest)
        start = tf.ones_like(numbers[:, :1].to_tensor(shape=[None, 1]))
        rows = tf.concat([tf.RaggedTensor.from_tensor(start[:, :, None] * v.HISTORY, ragged_rank=2), rows], axis=1)
        numbers = tf.concat([start * 0, numbers], axis=1)
        turns = rows.merge_dims(0, 1)
        lengths = turns.row_lengths()
        return _features(
            "history",
            _tokens_per_row(lengths, rows.row_lengths()),
            ids=turns.flat_values,
            turn=tf.repeat(numbers.flat_values, lengths),
            position=tf.ragged.range(lengths).flat_values,
        )

    def _targets(self, strings: dict[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        reply, reply_is_whole = self._cut(strings["target_reply"], self.config.target_tokens)
        one = tf.ones_like(strings["target_number"])[:, None]
        ids, labels = [one * v.REPLY, reply], [reply, one * v.ACTION]
        # What was cut does not end where it was cut, so its end is not learned.
        head = [tf.ones_like(reply) * REPLY_HEAD, reply_is_whole * REPLY_HEAD]
        value = [_spelled(reply, self.tokenizer.tokenize(strings["target_value"])), one * 0]
        if self.learn_action or self.learn_emote:
            action, action_is_whole = self._cut(strings["target_action"], ACTION_TOKENS)
            action_head = ACTION_HEAD if self.learn_action else 0
            ids += [one * v.ACTION, action, one * v.EMOTE]
            labels += [action, one * v.EMOTE, strings["target_emote"][:, None]]
            head += [tf.ones_like(action) * action_head, action_is_whole * action_head]
            head += [one * EMOTE_HEAD * int(self.learn_emote)]
            value += [tf.zeros_like(action), one * 0, one * 0]
        parts = {"ids": ids, "labels": labels, "head": head, "value": value}
        targets = {name: tf.concat(part, axis=1) for name, part in parts.items()}
        if self.learn_facts:
            targets = _either(strings["target_task"] > 0, self._facts(strings), targets)
        lengths = targets["ids"].row_lengths()
        rows = strings["targets_per_example"]
        return _features(
            "target",
            _tokens_per_row(lengths, rows),
            **{name: part.flat_values for name, part in targets.items()},
            index=tf.repeat(tf.ragged.range(rows).flat_values, lengths),
            turn=tf.repeat(strings["target_number"] + 1 + strings["target_aside"] * ASIDE, lengths),
            position=tf.ragged.range(lengths).flat_values,
        )

    def _facts(self, strings: dict[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        """The targets of facts; of those that are none, what would be if nothing were stated."""
        marks = v.fact_ids(self.tokenizer.size)
        text = self.tokenizer.tokenize(strings["fact_text"])[:, : self.config.target_tokens]
        owner = tf.gather(tf.constant(marks.owners), strings["fact_owner"])
        facts = tf.RaggedTensor.from_row_lengths(
            tf.concat([owner[:, None], text], axis=1), tf.cast(strings["facts_per_target"], tf.int64)
        ).merge_dims(1, 2)
        begins = tf.where(strings["target_task"] == v.INVENT_TASK, marks.invent, marks.extract)[:, None]
        ids = tf.concat([begins, facts], axis=1)
        labels = tf.concat([facts, tf.ones_like(begins) * marks.end], axis=1)
        return {"ids": ids, "labels": labels, "head": tf.ones_like(ids) * FACTS_HEAD, "value": tf.zeros_like(ids)}

    def _cut(self, texts: tf.Tensor, most: int) -> tuple[tf.RaggedTensor, tf.Tensor]:
        """Texts [N] -> at most so many tokens of each, and int32 [N, 1]: 1 where that is all."""
        tokens = self.tokenizer.tokenize(texts)
        return tokens[:, :most], tf.cast(tokens.row_lengths() <= most, tf.int32)[:, None]

    def _gold(self, strings: dict[str, tf.Tensor]) -> dict[str, tf.RaggedTensor]:
        targets = tf.ragged.range(strings["targets_per_example"])
        target, item, turn = tf.unstack(strings["gold"], axis=1)
        rows = tf.gather(targets.value_rowids(), target)
        asked = tf.gather(strings["target_number"], target) - 1
        turn += tf.where(turn == asked, tf.gather(strings["target_aside"], target) * ASIDE, 0)
        batch = tf.size(strings["targets_per_example"], tf.int64)
        return {
            name: tf.cast(tf.RaggedTensor.from_value_rowids(values, rows, batch), tf.int32)
            for name, values in (
                ("gold_target", tf.gather(targets.flat_values, target)),
                ("gold_item", item),
                ("gold_turn", turn + 1),
            )
        }


def _either(
    which: tf.Tensor, one: dict[str, tf.RaggedTensor], other: dict[str, tf.RaggedTensor]
) -> dict[str, tf.RaggedTensor]:
    """Rows of ``one`` where ``which`` [N] holds, of ``other`` elsewhere."""
    rows = tf.range(tf.size(which)) + tf.where(which, 0, tf.size(which))
    return {name: tf.gather(tf.concat([one[name], other[name]], axis=0), rows) for name in one}


def _spelled(texts: tf.RaggedTensor, parts: tf.RaggedTensor) -> tf.RaggedTensor:
    """Which tokens of each text [N, (L)] spell its part [N, (P)]: int32 [N, (L)], 1 or 0; none where it is empty."""
    part = tf.pad(parts.to_tensor(), [[0, 0], [0, 1]])
    width = tf.shape(part)[1]
    within = tf.sequence_mask(parts.row_lengths(), width)
    text = tf.pad(texts.to_tensor(), [[0, 0], [0, width - 1]])
    same = (tf.signal.frame(text, width, 1) == part[:, None]) | ~within[:, None]
    begins = tf.reduce_all(same, axis=2) & within[:, :1]
    lately = tf.signal.frame(tf.pad(begins, [[0, 0], [width - 1, 0]]), width, 1)
    spells = tf.reduce_any(lately[:, :, ::-1] & within[:, None], axis=2)
    return tf.RaggedTensor.from_tensor(tf.cast(spells, tf.int32), lengths=texts.row_lengths())


def _features(prefix: str, row_lengths: tf.Tensor, **flat: tf.Tensor) -> dict[str, tf.RaggedTensor]:
    return {
        f"{prefix}_{kind}": tf.RaggedTensor.from_row_lengths(tf.cast(values, tf.int32), row_lengths)
        for kind, values in flat.items()
    }


def _tokens_per_row(lengths: tf.Tensor, parts_per_row: tf.Tensor) -> tf.Tensor:
    """Lengths of all parts [N] and parts per row [B] -> tokens per row [B]."""
    return tf.reduce_sum(tf.RaggedTensor.from_row_lengths(lengths, parts_per_row), axis=1)


def _mark(special: int, tokens: tf.RaggedTensor) -> tf.RaggedTensor:
    """Puts a special id before each row that is not empty."""
    present = tf.cast(tokens.row_lengths() > 0, tf.int64)
    marks = tf.fill([tf.reduce_sum(present)], special)
    return tf.concat([tf.RaggedTensor.from_row_lengths(marks, present), tokens], axis=1)


def _newest(lengths: tf.RaggedTensor, budget: int) -> tf.RaggedTensor:
    """Which turns fit into ``budget`` tokens, counted from the newest: lengths [B, (N)] -> bool [B, (N)]."""
    from_the_end = tf.cumsum(lengths.to_tensor(), axis=1, reverse=True)
    return tf.RaggedTensor.from_tensor(from_the_end <= budget, lengths=lengths.row_lengths())
