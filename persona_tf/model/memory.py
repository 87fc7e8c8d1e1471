"""What is handed from reading to writing: memory, what the decoder makes of it, and the cache while it writes."""

from typing import Any, NamedTuple

from keras import ops

ASIDE = 1 << 20
"""As in `text.features`: turns and targets of aside ``a`` are numbered from ``a * ASIDE`` on."""


class Memory(NamedTuple):
    """All that was read, knowledge first, then history; M = S + H.

    states [B, M, D]; pooled [B, M, P]: at each token, the sentence embedding of its item or turn; ids int32 [B, M];
    mask bool [B, M] (True: a real token); turn int32 [B, M] (0 in knowledge and <history>: seen by every target);
    item int32 [B, M] (-1 in the history, -2 in padding); kind int32 [B, M], of the item (0 in the history); first bool
    [B, M] (True at the first token of an item or turn, <history> included).
    """

    states: Any
    pooled: Any
    ids: Any
    mask: Any
    turn: Any
    item: Any
    kind: Any
    first: Any


class Places(NamedTuple):
    """The memory as the copy head sees it: keys [B, M, 2 D]; worth float32 [B, M, 1], the gate's logit of each."""

    keys: Any
    worth: Any


class LayerCache(NamedTuple):
    """What one decoder layer keeps between steps: keys and values, own [B * Q, N, L, C] and the memory's [B, N, M, C].

    Q targets side by side share the memory of their row: to read it is most of a step's work.
    """

    keys: Any
    values: Any
    memory_keys: Any
    memory_values: Any


class Mixed(NamedTuple):
    """What the decoder reads under ``average`` and ``attention``: not the memory but L places for each of R targets.

    states [B, R * L, D]; shown bool [B, T, R * L]; weights [B, R * L, M], of each place of the memory in a mixed one.
    """

    states: Any
    shown: Any
    weights: Any


class Choice(NamedTuple):
    """What a target reads, for each of its tokens.

    shown bool [B, T, M]; log_probs float32 [B, T, M], of each source; told: the same, but where knowledge dropout keeps
    them from the decoder; gist [B, T, D], added to the decoder's input under ``soft``, else None; mixed: see `Mixed`,
    None where the decoder reads the memory itself.
    """

    shown: Any
    log_probs: Any
    told: Any
    gist: Any = None
    mixed: Mixed | None = None


class Reading(NamedTuple):
    """A memory, made ready for the decoder; the parts of two can be joined side by side.

    layers: keys and values for each decoder layer, [B, N, M, C] each; () where the memory is mixed first; places: what
    the copy head points at, or None.
    """

    memory: Memory
    layers: tuple
    places: Any


class Turns(NamedTuple):
    """The turns that were read, and what later ones look at: keys and values of each encoder layer, [B, N, H, C]."""

    reading: Reading
    layers: tuple


class Cache(NamedTuple):
    """What is kept while targets are written, Q side by side in each row: they read one memory.

    choice: what is shown, and how likely each source is; places: what the copy head points at, or None; written
    int32 [B * Q, W]: the last tokens, newest first; turn int32 [B, Q].
    """

    memory: Memory
    choice: "Choice"
    places: Any
    written: Any
    turn: Any
    layers: tuple[LayerCache, ...]

    @property
    def changing(self):
        """The part that a step changes, a nest of tensors [B * Q, ...]: all that a loop has to carry."""
        return self.written, tuple((layer.keys, layer.values) for layer in self.layers)

    def changed(self, changing) -> "Cache":
        """This cache with another `changing` part."""
        written, pairs = changing
        layers = tuple(
            layer._replace(keys=keys, values=values) for layer, (keys, values) in zip(self.layers, pairs, strict=True)
        )
        return self._replace(written=written, layers=layers)


def join_memories(knowledge: Memory, history: Memory) -> Memory:
    """Two memories of the same rows, side by side."""
    return Memory(*(ops.concatenate(pair, axis=1) for pair in zip(knowledge, history, strict=True)))


def join_readings(knowledge: Reading, history: Reading) -> Reading:
    """Two readings of the same rows, side by side."""
    pairs = zip(knowledge.layers, history.layers, strict=True)
    layers = tuple(tuple(ops.concatenate(part, axis=2) for part in zip(*pair, strict=True)) for pair in pairs)
    places = None
    if knowledge.places is not None:
        parts = zip(knowledge.places, history.places, strict=True)
        places = Places(*(ops.concatenate(part, axis=1) for part in parts))
    return Reading(join_memories(knowledge.memory, history.memory), layers, places)
