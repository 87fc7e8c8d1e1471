"""The verb that draws a model and says what it costs: describe."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from persona_tf.command_line import Arguments
from persona_tf.text.native_stderr import tensorflow_quiet
from persona_tf.verbs.asked import trained_in

if TYPE_CHECKING:
    from persona_tf.model.config import ModelConfig
    from persona_tf.training.config import TrainConfig

_NAMES, _COUNTS = 32, 14
"""Columns of the drawing."""
_LAYER = re.compile(r"layer_\d+")


def describe(arguments: Arguments) -> None:
    """Prints a drawing of the model with its weights, and what it costs to train it and to talk with it."""
    from persona_tf import config

    given = arguments.flags
    run = trained_in(given.run) if given.run else None
    settings = config.load(run.config if run else given.experiment, arguments.bindings)
    if settings.experiment.task != "reply":
        raise ValueError(f"{settings.experiment.name} trains a retriever; expected an experiment that trains a bot")
    with tensorflow_quiet():
        from persona_tf.export.bundle import BOT
        from persona_tf.training.experiment import model_config

        size = settings.text.vocabulary_size
        model = BOT.load(run.bundle).configs["model"] if run else model_config(settings, size)
        print("\n".join(description(settings.experiment.name, model, settings.train)))


def description(name: str, config: "ModelConfig", train: "TrainConfig") -> Iterator[str]:
    """The lines that are printed."""
    from persona_tf.model import budget
    from persona_tf.training.memory_needed import memory_needed

    model, row = budget.skeleton(config), budget.Row()
    yield f"{name}: {config.encoder_layers}+{config.decoder_layers} layers, {config.width} wide, fusion {config.fusion}"
    yield ""
    yield from drawing({w.path.partition("/")[2]: tuple(w.shape) for w in model.weights}, _notes(config))
    found = budget.operations(model)
    yield ""
    yield "operations for each token, and on top for each token that it looks at (training: three times as many)"
    yield _line("  read", f"{found.read:,} + {found.read_seen:,}")
    yield _line("  written", f"{found.written:,} + {found.written_seen:,}")
    rows = max(train.batch_tokens / sum(row), 1)
    needed = memory_needed(model, train, row, rows)
    yield ""
    shape = f"{row.knowledge} + {row.history} + {row.targets}"
    yield f"memory for training, about, in {model.compute_dtype}, {train.optimizer}; {rows:.1f} rows of {shape} tokens"
    for part, size in needed._asdict().items():
        yield _line(f"  {part}", _bytes(size))
    yield _line("  all", _bytes(sum(needed)))
    serving = budget.serving(model)
    yield ""
    yield "memory for talking"
    yield _line("  weights", f"{_bytes(serving.float32)}, in int8 {_bytes(serving.int8)}")
    yield _line("  each token that was read", _bytes(serving.memory_token))
    yield _line("  each token that is written", _bytes(serving.target_token))


def drawing(shapes: Mapping[str, tuple[int, ...]], notes: Mapping[str, str]) -> Iterator[str]:
    """A tree of the model's parts, each with its number of weights; equal layers are drawn once.

    Args:
      shapes: of the weights, by path.
      notes: what is said of a part, by its path without weights and numbers of layers.
    """
    yield f"{'bot':<{_NAMES}}{sum(map(math.prod, shapes.values())):>{_COUNTS},}"
    yield from _branches(_nested(shapes), "", "", notes)


def _nested(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path, shape in shapes.items():
        *parts, name = path.split("/")
        node = root
        for part in parts:
            node = node.setdefault(part, {})
        node[name] = shape
    return root


def _branches(node: dict[str, Any], indent: str, path: str, notes: Mapping[str, str]) -> Iterator[str]:
    layers = [name for name in node if _LAYER.fullmatch(name)]
    shown = [name for name in node if name not in layers[1:]]
    for name in shown:
        is_last, part = name == shown[-1], node[name]
        title = f"{len(layers)} x layer" if name in layers else name
        where = f"{path}{'layer' if name in layers else name}"
        total = sum(_size_of(node[layer]) for layer in layers) if name in layers else _size_of(part)
        note = "  " + (notes.get(where) or _shapes(part))
        branch = f"{indent}{'└─' if is_last else '├─'} {title}"
        yield f"{branch:<{_NAMES}}{total:>{_COUNTS},}{note}".rstrip()
        if isinstance(part, dict) and any(isinstance(below, dict) for below in part.values()):
            yield from _branches(part, indent + ("   " if is_last else "│  "), f"{where}/", notes)


def _shapes(part: Any) -> str:
    """The tables of a part that has no parts below it, but for what its kernels and norms are."""
    if isinstance(part, tuple):
        return " x ".join(f"{length:,}" for length in part)
    kernels = [shape for name, shape in part.items() if name == "kernel"]
    return " -> ".join(f"{length:,}" for length in kernels[0]) if kernels else ""


def _size_of(part: Any) -> int:
    return sum(map(_size_of, part.values())) if isinstance(part, dict) else math.prod(part)


def _notes(config: "ModelConfig") -> dict[str, str]:
    heads = f"{config.heads} heads of {config.width // config.heads}"
    if config.kv_heads:
        heads += f", keys and values of {config.kv_heads}"
    norms = {part: f"{of.norm} norms {of.norm_place}" for part, of in _stacks(config).items()}
    attention = {f"{stack}/layer/{part}": heads for stack, part in _ATTENTIONS}
    layers = {f"{part}/layer/feed_forward": of.activation for part, of in _stacks(config).items()}
    return (
        attention
        | layers
        | {
            "embedding": f"{config.positions} positions, {'tied' if config.tied else 'a free output layer'}",
            "encoder": f"{norms['encoder']}; knowledge items apart, turns {config.history}",
            "decoder": f"{norms['decoder']}; reads by {config.fusion}",
            "copy_head": "points at words that were read",
            "selector": "what is drawn on",
            "emote_head": f"{config.emotes} emotes",
        }
    )


def _stacks(config: "ModelConfig") -> dict[str, "ModelConfig"]:
    return {"encoder": config, "decoder": config.of_decoder}


_ATTENTIONS = (("encoder", "attention"), ("decoder", "self_attention"), ("decoder", "cross_attention"))


def _line(name: str, value: str) -> str:
    return f"{name:<{_NAMES}}{value}"


def _bytes(size: float) -> str:
    """A size in words: 1,536 is 1.5 kB.

    >>> _bytes(12), _bytes(1536), _bytes(3.2e9)
    ('12 B', '1.5 kB', '3.2 GB')
    """
    for unit, each in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= each:
            return f"{size / each:.1f} {unit}"
    return f"{size:.0f} B"
