"""Of what kind the layers of a stack are. Pure Python, so that configs can be read without Keras."""

import dataclasses
from collections.abc import Mapping
from typing import Any

POSITIONS = ("sinusoidal", "learned", "rotary", "relative")
NORMS = ("layer", "rms")
NORM_PLACES = ("before", "after")
ACTIVATIONS = ("relu", "gelu", "gelu_tanh", "swiglu", "geglu")
GATED = ("swiglu", "geglu")
"""The activations of which half of what comes in says how much of the other half goes on."""
EPSILON = 1e-6
"""Of the norms, where nothing else is said."""


@dataclasses.dataclass(frozen=True)
class LayerStyle:
    """What a layer needs to know of ModelConfig, where its fields are explained.

    ``rotary``: whether self-attention turns queries and keys by their positions, see `layers.rotated`. ``relative``:
    whether it adds how far apart they are, see `relative_bias`. ``epsilon``: of the norms.
    """

    norm: str = "layer"
    norm_place: str = "before"
    activation: str = "relu"
    kv_heads: int = 0
    rotary: bool = False
    relative: bool = False
    epsilon: float = EPSILON

    @classmethod
    def of(cls, style: "LayerStyle | Mapping[str, Any] | None") -> "LayerStyle":
        """A style as it is, or made of its fields, as a layer's `get_config` has them; None: the usual one."""
        return cls(**style) if isinstance(style, Mapping) else style or cls()

    def enter(self, norm, x):
        """What a part of a layer reads: the norm of x, or x where norms come after (Vaswani et al. 2017)."""
        return norm(x) if self.norm_place == "before" else x

    def leave(self, norm, x):
        """What goes on, of x with the part's output added: x, or the norm of it where norms come after."""
        return x if self.norm_place == "before" else norm(x)
