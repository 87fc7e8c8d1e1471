"""Which weight of ours is made of which weights of a preset, and how. NumPy alone.

Kernels of KerasHub's attention are [D, N, C] and [N, C, D], ours flat; keys and values are one map here. T5 does not
divide by the square root of C: its queries are multiplied by it. Its biases are not there: ours begin as zeros.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from persona_tf.pretrained.preset import Sizes


class Rule(NamedTuple):
    """``ours`` [...] = make(*theirs); ``how`` says what is not obvious."""

    ours: str
    theirs: tuple[str, ...]
    make: Callable[..., np.ndarray]
    how: str = ""


def rules(part: str, sizes: Sizes, most_positions: int) -> Iterator[Rule]:
    """How the weights of a part are made of a preset, but for token tables.

    Args:
      part: ``encoder``, ``decoder`` or ``whole``.
      sizes: of the preset.
      most_positions: how many learned positions we have.
    """
    if sizes.kind == "T5":
        yield from _t5(sizes)
        return
    whole = part == "whole"
    if part != "decoder":
        paths = (f"{'encoder_' * whole}position_embedding/embeddings",)
        if sizes.kind == "Bert":
            yield _positions("positions", (*paths, "segment_embedding/embeddings"), most_positions, sizes)
        else:
            yield _positions("positions", paths, most_positions, sizes)
        yield from _norm("embedding/norm", "encoder_" * whole + "embeddings_layer_norm")
        for number in range(sizes.encoder_layers):
            theirs = f"transformer_{'encoder_' * whole}layer_{number}"
            yield from _layer(f"encoder/layer_{number}", theirs, ("attention", "self_attention_layer"))
    if part != "encoder":
        paths = (f"{'decoder_' * whole}position_embedding/embeddings",)
        yield _positions("target_positions", paths, most_positions, sizes)
        if whole:
            yield from _norm("embedding/target_norm", "decoder_embeddings_layer_norm")
        for number in range(sizes.decoder_layers):
            ours, theirs = f"decoder/layer_{number}", f"transformer_{'decoder_' * whole}layer_{number}"
            yield from _layer(ours, theirs, ("self_attention", "self_attention"))
            if whole:
                yield from _attention(f"{ours}/cross_attention", f"{theirs}/cross_attention")
                yield from _norm(f"{ours}/cross_norm", f"{theirs}/cross_attention_layer_norm")
        if not whole:
            yield from _norm("decoder/norm", "layer_norm")


def fresh_zeros(part: str, sizes: Sizes) -> Iterator[tuple[str, str]]:
    """What begins as zeros, so that at first it is as if it were not there: ends of paths of ours, and why."""
    yield "embedding/kinds", "kinds of items are not told apart at first"
    yield "embedding/turn/kernel", "the number of a turn is not told at first"
    if part == "decoder":
        for number in range(sizes.decoder_layers):
            why = "a GPT-2 reads no memory: at first nothing of it gets in"
            yield f"decoder/layer_{number}/cross_attention/output/kernel", why


def _layer(ours: str, theirs: str, attention: tuple[str, str]) -> Iterator[Rule]:
    yield from _attention(f"{ours}/{attention[0]}", f"{theirs}/{attention[1]}")
    yield from _norm(f"{ours}/{attention[0].removesuffix('_attention')}_norm", f"{theirs}/self_attention_layer_norm")
    for part, name in (("inner", "intermediate"), ("outer", "output")):
        for weight in ("kernel", "bias"):
            path = f"{theirs}/feedforward_{name}_dense/{weight}"
            yield Rule(f"{ours}/feed_forward/{part}/{weight}", (path,), _as_it_is)
    yield from _norm(f"{ours}/feed_forward_norm", f"{theirs}/feedforward_layer_norm")


def _attention(ours: str, theirs: str) -> Iterator[Rule]:
    for part, names, in_kernel in (
        ("query", ("query",), _flat_out),
        ("key_value", ("key", "value"), _flat_out),
        ("output", ("attention_output",), _flat_in),
    ):
        yield Rule(f"{ours}/{part}/kernel", tuple(f"{theirs}/{name}/kernel" for name in names), in_kernel)
        yield Rule(f"{ours}/{part}/bias", tuple(f"{theirs}/{name}/bias" for name in names), _flat)


def _norm(ours: str, theirs: str) -> Iterator[Rule]:
    for weight in ("gamma", "beta"):
        yield Rule(f"{ours}/{weight}", (f"{theirs}/{weight}",), _as_it_is)


def _positions(ours: str, theirs: tuple[str, ...], most: int, sizes: Sizes) -> Rule:
    """A table of positions; a BERT's first segment, which all that is read belongs to, is added to each."""

    def make(positions, segments=None):
        return positions[:most] if segments is None else positions[:most] + segments[0]

    how = f"the first {most:,} of {sizes.positions:,}" + ", segment 0 added" * (len(theirs) > 1)
    return Rule(f"embedding/{ours}", theirs, make, how)


