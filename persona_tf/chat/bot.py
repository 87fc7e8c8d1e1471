"""The bot: a bundle that answers examples, many at once."""

import dataclasses
import os
import pathlib
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from persona_tf.chat.answer import Answer
from persona_tf.decoding.config import DecodeConfig
from persona_tf.example import EMOTE_LABELS, NO_EMOTE, Example, HistoryTurn, Item, strings
from persona_tf.export.bundle import Bundle, load_bundle
from persona_tf.export.engines import open_writer
from persona_tf.export.writer import LENGTH_STEP
from persona_tf.export.written import Written
from persona_tf.text import vocabulary as v
from persona_tf.text.tokenizer import ESCAPE


class Bot:
    """Answers the targets of examples.

    Args:
      bundle: loaded, see `Bot.load`.
      decode: takes the place of the bundle's own decode config.
      engine: one of `engines.ENGINES`; the attribute ``engine`` says which was taken.

    Raises:
      ValueError: the decode config does not fit the vocabulary (forced words that are too long) or the bundle
        (guidance, where persona and setting are told in the history), or see `engines.open_writer`.
      RuntimeError (when it is to answer): the process is a fork of the one that made the bot.
    """

    def __init__(self, bundle: Bundle, decode: DecodeConfig | None = None, engine: str = "auto"):
        self.bundle = bundle
        self.decode = decode or bundle.decode
        if self.decode.guided and bundle.example.knowledge_as_history:
            raise ValueError(
                "DecodeConfig.guidance and mutual_information leave out knowledge items, but this bot was trained with "
                "ExampleConfig.knowledge_as_history: set both to 0"
            )
        encode = bundle.packer.tokenizer.encode
        banned = encode(list(_spellings(self.decode.banned_words)))
        forced = encode([word.strip() for word in self.decode.forced_words])
        speaks_only = not (bundle.example.learn_action or bundle.example.learn_emote)
        rows = _rows(banned), _rows(forced)
        # Each engine understands what it has read itself.
        self._writer: Any = open_writer(engine, bundle.model, self.decode, speaks_only, *rows)
        self.engine: str = self._writer.engine
        self._process = os.getpid()
        # What was read last, by the items of the examples: in a conversation they stay the same.
        self._known: tuple[list[tuple[Item, ...]], Any] = ([], None)
        # The same for the history of single examples: in a conversation it grows.
        self._heard: tuple[tuple[HistoryTurn, ...], Any] = ((), None)

    @classmethod
    def load(cls, folder: pathlib.Path, decode: DecodeConfig | None = None, engine: str = "auto") -> "Bot":
        """A bot from a bundle's folder; raises what `export.bundle.load_bundle` and `Bot` raise."""
        return cls(load_bundle(folder), decode, engine)

    def answer(self, examples: Sequence[Example], seed: int | None = None) -> list[list[Answer]]:
        """Answers every target of every example: one list an example, one answer a target, the best hypothesis.

        The targets' own words are not looked at. Equal input and seed give equal answers, alone or with others (on
        ``onnx_int8`` nearly equal ones); None takes the seed of the decode config. No examples give no answers.
        """
        return [[best for best, *_ in row] for row in self.n_best(examples, seed)]

    def n_best(self, examples: Sequence[Example], seed: int | None = None) -> list[list[list[Answer]]]:
        """As `answer`, with all hypotheses of each target: best first, plain samples in the order of their noise."""
        if not any(example.targets for example in examples):
            return [[] for _ in examples]
        features, turn, seeds = self._read(examples, seed)
        written = self._writer.write(*self._memories(examples, features), turn, seeds)
        return self._answers(examples, written)

    def stream(
        self, example: Example, on_text: Callable[[str], None], seed: int | None = None, tokens: int = 2
    ) -> Answer:
        """Answers an example's one target, and tells the reply while it is written.

        Args:
          example: with one target.
          on_text: is called with the next piece of the reply, whole characters; all of them together are
            ``Answer.reply``. What it raises stops the work and goes on to the caller. Of several hypotheses only the
            best is told, in one piece at the end.
          seed: as for `answer`; the answer is the same.
          tokens: about how many are written between two pieces.

        Raises:
          ValueError: the example has no target or several, or ``tokens`` is below 1.
        """
        if len(example.targets) != 1:
            raise ValueError(f"an example with one target can be streamed, this one has {len(example.targets)}")
        if tokens < 1:
            raise ValueError(f"expected at least 1 token between two pieces, got {tokens}")
        features, turn, seeds = self._read([example], seed)
        told = ""
        memories = self._memories([example], features)
        for written in self._writer.stream(*memories, turn, seeds, tokens):
            if self.decode.hypotheses == 1:
                reply, _ = _split(written.ids[0, 0, 0].tolist())
                settled = _settled(self.bundle.packer.tokenizer.decode(reply))
                if len(settled) > len(told):
                    on_text(settled[len(told) :])
                    told = settled
        answer = self._answers([example], written)[0][0][0]
        if len(answer.reply) > len(told):
            on_text(answer.reply[len(told) :])
        return answer

    def _read(self, examples: Sequence[Example], seed: int | None):
        """Features, number of the turn of each target [B, Q] (0: none) and seeds [B, Q, K]."""
        if os.getpid() != self._process:
            # The threads that it computes with were left behind: it would wait for them for ever.
            raise RuntimeError(
                f"this bot was made by process {self._process} and asked in a fork of it, {os.getpid()}: load the bot "
                "in each process, after the fork"
            )
        most = max(len(example.targets) for example in examples)
        rows = [[t.turn + e.told + 1 for t in e.targets] + [0] * (most - len(e.targets)) for e in examples]
        turn = np.array(rows, np.int32)
        return self._features(examples), turn, self._seeds(examples, most, self.decode.seed if seed is None else seed)

    def _memories(self, examples: Sequence[Example], features: dict[str, np.ndarray]) -> tuple[Any, Any]:
        items = [example.items for example in examples]
        known, knowledge = self._known
        if knowledge is None or known != items:
            knowledge = self._writer.read_knowledge(features)
            self._known = items, knowledge
        if len(examples) > 1:
            return knowledge, self._writer.read_history(features)
        return knowledge, self._history(examples[0], features)

    def _history(self, example: Example, features: dict[str, np.ndarray]) -> Any:
        """Reads only the turns that are new since the last call, where they follow those and all have room."""
        turns, history = self._heard
        new = example.history[len(turns) :]
        grows = self.bundle.model.config.history != "whole" and example.history[: len(turns)] == turns
        if history is None or not grows:
            history = self._writer.read_history(features)
        elif new:
            alone = self._features([dataclasses.replace(example, items=(), history=new)])
            # Without <history>, which begins every row.
            read = self._writer.read_history({name: part[:, 1:] for name, part in alone.items()}, history)
            # The same tokens as when all is read anew, so that nothing fell out at the beginning.
            fits = self._writer.tokens_read(read) == np.count_nonzero(features["history_ids"])
            history = read if fits else self._writer.read_history(features)
        self._heard = example.history, history
        return history

    def _features(self, examples: Sequence[Example]) -> dict[str, np.ndarray]:
        packed = self.bundle.packer.pack(strings(examples))
        names = [n for n in packed if n.startswith(("knowledge", "history"))]
        return {name: _pad(packed[name].to_tensor().numpy()) for name in names}

    def _seeds(self, examples: Sequence[Example], most: int, seed: int) -> np.ndarray:
        """Noise of its own for each hypothesis of each target, wherever it stands: int32 [B, Q, K]."""
        hypotheses = range(self.decode.hypotheses)
        names = [[f"{seed}/{e.id}/{t.turn}/" for t in e.targets] + [""] * (most - len(e.targets)) for e in examples]
        return np.array(
            [[[zlib.crc32(f"{name}{k}".encode()) & 0x7FFFFFFF for k in hypotheses] for name in row] for row in names],
            np.int32,
        )

    def _answers(self, examples: Sequence[Example], written: Written) -> list[list[list[Answer]]]:
        """All hypotheses of all targets, as `n_best` gives them."""
        hypotheses = range(written.ids.shape[2])
        places = [(r, t, k) for r, e in enumerate(examples) for t in range(len(e.targets)) for k in hypotheses]
        parts = [part for place in places for part in _split(written.ids[place].tolist())]
        texts = iter(self.bundle.packer.tokenizer.decode_all(parts))
        shares = [_Shares(example, written.item[row], written.turn[row]) for row, example in enumerate(examples)]
        found = iter([self._answer(written, place, next(texts), next(texts), shares[place[0]]) for place in places])
        return [[[next(found) for _ in hypotheses] for _ in example.targets] for example in examples]

    def _answer(
        self, written: Written, place: tuple[int, int, int], reply: str, action: str, shares: "_Shares"
    ) -> Answer:
        emote = EMOTE_LABELS[int(written.emote_logits[place].argmax())]
        return Answer(
            reply=reply,
            action=action if self.bundle.example.learn_action else "",
            emote="" if emote == NO_EMOTE or not self.bundle.example.learn_emote else emote,
            leant_on=shares.of(written.attention[place]),
            tokens=int((written.ids[place] != 0).sum()),
            log_prob=float(written.log_probs[place]),
        )


