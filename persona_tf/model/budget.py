"""What a model costs, on paper: weights, operations and memory, counted from names and shapes alone."""

import math
import re
from typing import NamedTuple

import keras

from persona_tf.model.config import ModelConfig
from persona_tf.model.layer_style import GATED
from persona_tf.model.transformer import PersonaTransformer

_OF_READING = re.compile(
    r"encoder/|embedding/turn/|selector/|mixer/|cross_attention/key_value/|copy_head/(key|context|worth)/"
)
_OF_WRITING = re.compile(r"decoder/|embedding/turn/|gist/|emote_head/|copy_head/(query|context|gate)/")


class Row(NamedTuple):
    """An example for counting: S tokens of knowledge, H of history, T of targets."""

    knowledge: int = 256
    history: int = 256
    targets: int = 256


class Operations(NamedTuple):
    """Floating-point operations, a multiplication and an addition being two.

    ``read``, ``written``: for each token; ``read_seen``, ``written_seen``: on top, for each token that it looks at.
    Training takes three times as many (Kaplan et al. 2020, arXiv 2001.08361).
    """

    read: int
    read_seen: int
    written: int
    written_seen: int


class Serving(NamedTuple):
    """Bytes: of the weights in float32 and with matrices in int8; for each token of a memory, and of a target."""

    float32: int
    int8: int
    memory_token: int
    target_token: int


def skeleton(config: ModelConfig) -> PersonaTransformer:
    """A model with names and shapes and no values: to be counted, not to be called."""
    with keras.StatelessScope(initialize_variables=False):
        model = PersonaTransformer(config)
        model.build()
    return model


def size(weight) -> int:
    """How many numbers a weight has."""
    return math.prod(weight.shape)


def operations(model: PersonaTransformer) -> Operations:
    """Counts the matrix products; all else is little beside them."""
    config = model.config
    kernels = {w.path.partition("/")[2]: 2 * size(w) for w in model.weights if w.path.endswith("/kernel")}
    read = sum(count for path, count in kernels.items() if _OF_READING.search(path))
    written = sum(count for path, count in kernels.items() if _OF_WRITING.match(path))
    written -= sum(count for path, count in kernels.items() if "cross_attention/key_value/" in path)
    written += 2 * size(model.embedding.output_table)
    each = 4 * config.width  # a product with the key, and one with the value
    copying = each if config.copy_head else 0
    return Operations(read, config.encoder_layers * each, written, config.decoder_layers * each + copying)


def serving(model: PersonaTransformer) -> Serving:
    """Memory for talking, in the precision of the model."""
    config = model.config
    weights = [(size(w), w.path.endswith("/kernel")) for w in model.weights]
    keys_values = 2 * config.width * (config.kv_heads or config.heads) // config.heads
    states = config.width * (2 if config.fusion == "select" else 3) + (2 * config.width if config.copy_head else 0)
    each = 2 if model.compute_dtype == "bfloat16" else 4
    return Serving(
        float32=sum(4 * count for count, _ in weights),
        int8=sum(count if is_matrix else 4 * count for count, is_matrix in weights),
        memory_token=each * (states + (config.encoder_layers + config.decoder_layers) * keys_values),
        target_token=each * config.decoder_layers * keys_values,
    )


def activations(model: PersonaTransformer, row: Row) -> int:
    """Bytes that the forward pass of a row keeps for the backward one, about: what each product reads, and softmaxes.

    Rows are flat, so that the attention of each token has the length of its row, masked as it may be.
    """
    config = model.config
    width, half = config.width, 2 if model.compute_dtype == "bfloat16" else 4
    keys_values = 2 * width * (config.kv_heads or config.heads) // config.heads
    middle = config.feed_forward * (3 if config.activation in GATED else 2)
    common = 8 * width + keys_values + middle
    read = row.knowledge + row.history
    encoder = half * (read * common + 2 * config.heads * (row.knowledge**2 + row.history**2))
    decoder = half * (row.targets * (common + 5 * width) + read * keys_values)
    decoder += row.targets * config.heads * 2 * (half * row.targets + 4 * read)
    copying = 2 * 4 * row.targets * read if config.copy_head else 0
    logits = 3 * 4 * row.targets * config.vocabulary_size
    return config.encoder_layers * encoder + config.decoder_layers * decoder + copying + logits
