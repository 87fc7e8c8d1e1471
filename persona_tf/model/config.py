"""The model room's part of the control panel."""

import dataclasses
from typing import Any

from persona_tf.model.layer_style import ACTIVATIONS, EPSILON, NORM_PLACES, NORMS, POSITIONS, LayerStyle

FUSIONS = ("concat", "select", "soft", "average", "attention")
MIXING = ("average", "attention")
"""The fusions under which the decoder reads a mixture and not the memory itself, see `model.mixing`."""
HISTORIES = ("causal", "apart", "whole")
PRECISIONS = ("auto", "float32", "mixed_bfloat16")
STATED_NATS = 5.0
"""So much likelier than each other source the decoder is told the last turn to be when it writes what that states."""

OF_DECODER = ("norm", "norm_place", "norm_epsilon", "activation", "embedding_norm")
"""What can be otherwise in the decoder than in the encoder."""

_COUNTS = (
    *("width", "heads", "feed_forward", "decoder_layers", "most_positions", "selected"),
    *("kinds", "emotes"),
)
_CHOICES = {
    "fusion": FUSIONS,
    "history": HISTORIES,
    "precision": PRECISIONS,
    "positions": POSITIONS,
    "norm": NORMS,
    "norm_place": NORM_PLACES,
    "activation": ACTIVATIONS,
}


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Sizes and mechanisms of a PersonaTransformer, and sizes of a retriever's towers.

    Sizes. ``width`` of all states; ``heads`` of attention; ``feed_forward``: units in the middle of a layer.
    ``dropout`` of what is embedded and of what the parts of a layer add; ``word_dropout``: share of the words that are
    read, not of those written, that training leaves blank. ``encoder_layers``: 0, which only a retriever can have,
    reads a text as a bag of subwords.

    Layers. ``positions``: how a token knows its place in its item, turn or target: by ``sinusoidal`` waves, by a
    ``learned`` vector, one of ``most_positions``, of which all that come later share the last; ``rotary``: by turned
    queries and keys (see `layers.rotated`); ``relative``: by how far apart they are (see `relative_bias`).
    ``target_positions``: whether targets have a table of learned ones of their own. ``norm``: ``layer``, or ``rms``,
    which has no mean and no bias; ``norm_epsilon`` of all norms. ``norm_place``: ``before`` a part of a layer reads, or
    ``after`` its output is added. ``embedding_norm``: whether what is embedded is normed, too. ``activation`` of
    feed-forward. ``kv_heads``: heads of keys and values, shared by those of queries; 0: one for each. ``tied``: whether
    the output layer is the token table. ``scaled``: whether tokens are multiplied by sqrt(width) when they are
    embedded. ``decoder_style``: those of `OF_DECODER` that are otherwise in the decoder, such as
    ``{"norm_place": "after"}``.

    Reading. ``fusion``: how the decoder reads the knowledge items (see `model.fusion` and `model.mixing`).
    ``selected``: how many items `select` shows at most. ``history``: what the encoder of the history sees of a turn:
    ``causal`` itself and the turns before it, ``apart`` itself alone, ``whole`` all turns. The first two leave what was
    read as it is when a conversation goes on; the last has to read all anew, and training shows it one target at a
    time. ``knowledge_dropout``: how often, in training, `select` is shown no item at all (Dinan et al. 2019), and
    `soft` is told nothing of how likely each source is, so that the decoder learns to look for itself.
    ``copy_head``: whether tokens can be copied from what was read (See et al. 2017); not from a mixture.

    ``precision``: ``auto`` takes bfloat16 for matrix products where the processor has instructions for it.

    Filled in from the vocabulary and the labels: ``vocabulary_size``, ``kinds``, ``emotes``; ``fact_marks``: how many
    of the ids, the last ones, are marks of facts, the first of which begins what a turn states; ``place_kinds``: the
    kinds of item that are the place's; ``loss_heads``: for how many heads training learns how much they count.
    """

    width: int = 256
    heads: int = 8
    feed_forward: int = 1024
    encoder_layers: int = 4
    decoder_layers: int = 4
    dropout: float = 0.1
    word_dropout: float = 0.0
    positions: str = "sinusoidal"
    most_positions: int = 512
    norm: str = "layer"
    norm_place: str = "before"
    activation: str = "relu"
    kv_heads: int = 0
    tied: bool = True
    scaled: bool = True
    norm_epsilon: float = EPSILON
    embedding_norm: bool = False
    target_positions: bool = False
    decoder_style: dict[str, Any] = dataclasses.field(default_factory=dict)
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
    loss_heads: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "place_kinds", tuple(self.place_kinds))  # JSON knows lists alone
        for name in _COUNTS:
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"ModelConfig.{name} must be a positive whole number, got {value!r}")
        if not isinstance(self.encoder_layers, int) or self.encoder_layers < 0:
            raise ValueError(
                f"ModelConfig.encoder_layers must be a whole number from 0 on, got {self.encoder_layers!r}"
            )
        if self.width % (2 * self.heads):
            raise ValueError(f"ModelConfig.width ({self.width}) must be a multiple of 2 * heads ({2 * self.heads})")
        groups = self.kv_heads
        if type(groups) is not int or groups < 0 or (groups and self.heads % groups):
            raise ValueError(f"ModelConfig.kv_heads must be 0 or divide heads ({self.heads}), got {groups!r}")
        for name in ("dropout", "word_dropout", "knowledge_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"ModelConfig.{name} must lie in [0, 1), got {getattr(self, name)!r}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"ModelConfig.{name} must be one of {choices}, got {getattr(self, name)!r}")
        for name in ("scaled", "embedding_norm", "target_positions"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"ModelConfig.{name} must be True or False, got {getattr(self, name)!r}")
        if type(self.norm_epsilon) is not float or not 0 < self.norm_epsilon < 1:
            raise ValueError(f"ModelConfig.norm_epsilon must lie between 0 and 1, got {self.norm_epsilon!r}")
        if self.target_positions and self.positions != "learned":
            raise ValueError(
                "ModelConfig.target_positions is a table of learned positions: expected ModelConfig.positions "
                f"'learned', got {self.positions!r}"
            )
        self._check_decoder_style()
        if self.mixes and self.copy_head:
            raise ValueError(
                f"ModelConfig.fusion {self.fusion!r} mixes what was read, so nothing of it can be copied: set "
                "ModelConfig.copy_head = False, as gin/mixins/{average,attention}.gin do"
            )

    def _check_decoder_style(self) -> None:
        unknown = sorted(self.decoder_style.keys() - set(OF_DECODER))
        if unknown:
            raise ValueError(f"ModelConfig.decoder_style may hold {', '.join(OF_DECODER)}; got {', '.join(unknown)}")
        try:
            _ = self.of_decoder
        except ValueError as error:
            raise ValueError(f"ModelConfig.decoder_style: {error}") from error

    @property
    def of_decoder(self) -> "ModelConfig":
        """The config as the decoder has it."""
        return dataclasses.replace(self, decoder_style={}, **self.decoder_style) if self.decoder_style else self

    @property
    def style(self) -> LayerStyle:
        """What layers of the encoder need to know of this; those of the decoder: ``of_decoder.style``."""
        return LayerStyle(
            self.norm,
            self.norm_place,
            self.activation,
            self.kv_heads,
            rotary=self.positions == "rotary",
            relative=self.positions == "relative",
            epsilon=self.norm_epsilon,
        )

    @property
    def embedded_style(self) -> LayerStyle | None:
        """That of the norm of what is embedded; None: there is no such norm."""
        return self.style if self.embedding_norm else None

    @property
    def mixes(self) -> bool:
        """Whether the decoder reads a mixture, see `MIXING`."""
        return self.fusion in MIXING
