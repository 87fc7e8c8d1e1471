"""Whether a preset fits a ModelConfig; if not, which lines of gin would make it fit. Pure Python."""

from collections.abc import Mapping
from typing import Any

from persona_tf.model.config import OF_DECODER, ModelConfig
from persona_tf.pretrained.preset import Sizes


def check_fit(presets: Mapping[str, tuple[str, Sizes]], config: ModelConfig) -> None:
    """Checks that presets are what a config asks for.

    Args:
      presets: name and sizes, by the part of the model, one of ``encoder``, ``decoder``, ``whole``.
      config: that of the model.

    Raises:
      ValueError: one is of another size or kind of layer than the config, than another one, or than any config can be;
        the message names each number and the lines of gin that fit.
    """
    wanted: dict[str, Any] = {}
    for part, (name, sizes) in presets.items():
        found = _sizes(part, name, sizes)
        both = {field: value for field, value in found.items() if wanted.get(field, value) != value}
        if both:
            others = ", ".join(f"{field} {value} and {wanted[field]}" for field, value in both.items())
            raise ValueError(f"the presets {_names(presets)} do not fit each other: {others}; take two of one size")
        wanted |= found
    wanted |= _style(presets, config)
    positions = [sizes.positions for _, sizes in presets.values() if sizes.positions]
    if positions:
        wanted["most_positions"] = min(config.most_positions, *positions)
    differs = {field: value for field, value in wanted.items() if getattr(config, field) != value}
    if not differs:
        return
    told = ", ".join(f"{field} is {getattr(config, field)!r}, expected {value!r}" for field, value in differs.items())
    lines = "\n".join(f"  ModelConfig.{field} = {value!r}" for field, value in differs.items())
    raise ValueError(f"ModelConfig does not fit {_names(presets)}: {told}. These lines of gin fit:\n{lines}")


def _names(presets: Mapping[str, tuple[str, Sizes]]) -> str:
    return " and ".join(name for name, _ in presets.values())


def _sizes(part: str, name: str, sizes: Sizes) -> dict[str, Any]:
    """The fields of ModelConfig that a preset decides, but for kinds of layers that differ between the stacks."""
    if sizes.channels * sizes.heads != sizes.width or sizes.channels % 2:
        raise ValueError(
            f"the {sizes.heads} heads of {name} have {sizes.channels} channels each, and its states {sizes.width}: "
            "heads must have an even number of channels and make up the states; take another preset"
        )
    fields: dict[str, Any] = {"width": sizes.width, "heads": sizes.heads, "feed_forward": sizes.feed_forward}
    fields["kv_heads"] = 0
    fields["positions"] = "learned" if sizes.positions else "relative"
    fields["scaled"] = sizes.kind == "T5"
    if part != "decoder":
        fields["encoder_layers"] = sizes.encoder_layers
    if part != "encoder":
        fields["decoder_layers"] = sizes.decoder_layers
        fields["target_positions"] = bool(sizes.positions)
    if sizes.kind == "T5":
        fields["tied"] = sizes.tied
    return fields


def _style(presets: Mapping[str, tuple[str, Sizes]], config: ModelConfig) -> dict[str, Any]:
    """The kinds of layers: of the encoder, and of the decoder what is otherwise there."""
    of = {part: layer_kinds(sizes) for part, (_, sizes) in presets.items()}
    if "whole" in of:
        return {**of["whole"], "decoder_style": {}}
    encoder = of.get("encoder", {name: getattr(config, name) for name in OF_DECODER})
    if "decoder" not in of:
        return encoder
    differs = {name: value for name, value in of["decoder"].items() if encoder[name] != value}
    return {**(encoder if "encoder" in of else {}), "decoder_style": differs}


def layer_kinds(sizes: Sizes) -> dict[str, Any]:
    """The fields `OF_DECODER` of ModelConfig, as a preset has them."""
    return {
        "norm": "rms" if sizes.kind == "T5" else "layer",
        "norm_place": "after" if sizes.kind in ("Bert", "Bart") else "before",
        "norm_epsilon": sizes.norm_epsilon,
        "activation": sizes.activation,
        "embedding_norm": sizes.kind in ("Bert", "Bart"),
    }
