"""Writes the targets of some rows: they go through the step's graph side by side, in arrays that stay in place."""

from collections.abc import Sequence

import numpy as np

from persona_tf.decoding.mixed_search import MixedSearch
from persona_tf.decoding.numpy_search import NumpySearch
from persona_tf.export.onnx.channels import padded_channels
from persona_tf.export.onnx.reader import TokensRead
from persona_tf.export.onnx.sessions import Binding, Sessions
from persona_tf.export.onnx.tables import MASKED, Sources, Tables
from persona_tf.model.config import ModelConfig
from persona_tf.text import vocabulary as v

CONTEXT = 3
"""As `model.heads.CopyHead.CONTEXT`, which cannot be imported without Keras."""
_START_ROWS = 2
"""So many rows are made ready at once, see `reader`."""


class Group:
    """Some rows and their targets.

    Args:
      memories: of each row, real tokens alone.
      turn: int32 [B, Q * K], number of the turn of each target, once for each hypothesis; 0: there is none.
      search: of the B * Q * K hypotheses.
      absorbed: which of the graphs are used, see `cross_attention`.
      stating: whether the facts that a turn states are written, see `Tables.sources`.

    Attributes:
      search: how far it has come. emotes float32 [B * Q * K, E]; attention float32 [B, Q * K, M] so far; item, turns
      int32 [B, M] of the memory's places, -2 and 0 where there is none.
    """

    def __init__(
        self,
        sessions: Sessions,
        tables: Tables,
        config: ModelConfig,
        memories: Sequence[TokensRead],
        turn: np.ndarray,
        search: NumpySearch | MixedSearch,
        absorbed: bool,
        stating: bool = False,
    ):
        self._tables, self._config, self.search = tables, config, search
        self._ending = "_absorbed" if absorbed else ""
        count, most = turn.size, max(max(len(memory.ids) for memory in memories), 1)
        self.item, self.turns, ids = (np.full((len(memories), most), empty, np.int32) for empty in (-2, 0, 0))
        states = np.zeros((len(memories), most, config.width), np.float32)
        for row, memory in enumerate(memories):
            places = slice(0, len(memory.ids))
            self.item[row, places], self.turns[row, places], ids[row, places] = memory.item, memory.turn, memory.ids
            states[row, places] = memory.states
        self.emotes = np.zeros((count, config.emotes), np.float32)
        self.attention = np.zeros((*turn.shape, most), np.float32)
        sources = [tables.sources(memory, numbers, stating) for memory, numbers in zip(memories, turn, strict=True)]
        self._base = tables.turns(turn).reshape(count, -1)
        if tables.fusion == "soft":
            self._base += np.concatenate([part.gist for part in sources])
        self._places = tables.embedded_places(search.most + 1)
        self._arrays = self._start(sessions, states, memories)
        self._arrays |= self._biases(sources, most, absorbed)
        self._arrays |= self._own(count, turn.shape, most)
        if config.copy_head:
            several = np.repeat(ids.astype(np.int64), turn.shape[1], axis=0)
            self._arrays |= {"ids": several, "written": np.zeros((count, CONTEXT * config.width), np.float32)}
        self._written = np.zeros((count, CONTEXT), np.int32)
        self._step = Binding(sessions.get(f"step{self._ending}"), self._arrays)

    def advance(self, until: int) -> None:
        """Writes until step ``until`` or the end."""
        search = self.search
        until = min(until, search.most + 1)
        while search.index < until and not search.fed.all():
            self._feed(search.ids, search.index)
            self._step.run()
            self._look(search.ids)
            search.take(self._arrays["log_probs"])

    def _feed(self, ids: np.ndarray, index: int) -> None:
        arrays = self._arrays
        x = np.take(self._tables.tokens, ids, axis=0, out=arrays["x"], mode="clip")
        x += self._places[index]
        x += self._base
        arrays["before"][:] = index
        arrays["length"][...] = index + 1
        if self._config.copy_head:
            self._written = np.concatenate([ids[:, None], self._written[:, :-1]], axis=-1)
            arrays["written"][:] = self._tables.words(self._written)

    def _look(self, ids: np.ndarray) -> None:
        """Keeps what is said of emote and sources."""
        if ids.min() >= len(v.SPECIALS):
            self.attention += self._arrays["attention"]
            return
        if (at_emote := ids == v.EMOTE).any():
            self.emotes[at_emote] = self._tables.emotes(self._arrays["state"][at_emote])
        counted = (ids >= len(v.SPECIALS)) | (ids == v.REPLY)
        self.attention += counted.reshape(*self.attention.shape[:2], 1) * self._arrays["attention"]

    def _start(self, sessions: Sessions, states: np.ndarray, memories: Sequence[TokensRead]) -> dict[str, np.ndarray]:
        """Arrays of what the step reads of the memory, filled."""
        session, arrays = sessions.get(f"start{self._ending}"), {}
        inputs = {"states": states}
        if self._config.copy_head:
            inputs["previous"] = self._previous(memories, states.shape[1])
        rows, most, _ = states.shape
        sizes = {"B": rows, "M": most}
        for node in session.get_outputs():
            kind = np.int8 if "int8" in node.type else np.float32
            arrays[node.name] = np.empty([sizes.get(size, size) for size in node.shape], kind)
        for first in range(0, rows, _START_ROWS):
            part = slice(first, first + _START_ROWS)
            some = {name: array[part] for name, array in (arrays | inputs).items()}
            Binding(session, some).run()
        return arrays

    def _previous(self, memories: Sequence[TokensRead], most: int) -> np.ndarray:
        """Embeddings of the words before each place of the memory, [B, M, 3 * D]; see `transformer._before`."""
        made = np.zeros((len(memories), most, CONTEXT), np.int32)
        for row, memory in enumerate(memories):
            shifted = memory.ids
            for place in range(CONTEXT):
                shifted = np.where(memory.first, 0, np.concatenate([[0], shifted[:-1]]))
                made[row, : len(shifted), place] = shifted
        return self._tables.words(made)

    def _own(self, count: int, shape: tuple[int, ...], most: int) -> dict[str, np.ndarray]:
        """The cache, what is fed, and what comes out."""
        config = self._config
        channels = padded_channels(config.width // config.heads)
        arrays: dict[str, np.ndarray] = {
            "x": np.zeros((count, config.width), np.float32),
            "before": np.zeros(count, np.int32),
            "length": np.zeros((), np.int32),
            "log_probs": np.empty((count, config.vocabulary_size), np.float32),
            "state": np.empty((count, config.width), np.float32),
            "attention": np.empty((*shape, most), np.float32),
        }
        for layer in range(config.decoder_layers):
            for name in (f"key_{layer}", f"value_{layer}"):
                kept = np.zeros((count, config.heads, self.search.most + 1, channels), np.float32)
                arrays[name] = arrays[f"new_{name}"] = kept
        return arrays

    def _biases(self, sources: Sequence[Sources], most: int, absorbed: bool) -> dict[str, np.ndarray]:
        """What is added to the logits of attention on the memory."""
        shape = (len(sources), len(sources[0].shown), most)
        shown = np.full(shape, MASKED, np.float32)
        for row, part in enumerate(sources):
            shown[row, :, : part.shown.shape[1]] = np.where(part.shown, np.float32(0), MASKED)
        made = {"pointer_bias": shown}
        if self._tables.fusion != "soft":
            return made | {"bias": _laid_out(shown[:, :, None], self._config.heads, absorbed)}
        likely = np.full(shape, MASKED, np.float32)
        for row, part in enumerate(sources):
            assert part.log_probs is not None
            likely[row, :, : part.log_probs.shape[1]] = part.log_probs
        trusted = self._tables.trusted(likely)[:, :, None]
        for layer, trust in enumerate(self._tables.trusts):
            bias = shown[:, :, None] + trust[:, None] * trusted
            made[f"bias_{layer}"] = _laid_out(bias, self._config.heads, absorbed)
        if self._config.copy_head:
            pointer = np.where(shown < 0, MASKED, self._tables.pointer_trust * likely)
            made["pointer_bias"] = pointer.astype(np.float32)
        return made


def _laid_out(bias: np.ndarray, heads: int, absorbed: bool) -> np.ndarray:
    """[B, Q, 1 or N, M] as the step's graph wants it."""
    if not absorbed:
        return np.ascontiguousarray(bias.transpose(0, 2, 1, 3))
    rows, targets, own, most = bias.shape
    if own == targets == 1:
        return bias[:, 0].copy()
    return np.broadcast_to(bias, (rows, targets, heads, most)).reshape(rows, targets * heads, most)