class _Shares:
    """Adds up attention to the places of a row's memory [M] by the item or turn that each belongs to."""

    def __init__(self, example: Example, item: np.ndarray, turn: np.ndarray):
        numbers = sorted(set(turn[turn > 0].tolist()))
        self._keys = ["", *(item.key for item in example.items), *(example.turn_key(number - 1) for number in numbers)]
        of_turn = 1 + len(example.items) + np.searchsorted(numbers, turn)
        # Padding and <history> belong to nothing.
        self._owner = np.where(turn > 0, of_turn, np.maximum(item + 1, 0))

    def of(self, attention: np.ndarray) -> dict[str, float]:
        """Attention [M] -> share of each key, largest first; nothing is left out but what got none."""
        sums = np.bincount(self._owner, attention, minlength=len(self._keys)) / max(attention.sum(), 1e-9)
        order = np.argsort(-sums, kind="stable").tolist()
        return {self._keys[i]: float(sums[i]) for i in order if i and sums[i] > 0}


def _settled(text: str) -> str:
    """The text without an end that the next token may change: half a character, or half of an escaped one."""
    return text.rstrip("\N{REPLACEMENT CHARACTER}" + ESCAPE)


def _spellings(words: Sequence[str]) -> list[str]:
    """Each word as it is given, in lower case and with a capital."""
    return sorted({form for w in map(str.strip, words) for form in (w, w.lower(), w[:1].upper() + w[1:])})


def _rows(ids: list[list[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(row) for row in ids)


def _pad(ids: np.ndarray) -> np.ndarray:
    """Rounds lengths up, to at least one step."""
    return np.pad(ids, ((0, 0), (0, max(-ids.shape[1] % LENGTH_STEP, 0 if ids.shape[1] else LENGTH_STEP))))


def _split(ids: list[int]) -> tuple[list[int], list[int]]:
    """Cuts what was written at its stops: (reply, action)."""
    ids = [i for i in ids if i]
    end = ids.index(v.ACTION) if v.ACTION in ids else len(ids)
    return ids[:end], [i for i in ids[end + 1 :] if i != v.EMOTE]
