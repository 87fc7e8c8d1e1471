"""Reads presets by KerasHub, which nothing else imports. What is downloaded is kept by KerasHub in its own cache."""

import contextlib
import difflib
import importlib.util
import pathlib
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from persona_tf.model.config import ModelConfig
from persona_tf.pretrained.config import KINDS, PretrainedConfig
from persona_tf.pretrained.fit import check_fit
from persona_tf.pretrained.preset import Preset, Sizes
from persona_tf.pretrained.rows import BLANK

DEADLINE_S = 50
"""So long the first file of a preset that has to be fetched may take."""

_EPSILONS = {"Bert": 1e-12, "GPT2": 1e-5, "Bart": 1e-5}
_ACTIVATIONS = {"Bert": "gelu_tanh", "GPT2": "gelu_tanh", "Bart": "gelu"}
_T5_ACTIVATIONS = {("relu", False): "relu", ("gelu_approximate", True): "geglu"}
_T5_NORM = re.compile(r"t5_layer_norm(_\d+)?/")
_GIVE_A_FOLDER = "Presets can be given as local folders, too: what `save_to_preset` of KerasHub writes"


def open_presets(asked: PretrainedConfig, config: ModelConfig) -> dict[str, Preset]:
    """Reads the presets that are asked for.

    Args:
      asked: which.
      config: that of the model; the sizes that the vocabulary decides may be missing.

    Returns:
      The presets by the part of the model; none where none is asked for.

    Raises:
      ValueError: KerasHub is not installed, or there is no such preset, it cannot be fetched, is broken, of another
        kind, or does not fit; the message says what to do. Weights are read only where all fit.
    """
    if not asked.asked:
        return {}
    if importlib.util.find_spec("keras_hub") is None:
        raise ValueError(f"PretrainedConfig needs KerasHub to read {_listed(asked.asked)}: pip install '.[pretrained]'")
    sizes = {part: (name, _sizes_of(name, part)) for part, name in asked.asked.items()}
    check_fit(sizes, config)
    return {part: _read(name, of) for part, (name, of) in sizes.items()}


def _listed(asked: Mapping[str, str]) -> str:
    return ", ".join(asked.values())


def _sizes_of(name: str, part: str) -> Sizes:
    """The sizes of a preset, without its weights."""
    from keras_hub.models import Backbone

    if pathlib.Path(name).is_dir():
        with _explained(name):
            backbone = Backbone.from_preset(name, load_weights=False)
    else:
        _check_known(name, Backbone.presets)
        backbone = _in_time(name, lambda: Backbone.from_preset(name, load_weights=False))
    kind = type(backbone).__name__.removesuffix("Backbone")
    if kind not in KINDS[part]:
        fits = next((f"PretrainedConfig.{other}" for other, kinds in KINDS.items() if kind in kinds), "none of them")
        expected = " or ".join(KINDS[part])
        raise ValueError(f"PretrainedConfig.{part}: expected a {expected}; {name} is a {kind}, which fits {fits}")
    return sizes_in_our_words(name, kind, backbone)


def _check_known(name: str, known: Mapping[str, Any]) -> None:
    """KerasHub knows names, and addresses such as ``hf://user/model``."""
    if name in known or "://" in name:
        return
    near = difflib.get_close_matches(name, known, 1)
    raise ValueError(
        f"no folder and no preset of KerasHub is called {name!r}{f'; did you mean {near[0]}?' if near else ''}. "
        f"{_GIVE_A_FOLDER}; https://keras.io/keras_hub/presets lists the names"
    )


