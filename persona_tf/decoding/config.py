"""The decoding room's part of the control panel."""

import dataclasses

METHODS = ("greedy", "sample")


@dataclasses.dataclass(frozen=True)
class DecodeConfig:
    """How the next token is chosen.

    ``top_p`` 1 and ``top_k`` 0 leave everything in. ``seed`` keys the noise of sampling.
    """

    method: str = "greedy"
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    max_reply_tokens: int = 48
    max_action_tokens: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"DecodeConfig.method must be one of {METHODS}, got {self.method!r}")
        if self.temperature <= 0:
            raise ValueError(f"DecodeConfig.temperature must be above 0, got {self.temperature!r}")
        if not 0 < self.top_p <= 1:
            raise ValueError(f"DecodeConfig.top_p must lie in (0, 1], got {self.top_p!r}")
        for name, least in (("top_k", 0), ("max_reply_tokens", 1), ("max_action_tokens", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"DecodeConfig.{name} must be at least {least}, got {getattr(self, name)!r}")
