"""The text room's part of the control panel."""

import dataclasses

ACTION_TOKENS, EMOTE_TOKENS = 24, 8
"""Longer actions and emotes are cut."""


@dataclasses.dataclass(frozen=True)
class TextConfig:
    """Size of the vocabulary, and how many tokens of each thing the model is shown.

    ``vocabulary_size`` counts special tokens, 256 bytes and SentencePiece's pieces.
    Limits: an item or a turn that is longer is cut at its end; a history that is longer loses its *oldest*
    turns; persona and setting are never dropped.
    """

    vocabulary_size: int = 8000
    item_tokens: int = 96
    turn_tokens: int = 128
    history_tokens: int = 512
    target_tokens: int = 64

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"TextConfig.{field.name} must be a positive whole number, got {value!r}")
        longest = self.turn_tokens + ACTION_TOKENS + EMOTE_TOKENS + 4
        if longest > self.history_tokens:
            raise ValueError(
                f"TextConfig.history_tokens ({self.history_tokens}) must hold at least one turn with action, emote "
                f"and four markers: turn_tokens + {longest - self.turn_tokens} = {longest}"
            )