def _t5(sizes: Sizes) -> Iterator[Rule]:
    for stack in ("encoder", "decoder"):
        layers, first = f"transformer_{stack}_layer", f"transformer_{stack}_layer_0"
        yield Rule(f"{stack}/relative/table", (f"{first}/self_attention/embeddings",), _as_it_is)
        yield Rule(f"{stack}/norm/scale", (f"{stack}_output_layer_norm/weight",), _as_it_is)
        own = "attention" if stack == "encoder" else "self_attention"
        parts = {own: "self_attention"} | ({"cross_attention": "cross_attention"} if stack == "decoder" else {})
        for number in range(sizes.encoder_layers if stack == "encoder" else sizes.decoder_layers):
            ours, theirs = f"{stack}/layer_{number}", f"{layers}_{number}"
            for order, (part, name) in enumerate(parts.items()):
                yield from _t5_attention(f"{ours}/{part}", f"{theirs}/{name}", sizes.channels)
                norm = f"{part.removesuffix('_attention')}_norm"
                yield Rule(f"{ours}/{norm}/scale", (f"{theirs}/norm_{order}/weight",), _as_it_is)
            yield Rule(f"{ours}/feed_forward_norm/scale", (f"{theirs}/norm_{len(parts)}/weight",), _as_it_is)
            inner = ("input_projector", *("gate_projector",) * (sizes.activation == "geglu"))
            paths = tuple(f"{theirs}/{name}/kernel" for name in inner)
            yield Rule(f"{ours}/feed_forward/inner/kernel", paths, _flat_out)
            yield Rule(f"{ours}/feed_forward/outer/kernel", (f"{theirs}/output_projector/kernel",), _as_it_is)


def _t5_attention(ours: str, theirs: str, channels: int) -> Iterator[Rule]:
    def query(kernel):
        return kernel * np.float32(channels**0.5)

    both = (f"{theirs}/key_projector/kernel", f"{theirs}/value_projector/kernel")
    yield Rule(f"{ours}/query/kernel", (f"{theirs}/query_projector/kernel",), query, f"times sqrt({channels})")
    yield Rule(f"{ours}/key_value/kernel", both, _flat_out)
    yield Rule(f"{ours}/output/kernel", (f"{theirs}/output_projector/kernel",), _as_it_is)


def _as_it_is(value: np.ndarray) -> np.ndarray:
    return value


def _flat_out(*kernels: np.ndarray) -> np.ndarray:
    """Kernels [D, ...], side by side -> [D, out]."""
    return np.concatenate([kernel.reshape(len(kernel), -1) for kernel in kernels], axis=1)


def _flat_in(kernel: np.ndarray) -> np.ndarray:
    """[N, C, D] -> [N * C, D]."""
    return kernel.reshape(-1, kernel.shape[-1])


def _flat(*biases: np.ndarray) -> np.ndarray:
    """Biases [N, C] or [D], one after the other."""
    return np.concatenate([bias.reshape(-1) for bias in biases])
