"""The bot: a bundle that answers examples, many at once, in one compiled graph."""

import dataclasses
import functools
import pathlib
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from persona_tf.decoding.config import DecodeConfig
from persona_tf.decoding.search import Stage, length, search
from persona_tf.example import EMOTE_LABELS, NO_EMOTE, Example, strings
from persona_tf.export.bundle import Bundle, load_bundle
from persona_tf.model.fusion import Memory
from persona_tf.model.heads import next_token_log_probs
from persona_tf.text import vocabulary as v


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the bot says, does and shows; "" is nothing.

    ``leant_on``: share of the attention that went to each knowledge item and turn while the reply was written, by
    key (``persona/2``, ``turn/5``), largest first. ``tokens``: how many were written.
    """

    reply: str
    action: str
    emote: str
    leant_on: dict[str, float]
    tokens: int


class _State(NamedTuple):
    """What the search carries: the model's cache, emote logits [B, E], attention summed over the reply [B, M]."""

    cache: Any
    emote_logits: tf.Tensor
    attention: tf.Tensor


class Bot:
    """Answers the targets of examples.

    Args:
      bundle: loaded, see `Bot.load`.
      decode: takes the place of the bundle's own decode config.
    """

    def __init__(self, bundle: Bundle, decode: DecodeConfig | None = None):
        self.bundle = bundle
        self.decode = decode or bundle.decode
        self._speaks_only = not (bundle.example.learn_action or bundle.example.learn_emote)
        self._write = tf.function(self._write_targets, reduce_retracing=True)

    @classmethod
    def load(cls, folder: pathlib.Path, decode: DecodeConfig | None = None) -> "Bot":
        """A bot from a bundle's folder; raises what `export.bundle.load_bundle` raises."""
        return cls(load_bundle(folder), decode)

    def answer(self, examples: Sequence[Example], seed: int = 0) -> list[list[Answer]]:
        """Answers every target of every example: one list an example, one answer a target.

        The targets' own words are not looked at. Equal input and seed give equal answers.
        """
        features = self._features(examples)
        counts = [len(example.targets) for example in examples]
        row = np.repeat(np.arange(len(examples)), counts).astype(np.int32)
        turn = np.array([t.turn + 1 for e in examples for t in e.targets], np.int32)
        if not len(turn):
            return [[] for _ in examples]
        written, state, memory_shape = self._write(features, row, turn, tf.constant([seed, 0], tf.int32))
        flat = self._answers(examples, written.numpy(), state, memory_shape, features, row)
        starts = np.cumsum([0, *counts])
        return [flat[start:end] for start, end in zip(starts, starts[1:], strict=False)]

    @functools.cached_property
    def stages(self) -> tuple[Stage, ...]:
        """The parts of a target that the search writes."""
        reply = Stage(v.ACTION, self.decode.max_reply_tokens)
        return (reply,) if self._speaks_only else (reply, Stage(v.EMOTE, self.decode.max_action_tokens))

    def _features(self, examples: Sequence[Example]) -> dict[str, np.ndarray]:
        packed = self.bundle.packer.pack(strings(examples))
        names = [n for n in packed if n.startswith(("knowledge", "history"))]
        return {name: _pad(packed[name].to_tensor().numpy()) for name in names}

    def _write_targets(self, features, row, turn, seed):
        model = self.bundle.model
        memory = Memory(*(tf.gather(part, row) for part in model.encode(features)))
        cache = model.start(memory, turn, length(self.stages) + 1)
        targets, size = tf.shape(turn)[0], tf.shape(memory.ids)[1]
        state = _State(cache, tf.zeros([targets, len(EMOTE_LABELS)]), tf.zeros([targets, size]))
        first = tf.fill([targets], v.REPLY)
        specials = len(v.SPECIALS)
        written, state = search(self._step, state, first, self.stages, specials, self.decode, seed)
        return written, (state.emote_logits, state.attention), memory.ids

    def _step(self, ids, index, state: _State):
        outputs, cache = self.bundle.model.step(ids, index, state.cache)
        emotes = tf.where((ids == v.EMOTE)[:, None], outputs.emote_logits[:, 0], state.emote_logits)
        counted = tf.cast(tf.logical_or(ids >= len(v.SPECIALS), ids == v.REPLY), tf.float32)[:, None]
        attention = state.attention + counted * _leaning(outputs)
        return next_token_log_probs(outputs)[:, 0], _State(cache, emotes, attention)

    def _answers(self, examples, written, state, memory_ids, features, row) -> list[Answer]:
        emote_logits, attention = (part.numpy() for part in state)
        owners = [_owners(example, features, i) for i, example in enumerate(examples)]
        decode = self.bundle.packer.tokenizer.decode
        answers = []
        for target, ids in enumerate(written):
            reply, action = _split(ids.tolist())
            emote = EMOTE_LABELS[int(emote_logits[target].argmax())]
            answers.append(
                Answer(
                    reply=decode(reply),
                    action=decode(action),
                    emote="" if emote == NO_EMOTE or not self.bundle.example.learn_emote else emote,
                    leant_on=_leant_on(attention[target], owners[row[target]]),
                    tokens=int((ids != 0).sum()),
                )
            )
        return answers


def _leaning(outputs) -> tf.Tensor:
    """Where one written token comes from: the pointer as far as it copies, else the cross-attention; [B, M]."""
    if outputs.copy_gate is None:
        return outputs.attention[:, 0]
    gate = tf.sigmoid(outputs.copy_gate)
    return gate * outputs.copy_attention[:, 0] + (1 - gate) * outputs.attention[:, 0]


def _pad(ids: np.ndarray, step: int = 32) -> np.ndarray:
    """Rounds lengths up, so that few shapes occur."""
    return np.pad(ids, ((0, 0), (0, max(-ids.shape[1] % step, step if not ids.shape[1] else 0))))


def _split(ids: list[int]) -> tuple[list[int], list[int]]:
    """Cuts what was written at its stops: (reply, action)."""
    ids = [i for i in ids if i]
    end = ids.index(v.ACTION) if v.ACTION in ids else len(ids)
    return ids[:end], [i for i in ids[end + 1 :] if i != v.EMOTE]


def _owners(example: Example, features: dict[str, np.ndarray], row: int) -> list[str]:
    """The key that each place of the memory belongs to; "" for <history> and padding."""
    items = [
        example.items[item].key if token else ""
        for token, item in zip(features["knowledge_ids"][row], features["knowledge_item"][row], strict=True)
    ]
    return items + [f"turn/{turn - 1}" if turn else "" for turn in features["history_turn"][row]]


def _leant_on(attention: np.ndarray, owners: list[str]) -> dict[str, float]:
    shares: dict[str, float] = {}
    for key, weight in zip(owners, attention / max(attention.sum(), 1e-9), strict=True):
        if key:
            shares[key] = shares.get(key, 0.0) + float(weight)
    return dict(sorted(shares.items(), key=lambda pair: -pair[1]))
