"""BART as two ONNX graphs: context -> keys and values for the decoder; one step of the decoder.

The weights are the given BART's; the graphs are laid out for decoding: queries, keys and values of self-attention in
one product, cross-attention's keys and values made once, attention by ONNX Runtime's own operator.
"""

import pathlib
from collections.abc import Sequence

import torch
from torch import nn
from transformers import BartForConditionalGeneration

from persona_tf.bench.peers import sizes

_HEAD = sizes.WIDTH // sizes.HEADS
_OPERATOR = "com.microsoft::MultiHeadAttention"


class _Linear(nn.Module):
    """Several linear layers of one input side by side, as MatMul and Add: what dynamic quantisation looks for."""

    def __init__(self, *layers: nn.Linear) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.cat([layer.weight for layer in layers]).T.contiguous())
        self.bias = nn.Parameter(torch.cat([layer.bias for layer in layers])) if layers[0].bias is not None else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x @ self.kernel
        return y if self.bias is None else y + self.bias


class _FeedForward(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.inner, self.outer, self.norm = _Linear(layer.fc1), _Linear(layer.fc2), layer.final_layer_norm

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x + self.outer(torch.relu(self.inner(x))))


def _heads(x: torch.Tensor) -> torch.Tensor:
    """[B, S, D] -> [B, H, S, D / H]."""
    return x.unflatten(-1, (sizes.HEADS, _HEAD)).transpose(1, 2)


