"""The encoders by name."""

from persona_tf.model.config import ModelConfig
from persona_tf.retrieval.bi_encoder import BiEncoder
from persona_tf.retrieval.config import RetrieverConfig
from persona_tf.retrieval.cross_encoder import CrossEncoder
from persona_tf.retrieval.poly_encoder import PolyEncoder

Encoder = BiEncoder | PolyEncoder | CrossEncoder

ENCODERS: dict[str, type[Encoder]] = {"bi": BiEncoder, "poly": PolyEncoder, "cross": CrossEncoder}
"""By `RetrieverConfig.kind`."""


def build_encoder(config: RetrieverConfig, sizes: ModelConfig) -> Encoder:
    """The encoder that the config names, its weights drawn from the global seed.

    Raises:
      ValueError: ``sizes.vocabulary_size`` is not filled in.
    """
    if sizes.vocabulary_size < 1:
        raise ValueError("build_encoder: expected the size of the vocabulary in ModelConfig.vocabulary_size, got 0")
    encoder = ENCODERS[config.kind](config, sizes)
    encoder.build()
    return encoder
