"""Nests of tensors on their way into a graph and out of it."""

import tensorflow as tf


def output_specs(function):
    """The specs of what a function gives back."""
    nest = function.get_concrete_function().structured_outputs
    return tf.nest.map_structure(lambda part: tf.TensorSpec(part.shape, part.dtype), nest)


def parts(nest) -> list:
    """The tensors of a nest: None, which a model without some part has there, cannot be handed to a graph."""
    return [part for part in tf.nest.flatten(nest) if part is not None]


def joined(like, parts: list):
    """The inverse of `parts`."""
    rest = iter(parts)
    return tf.nest.map_structure(lambda part: None if part is None else next(rest), like)
