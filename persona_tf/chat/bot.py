"""The bot: a bundle that answers examples, many at once."""

import dataclasses
import functools
import os
import pathlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from persona_tf.chat.answer import Answer
from persona_tf.chat.asking import Ask, FactsAsk, Told
from persona_tf.chat.fact_ids import facts_in, likeliest
from persona_tf.chat.memories import Memories
from persona_tf.decoding.config import DecodeConfig
from persona_tf.example import NO_EMOTE, Example, Item, OwnedFact, strings
from persona_tf.export.bundle import Bundle, load_bundle
from persona_tf.export.engines import open_writer
from persona_tf.export.writer import LENGTH_STEP
from persona_tf.export.written import MADE_UP, STATED, Written
from persona_tf.text import vocabulary as v
from persona_tf.text.tokenizer import ESCAPE

_MOST_OTHERS = 4
"""Each takes the engine some seconds to make, and memory."""
_MOST_WAYS = 256
_MOST_FACT_TOKENS = 1 << 10
"""More than any turn's facts have: all are written at once."""


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
        forced = bundle.packer.tokenizer.encode([word.strip() for word in self.decode.forced_words])
        speaks_only = not (bundle.example.learn_action or bundle.example.learn_emote)
        rows = self._banned(self.decode), _rows(forced)
        # Each engine understands what it has read itself.
        self._writer: Any = open_writer(engine, bundle.model, self.decode, speaks_only, *rows)
        self.engine: str = self._writer.engine
        self._facts_writers: dict[str, Any] = {}
        self._process = os.getpid()
        # What was read last for several examples, by their items.
        self._known: tuple[list[tuple[Item, ...]], Any] = ([], None)
        reads_on = bundle.model.config.history != "whole"
        self._kept = Memories(self._writer, self._features, reads_on)
        # Where the engine cannot mix them: bots for other ways of choosing words.
        self._others: dict[DecodeConfig, Bot] = {}
        self._ways: dict[DecodeConfig, Any] = {}

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
        features, turn, seeds = self._read(examples, [seed] * len(examples))
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
        features, turn, seeds = self._read([example], [seed])
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

    @property
    def mixes(self) -> bool:
        """Whether `answering` can answer asks with unlike decode configs together."""
        return hasattr(self._writer, "way")

    def check(self, decode: DecodeConfig) -> None:
        """Raises a ValueError where an `Ask` cannot have this decode config."""
        if decode.hypotheses != self.decode.hypotheses:
            raise ValueError(f"DecodeConfig.hypotheses is {self.decode.hypotheses} here, and stays it")
        if self.mixes:
            self._way(decode)

    def answering(self, asks: Sequence[Ask], tokens: int = 2) -> Iterator[list[Told]]:
        """Answers many at once, and tells how far each has come after every so many tokens.

        Each answer is what `answer` gives to its example and seed; it may be done before others are. Several of these
        iterators may be gone through in turns, by one thread. Memory that is read is kept for the next turns.

        Raises:
          ValueError: an example has not one target, a decode config does not fit (see `check`), or several differ and
            the bot does not mix them.
        """
        if off := [len(ask.example.targets) for ask in asks if len(ask.example.targets) != 1]:
            raise ValueError(f"an example with one target can be answered, this one has {off[0]}")
        decodes = [ask.decode or self.decode for ask in asks]
        if self.mixes:
            return self._answering(asks, decodes, tokens)
        if any(decode != decodes[0] for decode in decodes):
            raise ValueError(f"the engine {self.engine} chooses words in one way for all that are asked together")
        return self._other(decodes[0])._answering(asks, decodes, tokens)

    def extract(self, examples: Sequence[Example]) -> list[list[tuple[OwnedFact, ...]]]:
        """The facts that turns state: for each target of each example those of the last turn that it sees.

        Each is a sentence of its owner in the first person, so that what the partner tells can be kept as a knowledge
        item ``partner_persona``, and what the bot itself does as ``persona``. The targets' own words are not looked at.

        Raises:
          ValueError: the bot has not learned to.
        """
        return self._facts([FactsAsk(example, "extract") for example in examples])

    def invent(self, examples: Sequence[Example]) -> list[list[str]]:
        """A fact of the bot's own that would answer the last turn that each target sees; "" where none is lacking.

        Shown among its knowledge items, as ``persona``, the bot answers with it. Raises what `extract` does.
        """
        found = self._facts([FactsAsk(example, "invent") for example in examples])
        return [[facts[0].text if facts else "" for facts in row] for row in found]

    def noting(self, asks: Sequence[FactsAsk], tokens: int = 2) -> Iterator[list[Told]]:
        """As `answering`, for wishes of one task; nothing of them is told before it is done.

        Raises:
          ValueError: the tasks differ, or the bot has not learned to write facts.
        """
        if len({ask.task for ask in asks}) > 1:
            raise ValueError("expected wishes of one task, extract or invent, got both: ask for one after the other")
        return self._noting(asks, self._facts_writer(asks), tokens, self._beside)

    def _facts(self, asks: Sequence[FactsAsk]) -> list[list[tuple[OwnedFact, ...]]]:
        *_, told = [[], *self._noting(asks, self._facts_writer(asks), _MOST_FACT_TOKENS, self._memories)]
        return [one.answer() for one in told] or [[] for _ in asks]

    def _facts_writer(self, asks: Sequence[FactsAsk]) -> Any:
        task = asks[0].task if asks else "extract"
        if task not in self._facts_writers:
            self._facts_writers[task] = self._writer.of_facts(STATED if task == "extract" else MADE_UP)
        return self._facts_writers[task]

    def _noting(
        self, asks: Sequence[FactsAsk], writer: Any, tokens: int, read: Callable[..., Any]
    ) -> Iterator[list[Told]]:
        examples = [ask.example for ask in asks]
        if not any(example.targets for example in examples):
            return
        features, turn, _ = self._read(examples, [None] * len(examples))
        marks = v.fact_ids(self.bundle.packer.tokenizer.size)
        seeds = np.broadcast_to(np.arange(writer.hypotheses, dtype=np.int32), (*turn.shape, writer.hypotheses))
        first = marks.extract if asks[0].task == "extract" else marks.invent
        for written in writer.stream(*read(examples, features), turn, seeds, tokens, first=first):

            def facts(row: int, written: Written = written) -> list[tuple[OwnedFact, ...]]:
                several = [written.ids[row, t].tolist() for t in range(len(examples[row].targets))]
                log_probs = written.log_probs[row].tolist()
                rows = [of[likeliest(of, log_probs[t], marks.end)] for t, of in enumerate(several)]
                return facts_in(rows, marks, self.bundle.packer.tokenizer.decode_all)

            done = [bool(written.done[row, : len(e.targets)].all()) for row, e in enumerate(examples)]
            yield [Told("", done[row], functools.partial(facts, row)) for row in range(len(asks))]

    def _answering(self, asks: Sequence[Ask], decodes: Sequence[DecodeConfig], tokens: int) -> Iterator[list[Told]]:
        examples = [ask.example for ask in asks]
        features, turn, seeds = self._read(examples, [ask.seed for ask in asks])
        ways = [[self._way(decode) for decode in decodes]] if self.mixes else []
        stream = self._writer.stream(*self._beside(examples, features), turn, seeds, tokens, *ways)
        settled = [""] * len(asks)
        for written in stream:
            done = written.done[:, 0].tolist()
            heard = [row for row, ask in enumerate(asks) if ask.told and not done[row]]
            if self.decode.hypotheses == 1 and heard:
                said = [_split(written.ids[row, 0, 0].tolist())[0] for row in heard]
                texts = self.bundle.packer.tokenizer.decode_all(said)
                for row, text in zip(heard, texts, strict=True):
                    settled[row] = max(settled[row], _settled(text), key=len)

            def answer(row: int, written: Written = written) -> Answer:
                [[[one, *_]]] = self._answers([examples[row]], _only(written, row), decodes[row])
                if written.done[row, 0]:
                    return one
                return dataclasses.replace(one, reply=_settled(one.reply), action="", emote="", cut=True)

            yield [Told(settled[row], done[row], functools.partial(answer, row)) for row in range(len(asks))]

    def _banned(self, decode: DecodeConfig) -> tuple[tuple[int, ...], ...]:
        return _rows(self.bundle.packer.tokenizer.encode(list(_spellings(decode.banned_words))))

    def _way(self, decode: DecodeConfig) -> Any:
        """As the writer wants it; the last few are kept."""
        key = dataclasses.replace(decode, banned_words=tuple(decode.banned_words), forced_words=())
        if key not in self._ways:
            if len(self._ways) >= _MOST_WAYS:
                self._ways.pop(next(iter(self._ways)), None)
            self._ways[key] = self._writer.way(decode, self._banned(decode))
        return self._ways[key]

    def _other(self, decode: DecodeConfig) -> "Bot":
        if decode == self.decode:
            return self
        key = dataclasses.replace(
            decode, banned_words=tuple(decode.banned_words), forced_words=tuple(decode.forced_words)
        )
        if key not in self._others:
            if len(self._others) >= _MOST_OTHERS:
                self._others.pop(next(iter(self._others)))
            self._others[key] = Bot(self.bundle, decode, self.engine)
        return self._others[key]

    def _read(self, examples: Sequence[Example], seeds: Sequence[int | None]):
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
        given = [self.decode.seed if seed is None else seed for seed in seeds]
        return self._features(examples), turn, self._seeds(examples, most, given)

    def _memories(self, examples: Sequence[Example], features: dict[str, np.ndarray]) -> tuple[Any, Any]:
        if len(examples) == 1:
            [knowledge], [history] = self._kept.rows(examples, features)
            return knowledge, history
        items = [example.items for example in examples]
        known, knowledge = self._known
        if knowledge is None or known != items:
            knowledge = self._writer.read_knowledge(features)
            self._known = items, knowledge
        return knowledge, self._writer.read_history(features)

    def _beside(self, examples: Sequence[Example], features: dict[str, np.ndarray]) -> tuple[Any, Any]:
        """As `_memories`, of conversations that will go on: what was read before is not read again."""
        if not self.mixes:
            return self._memories(examples, features)
        knowledge, history = self._kept.rows(examples, features)
        return self._writer.together(knowledge), self._writer.together(history)

    def _features(self, examples: Sequence[Example]) -> dict[str, np.ndarray]:
        packed = self.bundle.packer.pack(strings(examples))
        names = [n for n in packed if n.startswith(("knowledge", "history"))]
        return {name: _pad(packed[name].to_tensor().numpy()) for name in names}

    def _seeds(self, examples: Sequence[Example], most: int, seeds: Sequence[int]) -> np.ndarray:
        """Noise of its own for each hypothesis of each target, wherever it stands: int32 [B, Q, K]."""
        hypotheses = range(self.decode.hypotheses)
        names = [
            [f"{seed}/{e.id}/{t.turn}/" for t in e.targets] + [""] * (most - len(e.targets))
            for e, seed in zip(examples, seeds, strict=True)
        ]
        return np.array(
            [[[zlib.crc32(f"{name}{k}".encode()) & 0x7FFFFFFF for k in hypotheses] for name in row] for row in names],
            np.int32,
        )

    def _answers(
        self, examples: Sequence[Example], written: Written, decode: DecodeConfig | None = None
    ) -> list[list[list[Answer]]]:
        """All hypotheses of all targets, as `n_best` gives them."""
        most = (decode or self.decode).max_reply_tokens
        hypotheses = range(written.ids.shape[2])
        places = [(r, t, k) for r, e in enumerate(examples) for t in range(len(e.targets)) for k in hypotheses]
        parts = [part for place in places for part in _split(written.ids[place].tolist())]
        texts = iter(self.bundle.packer.tokenizer.decode_all(parts))
        shares = [_Shares(example, written.item[row], written.turn[row]) for row, example in enumerate(examples)]
        cut = iter([len(reply) >= most for reply in parts[::2]])
        found = iter(
            [self._answer(written, place, next(texts), next(texts), next(cut), shares[place[0]]) for place in places]
        )
        return [[[next(found) for _ in hypotheses] for _ in example.targets] for example in examples]

    def _answer(
        self, written: Written, place: tuple[int, int, int], reply: str, action: str, cut: bool, shares: "_Shares"
    ) -> Answer:
        emote = self.bundle.example.emote_labels[int(written.emote_logits[place].argmax())]
        return Answer(
            reply=reply,
            action=action if self.bundle.example.learn_action else "",
            emote="" if emote == NO_EMOTE or not self.bundle.example.learn_emote else emote,
            leant_on=shares.of(written.attention[place]),
            tokens=int((written.ids[place] != 0).sum()),
            log_prob=float(written.log_probs[place]),
            cut=cut,
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


def _only(written: Written, row: int) -> Written:
    """One row of what was written."""
    return Written(*(part[row : row + 1] for part in written))


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
