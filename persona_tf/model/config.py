"""The model room's part of the control panel."""

import dataclasses

FUSIONS = ("concat", "select", "soft", "average", "attention")
MIXING = ("average", "attention")
"""The fusions under which the decoder reads a mixture and not the memory itself, see `model.mixing`."""
HISTORIES = ("causal", "apart", "whole")
PRECISIONS = ("auto", "float32", "mixed_bfloat16")
STATED_NATS = 5.0
"""So much likelier than each other source the decoder is told the last turn to be when it writes what that states."""


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Sizes and mechanisms of a PersonaTransformer, and sizes of a retriever's towers.

    ``encoder_layers``: 0, which only a retriever can have, reads a text as a bag of subwords.
    ``word_dropout``: share of the words that are read, not of those written, that training leaves blank.
    ``fusion``: how the decoder reads the knowledge items (see `model.fusion` and `model.mixing`).
    ``selected``: how many items `select` shows at most.
    ``history``: what the encoder of the history sees of a turn: ``causal`` itself and the turns before it, ``apart``
    itself alone, ``whole`` all turns. The first two leave what was read as it is when a conversation goes on; the last
    has to read all anew, and training shows it one target at a time.
    ``knowledge_dropout``: how often, in training, `select` is shown no item at all (Dinan et al. 2019), and `soft` is
    told nothing of how likely each source is, so that the decoder learns to look for itself.
    ``copy_head``: whether tokens can be copied from what was read (See et al. 2017); not from a mixture.
    ``precision``: ``auto`` takes bfloat16 for matrix products where the processor has instructions for it.
    ``vocabulary_size``, ``kinds`` and ``emotes`` are filled in from the vocabulary and the labels; so is
    ``fact_marks``: how many of the ids, the last ones, are marks of facts, the first of which begins what a turn
    states; and ``place_kinds``: the kinds of the place.
    """

    width: int = 256
    heads: int = 8
    feed_forward: int = 1024
    encoder_layers: int = 4
    decoder_layers: int = 4
    dropout: float = 0.1
    word_dropout: float = 0.0
    fusion: str = "concat"
    selected: int = 1
    history: str = "causal"
    knowledge_dropout: float = 0.0
    copy_head: bool = True
    precision: str = "auto"
    vocabulary_size: int = 0
    kinds: int = 11
    emotes: int = 23
    fact_marks: int = 0
    place_kinds: tuple[int, ...] = (5, 6, 7, 8)

    def __post_init__(self) -> None:
        object.__setattr__(self, "place_kinds", tuple(self.place_kinds))  # JSON knows lists alone
        sizes = ("width", "heads", "feed_forward", "decoder_layers", "selected", "kinds", "emotes")
        for name in sizes:
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"ModelConfig.{name} must be a positive whole number, got {value!r}")
        if not isinstance(self.encoder_layers, int) or self.encoder_layers < 0:
            raise ValueError(
                f"ModelConfig.encoder_layers must be a whole number from 0 on, got {self.encoder_layers!r}"
            )
        if self.width % (2 * self.heads):
            raise ValueError(f"ModelConfig.width ({self.width}) must be a multiple of 2 * heads ({2 * self.heads})")
        for name in ("dropout", "word_dropout", "knowledge_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"ModelConfig.{name} must lie in [0, 1), got {getattr(self, name)!r}")
        for name, choices in (("fusion", FUSIONS), ("history", HISTORIES), ("precision", PRECISIONS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"ModelConfig.{name} must be one of {choices}, got {getattr(self, name)!r}")
        if self.mixes and self.copy_head:
            raise ValueError(
                f"ModelConfig.fusion {self.fusion!r} mixes what was read, so nothing of it can be copied: set "
                "ModelConfig.copy_head = False, as gin/mixins/{average,attention}.gin do"
            )

    @property
    def mixes(self) -> bool:
        """Whether the decoder reads a mixture, see `MIXING`."""
        return self.fusion in MIXING
