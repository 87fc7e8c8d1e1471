"""The bot: a bundle that answers examples, many at once, in one compiled graph."""

import dataclasses
import itertools
import pathlib
from collections.abc import Sequence

import numpy as np

from persona_tf.decoding.config import DecodeConfig
from persona_tf.example import EMOTE_LABELS, NO_EMOTE, Example, strings
from persona_tf.export.bundle import Bundle, load_bundle
from persona_tf.export.compiled import CompiledModel, Written
from persona_tf.text import vocabulary as v


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the bot says, does and shows; "" is nothing.

    ``leant_on``: share of the attention that went to each knowledge item and turn while reply and action were
    written, by key (``persona/2``, ``turn/5``), largest first. ``tokens``: how many were written.
    """

    reply: str
    action: str
    emote: str
    leant_on: dict[str, float]
    tokens: int


class Bot:
    """Answers the targets of examples.

    Args:
      bundle: loaded, see `Bot.load`.
      decode: takes the place of the bundle's own decode config.
    """

    def __init__(self, bundle: Bundle, decode: DecodeConfig | None = None):
        self.bundle = bundle
        self.decode = decode or bundle.decode
        self._model = CompiledModel(bundle, self.decode)

    @classmethod
    def load(cls, folder: pathlib.Path, decode: DecodeConfig | None = None) -> "Bot":
        """A bot from a bundle's folder; raises what `export.bundle.load_bundle` raises."""
        return cls(load_bundle(folder), decode)

    def answer(self, examples: Sequence[Example], seed: int | None = None) -> list[list[Answer]]:
        """Answers every target of every example: one list an example, one answer a target.

        The targets' own words are not looked at. Equal input and seed give equal answers; None takes the seed of the
        decode config.
        """
        features = self._features(examples)
        counts = [len(example.targets) for example in examples]
        row = np.repeat(np.arange(len(examples)), counts).astype(np.int32)
        turn = np.array([t.turn + 1 for e in examples for t in e.targets], np.int32)
        if not len(turn):
            return [[] for _ in examples]
        written = self._model.write(features, row, turn, self.decode.seed if seed is None else seed)
        flat = self._answers(examples, written, features, row)
        starts = np.cumsum([0, *counts])
        return [flat[start:end] for start, end in itertools.pairwise(starts)]

    def _features(self, examples: Sequence[Example]) -> dict[str, np.ndarray]:
        packed = self.bundle.packer.pack(strings(examples))
        names = [n for n in packed if n.startswith(("knowledge", "history"))]
        return {name: _pad(packed[name].to_tensor().numpy()) for name in names}

    def _answers(self, examples, written: Written, features, row) -> list[Answer]:
        owners = [_owners(example, features, i) for i, example in enumerate(examples)]
        decode = self.bundle.packer.tokenizer.decode
        answers = []
        for target, ids in enumerate(written.ids):
            reply, action = _split(ids.tolist())
            emote = EMOTE_LABELS[int(written.emote_logits[target].argmax())]
            answers.append(
                Answer(
                    reply=decode(reply),
                    action=decode(action),
                    emote="" if emote == NO_EMOTE or not self.bundle.example.learn_emote else emote,
                    leant_on=_leant_on(written.attention[target], owners[row[target]]),
                    tokens=int((ids != 0).sum()),
                )
            )
        return answers


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
        if key and weight:
            shares[key] = shares.get(key, 0.0) + float(weight)
    return dict(sorted(shares.items(), key=lambda pair: -pair[1]))
