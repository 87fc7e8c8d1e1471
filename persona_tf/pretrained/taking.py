"""Puts the weights of presets into a model, and says of each weight where it is from."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from persona_tf.model.config import ModelConfig
from persona_tf.pretrained import weights
from persona_tf.pretrained.preset import Preset
from persona_tf.pretrained.report import Line, Report
from persona_tf.pretrained.rows import rows_for

Made = Iterator[tuple[np.ndarray, Line]]
"""Weights of ours, by the path of their line."""

_TOKENS, _OUTPUT = "token_embedding/embeddings", "token_embedding/reverse_embeddings"
_LEFT = {
    "pooled_dense": "of BERT's sentence embedding, which is not used here",
    "token_embedding": "the embeddings are those of the encoder",
}
"""Why something is not taken, by a part of its path."""


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
      ValueError: a weight of a preset is missing or of another shape than its config says; nothing is assigned then.
    """
    ours = {weight.path.partition("/")[2]: weight for weight in model.weights}
    values: dict[str, np.ndarray] = {}
    lines: list[Line] = []
    for part, preset in presets.items():
        made = list(_taken(part, preset, model.config))
        if part != "decoder" or len(presets) == 1:
            made += _token_tables(preset, model.config, pieces, seed)
        given = [line for _, line in made]
        lines += [*given, *_left(preset, given, model.config.most_positions)]
        values |= {line.path: value for value, line in made if line.state == "taken"}
        for path, why in weights.fresh_zeros(part, preset.sizes):
            if path not in values:
                values[path] = np.zeros(ours[path].shape, np.float32)
                lines.append(Line(path, tuple(ours[path].shape), "new", f"zeros: {why}"))
    for path, value in values.items():
        if tuple(ours[path].shape) != value.shape:
            raise ValueError(f"{path}: expected {tuple(ours[path].shape)}, the presets give {value.shape}")
    lines += [Line(path, tuple(w.shape), "new", _begins(w)) for path, w in ours.items() if path not in values]
    for path, value in values.items():
        ours[path].assign(value)
    return Report(tuple(line for line in lines if 0 not in line.shape))


def _taken(part: str, preset: Preset, config: ModelConfig) -> Made:
    for rule in weights.rules(part, preset.sizes, config.most_positions):
        value = rule.make(*(_weight(preset, path) for path in rule.theirs))
        about = f"{preset.name}: {' + '.join(rule.theirs)}{f' ({rule.how})' * bool(rule.how)}"
        yield value, Line(rule.ours, value.shape, "taken", about, rule.theirs)


def _weight(preset: Preset, path: str) -> np.ndarray:
    if path not in preset.weights:
        raise ValueError(f"the preset {preset.name} has no weight {path}: is it of another version of KerasHub?")
    return preset.weights[path]


def _token_tables(preset: Preset, config: ModelConfig, pieces: Sequence[str], seed: int) -> Made:
    """Each table, and lines for the rows that nothing of theirs is in and for those of theirs that are in none."""
    pieces = [*pieces, *[""] * (config.vocabulary_size - len(pieces))]  # marks of facts come last
    tables = {"embedding/tokens": (_TOKENS, config.width**-0.5 if config.scaled else 1.0)}
    if not config.tied:
        tables["embedding/output_tokens"] = (_TOKENS if preset.sizes.tied else _OUTPUT, 1.0)
    for ours, (path, factor) in tables.items():
        table = _weight(preset, path)
        rows = rows_for(pieces, preset, table.T if path == _OUTPUT else table, seed)
        value, width = rows.table * np.float32(factor), rows.table.shape[1]
        about = f"{preset.name}: {path} ({rows.taken:,} rows as they are, {rows.averaged:,} the mean of several)"
        yield value, Line(ours, (rows.taken + rows.averaged, width), "taken", about, (path,))
        yield value, Line(ours, (rows.drawn, width), "new", "drawn as the others are spread: rows of what is not known")
        yield value, Line(f"{preset.name}: {path}", (rows.left, width), "left", "rows of what we have not")


def _begins(weight: Any) -> str:
    values = np.asarray(keras.ops.convert_to_numpy(weight.value))
    if values.size and (values == values.flat[0]).all():
        return f"{values.flat[0]:g}" + "s" * (values.size > 1)
    return "drawn"


def _left(preset: Preset, given: Sequence[Line], most_positions: int) -> Iterator[Line]:
    """What is not taken at all, and what of positions and segments is not."""
    used = {path for line in given for path in line.theirs}
    for path, value in preset.weights.items():
        kept, why = 0, next((why for name, why in _LEFT.items() if name in path), "has no place in this model")
        if path in used and "position_embedding" in path:
            kept, why = most_positions, "later positions"
        elif path in used:
            kept, why = (1, "other segments") if "segment_embedding" in path else (len(value), "")
        if len(value) > kept:
            yield Line(f"{preset.name}: {path}", (len(value) - kept, *value.shape[1:]), "left", why)
