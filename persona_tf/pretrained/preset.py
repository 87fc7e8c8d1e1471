"""What is known of a preset once it is read: plain Python and NumPy."""

import dataclasses
from collections.abc import Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Of what kind and how large a preset is, in the words of ModelConfig.

    ``kind``: of `config.KINDS`. ``encoder_layers``, ``decoder_layers``: 0 where it has no such stack. ``positions``:
    how many learned ones it has; 0: they are relative. ``channels`` of a head. ``tied``: whether its output layer is
    its token table.
    """

    kind: str
    width: int
    heads: int
    channels: int
    feed_forward: int
    encoder_layers: int
    decoder_layers: int
    positions: int
    activation: str
    norm_epsilon: float
    tied: bool = True


@dataclasses.dataclass(frozen=True)
class Preset:
    """A preset: its name, sizes, weights by their path, and what each of its ids stands for.

    ``pieces``: text -> id, with U+2581 for a blank, so that what begins with one begins a word, as in our vocabulary.
    ``lowercase``: whether it knows small letters alone.
    """

    name: str
    sizes: Sizes
    weights: Mapping[str, np.ndarray]
    pieces: Mapping[str, int]
    lowercase: bool = False