def _in_time(name: str, work) -> Any:
    """What ``work`` gives; who asks a network that never answers is told so in time."""
    found: list[Any] = []

    def run():
        try:
            with _explained(name):
                found.append(work())
        except ValueError as error:
            found.append(error)

    # A daemon: the process does not wait for it when it ends.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(DEADLINE_S)
    if not found:
        raise ValueError(f"{name} was not fetched within {DEADLINE_S} seconds: is there a network? {_GIVE_A_FOLDER}")
    if isinstance(found[0], ValueError):
        raise found[0]
    return found[0]


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns what KerasHub, its downloader and HDF5 raise into one kind of error."""
    try:
        yield
    except Exception as error:  # each of them has kinds of its own
        where = "cannot be read" if pathlib.Path(name).is_dir() else "cannot be fetched; is there a network?"
        words = " ".join(str(error).split())[:300] or type(error).__name__
        raise ValueError(f"the preset {name} {where} ({words}). {_GIVE_A_FOLDER}") from error


def sizes_in_our_words(name: str, kind: str, backbone: keras.Model) -> Sizes:
    """The sizes of a backbone of KerasHub.

    Raises:
      ValueError: it is a T5 with an activation that our layers have not.
    """
    activation, epsilon, tied = _ACTIVATIONS.get(kind, ""), _EPSILONS.get(kind, 0.0), True
    channels, positions = backbone.hidden_dim // backbone.num_heads, 0
    if kind == "T5":
        used = (getattr(backbone.activation, "__name__", ""), backbone.use_gated_activation)
        if used not in _T5_ACTIVATIONS:
            raise ValueError(
                f"the T5 {name} has the activation {used[0]}, {'' if used[1] else 'not '}gated: expected relu, not "
                "gated, or gelu_approximate, gated; take another preset"
            )
        activation, epsilon = _T5_ACTIVATIONS[used], float(backbone.layer_norm_epsilon)
        channels, tied = backbone.key_value_dim or channels, backbone.tie_embedding_weights
    else:
        positions = backbone.max_sequence_length
    return Sizes(
        kind,
        backbone.hidden_dim,
        backbone.num_heads,
        channels,
        backbone.intermediate_dim,
        0 if kind == "GPT2" else backbone.num_layers,
        0 if kind == "Bert" else backbone.num_layers,
        positions,
        activation,
        epsilon,
        tied,
    )


def _read(name: str, sizes: Sizes) -> Preset:
    from keras_hub.models import Backbone, Tokenizer

    with _explained(name):
        tokenizer = Tokenizer.from_preset(name)
        backbone = Backbone.from_preset(name, dtype="float32")
    shown = pathlib.Path(name).name if pathlib.Path(name).is_dir() else name
    lowercase = bool(getattr(tokenizer, "lowercase", False))
    return Preset(shown, sizes, weights_by_path(backbone), pieces_of(tokenizer), lowercase)


def weights_by_path(backbone: keras.Model) -> dict[str, np.ndarray]:
    """The weights of a backbone, float32; where KerasHub's paths depend on what was built before, they are mended."""
    found = {}
    for layer in backbone.layers:
        norms: list[str] = []
        for weight in layer.weights:
            path = weight.path.removeprefix(f"{layer.name}/")
            if _T5_NORM.match(path):
                norms.append(path)
                path = f"norm_{len(norms) - 1}/weight"
            found[f"{layer.name}/{path}"] = np.asarray(keras.ops.convert_to_numpy(weight.value), np.float32)
    return found


def pieces_of(tokenizer: Any) -> dict[str, int]:
    """What the ids of a tokenizer of KerasHub stand for, see `preset.Preset`."""
    names = {parent.__name__ for parent in type(tokenizer).__mro__}
    if "BytePairTokenizer" in names:
        texts = ((_bytes_as_text(piece), number) for piece, number in tokenizer.vocabulary.items())
        return {text: number for text, number in texts if text}
    pieces = tokenizer.get_vocabulary()
    if "WordPieceTokenizer" in names:
        pieces = [piece[2:] if piece.startswith("##") else BLANK + piece for piece in pieces]
    return {piece: number for number, piece in enumerate(pieces)}


def _bytes_as_text(piece: str) -> str:
    """A piece of a byte-level BPE (Radford et al. 2019) as text; "" where it is no whole character."""
    try:
        return bytes(_BYTES[letter] for letter in piece).decode().replace(" ", BLANK)
    except (KeyError, UnicodeDecodeError):
        return ""


_SHOWN = [*range(33, 127), *range(161, 173), *range(174, 256)]
_HIDDEN = [byte for byte in range(256) if byte not in _SHOWN]
_BYTES = {chr(byte): byte for byte in _SHOWN} | {chr(256 + i): byte for i, byte in enumerate(_HIDDEN)}
"""The letters that GPT-2's vocabulary writes for bytes."""
