import dataclasses

import numpy as np
import pytest

from persona_tf.model import budget
from persona_tf.model.config import ModelConfig
from persona_tf.model.transformer import PersonaTransformer

SMALL = ModelConfig(
    width=8,
    heads=2,
    feed_forward=12,
    encoder_layers=3,
    decoder_layers=2,
    vocabulary_size=50,
    emotes=5,
    precision="float32",
)


@pytest.mark.parametrize("fields", [{}, {"fusion": "soft", "kv_heads": 1, "activation": "swiglu", "tied": False}])
def test_a_skeleton_has_the_names_and_shapes_of_the_model(fields):
    config = dataclasses.replace(SMALL, **fields)
    model, skeleton = PersonaTransformer(config), budget.skeleton(config)
    model.build()
    names = [[(w.path, tuple(w.shape)) for w in made.weights] for made in (model, skeleton)]
    assert names[0] == names[1]


def test_operations_of_each_token():
    """Twice the numbers of each matrix that it meets; the layers' sizes are put in by hand."""
    width, units, ids = 8, 12, 50
    square, feed_forward = width * width, 2 * width * units
    found = budget.operations(budget.skeleton(SMALL))
    selector, copying = 2 * (2 * width * width), square + 3 * square + width
    read = 3 * (4 * square + feed_forward) + 2 * (2 * square) + square + selector + copying
    assert found.read == 2 * read
    own = 2 * (4 * square + 2 * square + feed_forward) + square
    assert found.written == 2 * (own + ids * width + 5 * width + square + 3 * square + width)
    assert (found.read_seen, found.written_seen) == (3 * 4 * width, 2 * 4 * width + 4 * width)


def test_shared_keys_and_no_copying_take_less_memory():
    usual, less = (
        budget.serving(budget.skeleton(dataclasses.replace(SMALL, **fields)))
        for fields in ({}, {"kv_heads": 1, "copy_head": False})
    )
    assert usual.memory_token == 4 * (3 * 8 + 2 * 8 + (3 + 2) * 2 * 8)
    assert less.memory_token == 4 * (3 * 8 + (3 + 2) * 8)
    assert (usual.target_token, less.target_token) == (4 * 2 * 2 * 8, 4 * 2 * 8)
    assert usual.int8 < usual.float32 == 4 * sum(budget.size(w) for w in budget.skeleton(SMALL).weights)


def test_activations_grow_with_the_row():
    model = budget.skeleton(SMALL)
    small, long, wide = (budget.activations(model, budget.Row(*row)) for row in ((8, 8, 8), (16, 16, 16), (8, 8, 16)))
    assert small < wide < long < 4 * small


def test_large_has_300_million_weights():
    """And its skeleton takes no memory for them."""
    config = ModelConfig(1024, 16, 4096, 12, 12, vocabulary_size=8000)
    model = budget.skeleton(config)
    assert sum(budget.size(weight) for weight in model.weights) > 300e6
    assert np.prod(model.embedding.tokens.shape) == 8000 * 1024
