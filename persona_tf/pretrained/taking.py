"""Puts the weights of presets into a model, and says of each weight where it is from."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np

from persona_tf.model.config import ModelConfig
from persona_tf.pretrained import weights
from persona_tf.pretrained.preset import Preset
from persona_tf.pretrained.report import Line, Report
from persona_tf.pretrained.rows import Rows, rows_for

_TOKENS, _OUTPUT = "token_embedding/embeddings", "token_embedding/reverse_embeddings"
_LEFT = {
    "pooled_dense": "of BERT's sentence embedding, which is not used here",
    "token_embedding": "the embeddings are those of the encoder",
}
"""Why something is not taken, by the beginning of its path."""


def take(model: keras.Model, presets: Mapping[str, Preset], pieces: Sequence[str], seed: int) -> Report:
    """Assigns what presets give to the weights of a model; all others stay as they were drawn.

    Args:
      model: a built PersonaTransformer whose config fits, see `fit.check_fit`.
      presets: by the part of the model, one of ``encoder``, ``decoder``, ``whole``.
      pieces: of our vocabulary, by id; "" has no text.
      seed: of rows that are drawn.

    Returns:
      What each weight of ours is, and what of the presets is left.

    Raises:
      ValueError: a weight of a preset is missing or of another shape than its config says.
    """
    ours = {weight.path.partition("/")[2]: weight for weight in model.weights}
    made: dict[str, tuple[np.ndarray, Line]] = {}
    left: list[Line] = []
    for part, preset in presets.items():
        given = _taken(part, preset, model.config)
        if part != "decoder" or len(presets) == 1:
            given |= _token_tables(preset, model.config, pieces, seed)
        zeros = {path: why for path, why in weights.fresh_zeros(part, preset.sizes) if path not in made}
        given |= {path: _zeros(path, ours[path].shape, why) for path, why in zeros.items()}
        made |= given
        left += _left(preset, given)
    for path, (value, _) in made.items():
        if tuple(ours[path].shape) != value.shape:
            raise ValueError(f"{path}: expected {tuple(ours[path].shape)}, the presets give {value.shape}")
    for path, (value, _) in made.items():
        ours[path].assign(value)
    new = {path: weight for path, weight in ours.items() if path not in made}
    rest = [Line(path, tuple(weight.shape), "new", _begins(weight)) for path, weight in new.items()]
    return Report((*(line for _, line in made.values()), *rest, *left))


def _taken(part: str, preset: Preset, config: ModelConfig) -> dict[str, tuple[np.ndarray, Line]]:
    made = {}
    for rule in weights.rules(part, preset.sizes, config.most_positions):
        value = rule.make(*(_weight(preset, path) for path in rule.theirs))
        about = f"{preset.name}: {' + '.join(rule.theirs)}{f' ({rule.how})' * bool(rule.how)}"
        made[rule.ours] = value, Line(rule.ours, value.shape, "taken", about, rule.theirs)
    return made


def _weight(preset: Preset, path: str) -> np.ndarray:
    if path not in preset.weights:
        raise ValueError(f"the preset {preset.name} has no weight {path}: is it of another version of KerasHub?")
    return preset.weights[path]


def _token_tables(preset: Preset, config: ModelConfig, pieces: Sequence[str], seed: int):
    pieces = [*pieces, *[""] * (config.vocabulary_size - len(pieces))]  # marks of facts come last
    tables = {"embedding/tokens": (_TOKENS, config.width**-0.5 if config.scaled else 1.0)}
    if not config.tied:
        tables["embedding/output_tokens"] = (_TOKENS if preset.sizes.tied else _OUTPUT, 1.0)
    made = {}
    for ours, (path, factor) in tables.items():
        table = _weight(preset, path)
        rows = rows_for(pieces, preset, table.T if path == _OUTPUT else table, seed)
        about = f"{preset.name}: {path} ({_counted(rows)})"
        made[ours] = rows.table * np.float32(factor), Line(ours, rows.table.shape, "taken", about, (path,))
    return made


def _counted(rows: Rows) -> str:
    return f"{rows.taken:,} rows as they are, {rows.averaged:,} means of several, {rows.drawn:,} drawn"


def _zeros(path: str, shape: Sequence[int], why: str) -> tuple[np.ndarray, Line]:
    return np.zeros(shape, np.float32), Line(path, tuple(shape), "new", f"zeros: {why}")


def _begins(weight) -> str:
    values = np.asarray(keras.ops.convert_to_numpy(weight.value))
    if values.size and (values == values.flat[0]).all():
        return f"{values.flat[0]:g}" + "s" * (values.size > 1)
    return "drawn"


def _left(preset: Preset, given: Mapping[str, tuple[np.ndarray, Line]]) -> list[Line]:
    """What is not taken at all, and what of tables is not."""
    used = {path for _, line in given.values() for path in line.theirs}
    found = []
    for path, value in preset.weights.items():
        why = next((why for name, why in _LEFT.items() if name in path), "has no place in this model")
        if path not in used:
            found.append(Line(f"{preset.name}: {path}", value.shape, "left", why))
    return found
