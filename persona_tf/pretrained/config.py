"""The pretrained room's part of the control panel."""

import dataclasses

KINDS = {"encoder": ("Bert",), "decoder": ("GPT2",), "whole": ("Bart", "T5")}
"""What each part of a model can be taken from."""


@dataclasses.dataclass(frozen=True)
class PretrainedConfig:
    """With whose weights training begins; each is a preset of KerasHub, a folder or a name, or "": nobody's.

    ``encoder``: a BERT, which gives the encoder and the embeddings. ``decoder``: a GPT-2, which gives the decoder but
    for what reads the memory, and, where there is no such encoder, the embeddings. ``whole``: a BART or T5, which gives
    all three. What a run goes on with is in its checkpoint: presets are read where a run begins, and not again.
    """

    encoder: str = ""
    decoder: str = ""
    whole: str = ""

    def __post_init__(self) -> None:
        for name in KINDS:
            if not isinstance(getattr(self, name), str):
                raise ValueError(f"PretrainedConfig.{name} must be a folder or a name, got {getattr(self, name)!r}")
        if self.whole and (self.encoder or self.decoder):
            raise ValueError(
                f"PretrainedConfig.whole ({self.whole}) gives encoder and decoder: leave out PretrainedConfig.encoder "
                "and PretrainedConfig.decoder, or it"
            )

    @property
    def asked(self) -> dict[str, str]:
        """The presets that are asked for, by the part of the model."""
        return {part: getattr(self, part) for part in KINDS if getattr(self, part)}