def _attend(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Attention of all to all by ONNX Runtime's own operator, which needs no [S, S] of memory. Not for PyTorch."""
    return torch.onnx.ops.symbolic(
        _OPERATOR, (query, key, value), {"num_heads": sizes.HEADS}, dtype=query.dtype, shape=query.shape, version=1
    )


def _attend_back(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, past_key: torch.Tensor, past_value: torch.Tensor
) -> Sequence[torch.Tensor]:
    """The same of one place to itself and those before; returns also keys and values with its own, [B, H, T, D / H]."""
    kept = [past_key.shape[0], sizes.HEADS, past_key.shape[2] + 1, _HEAD]
    return torch.onnx.ops.symbolic_multi_out(
        _OPERATOR,
        (query, key, value, None, None, None, past_key, past_value),
        {"num_heads": sizes.HEADS},
        dtypes=[query.dtype] * 3,
        shapes=[query.shape, kept, kept],
        version=1,
    )


class _EncoderLayer(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        own = layer.self_attn
        self.project, self.out = _Linear(own.q_proj, own.k_proj, own.v_proj), _Linear(own.out_proj)
        self.norm, self.feed_forward = layer.self_attn_layer_norm, _FeedForward(layer)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.feed_forward(self.norm(x + self.out(_attend(*self.project(x).chunk(3, dim=-1)))))


class Encoder(nn.Module):
    """Context ids int64 [B, C] -> for each decoder layer keys and values [B, H, C, D / H]."""

    def __init__(self, bart: BartForConditionalGeneration) -> None:
        super().__init__()
        encoder = bart.model.encoder
        self.tokens, self.positions, self.norm = (
            encoder.embed_tokens,
            encoder.embed_positions,
            encoder.layernorm_embedding,
        )
        self.layers = nn.ModuleList(_EncoderLayer(layer) for layer in encoder.layers)
        cross = [layer.encoder_attn for layer in bart.model.decoder.layers]
        self.projections = nn.ModuleList(_Linear(c.k_proj, c.v_proj) for c in cross)

    def forward(self, context_ids: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """See the class."""
        places = torch.arange(context_ids.shape[1]) + self.positions.offset
        x = self.norm(self.tokens(context_ids) + nn.functional.embedding(places, self.positions.weight))
        for layer in self.layers:
            x = layer(x)
        made: list[torch.Tensor] = []
        for project in self.projections:
            made += map(_heads, project(x).chunk(2, dim=-1))
        return tuple(made)


class _DecoderLayer(nn.Module):
    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        own, cross = layer.self_attn, layer.encoder_attn
        self.project, self.out = _Linear(own.q_proj, own.k_proj, own.v_proj), _Linear(own.out_proj)
        self.norm = layer.self_attn_layer_norm
        self.cross_query, self.cross_out = _Linear(cross.q_proj), _Linear(cross.out_proj)
        self.cross_norm, self.feed_forward = layer.encoder_attn_layer_norm, _FeedForward(layer)

    def forward(self, x, past_key, past_value, cross_key, cross_value):
        query, key, value = self.project(x).chunk(3, dim=-1)
        found, key, value = _attend_back(query, key, value, past_key, past_value)
        x = self.norm(x + self.out(found))
        x = self.cross_norm(x + self.cross_out(_attend(self.cross_query(x), cross_key, cross_value)))
        return self.feed_forward(x), key, value


class DecoderStep(nn.Module):
    """Ids int64 [B, 1], place int64 [1], past and cross keys and values -> probabilities [B, V], keys and values."""

    def __init__(self, bart: BartForConditionalGeneration) -> None:
        super().__init__()
        decoder = bart.model.decoder
        self.tokens, self.positions, self.norm = (
            decoder.embed_tokens,
            decoder.embed_positions,
            decoder.layernorm_embedding,
        )
        self.layers = nn.ModuleList(_DecoderLayer(layer) for layer in decoder.layers)
        self.project = _Linear(bart.lm_head)

    def forward(
        self, ids: torch.Tensor, place: torch.Tensor, past: list[torch.Tensor], cross: list[torch.Tensor]
    ) -> tuple[torch.Tensor, ...]:
        """See the class; ``past`` and ``cross`` are key, value of layer 0, key, value of layer 1 ..."""
        position = nn.functional.embedding(place + self.positions.offset, self.positions.weight)
        x = self.norm(self.tokens(ids) + position)
        present = []
        for number, layer in enumerate(self.layers):
            pair = slice(2 * number, 2 * number + 2)
            x, key, value = layer(x, *past[pair], *cross[pair])
            present += [key, value]
        return torch.softmax(self.project(x)[:, 0], dim=-1), *present


def names(kind: str) -> list[str]:
    """Names of keys and values in the graphs, in their order: past_key_0, past_value_0, ..."""
    return [f"{kind}_{part}_{layer}" for layer in range(sizes.LAYERS) for part in ("key", "value")]


def export(bart: BartForConditionalGeneration, folder: pathlib.Path) -> None:
    """Writes ``encoder.onnx`` and ``step.onnx``, and the same ending in ``_int8.onnx``, into ``folder``/onnx.

    The int8 ones are by ONNX Runtime's dynamic quantisation: int8 weights a channel, activations as it runs.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    target = folder / "onnx"
    target.mkdir(parents=True, exist_ok=True)
    batch, length, past_length = (torch.export.Dim(name) for name in ("batch", "context", "past"))
    encoder, step = Encoder(bart).eval(), DecoderStep(bart).eval()
    # Sizes unlike each other and unlike 0 and 1, which the exporter would take for constants.
    context_ids = torch.full((2, 5), sizes.FIRST_ID)
    cross = list(encoder(context_ids))
    past = [torch.zeros(2, sizes.HEADS, 3, _HEAD) for _ in cross]
    torch.onnx.export(
        encoder,
        (context_ids,),
        target / "encoder.onnx",
        input_names=["context_ids"],
        output_names=names("cross"),
        dynamic_shapes={"context_ids": {0: batch, 1: length}},
        external_data=False,
    )
    torch.onnx.export(
        step,
        (torch.full((2, 1), sizes.FIRST_ID), torch.tensor([3]), past, cross),
        target / "step.onnx",
        input_names=["ids", "place", *names("past"), *names("cross")],
        output_names=["probs", *names("present")],
        dynamic_shapes={
            "ids": {0: batch},
            "place": {},
            "past": [{0: batch, 2: past_length}] * len(past),
            "cross": [{0: batch, 2: length}] * len(cross),
        },
        external_data=False,
    )
    for name in ("encoder", "step"):
        quantize_dynamic(
            target / f"{name}.onnx",
            target / f"{name}_int8.onnx",
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
