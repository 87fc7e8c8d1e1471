"""Hugging Face transformers: BART on PyTorch, with its own ``generate``.

Two ways of it: float32 and bfloat16. The static cache and a compiled step were tried and left out: over 256 tokens
they took 177 ms against 177 at a batch of 1 and 1,380 against 1,412 at 32, and a minute or more to compile a shape.
The model with random weights that all peers share is made here.
"""

import pathlib

import numpy as np
import torch
import transformers
from transformers import BartConfig, BartForConditionalGeneration, GenerationConfig

from persona_tf.bench.peers import sizes


def random_bart(seed: int = 0) -> BartForConditionalGeneration:
    """BART of the common sizes with random weights, ready to generate.

    BART's own initialisation but for two things, so that next-token probabilities are as uneven as a trained bot's:
    the deviation of the token embeddings, and random signs in the last layer norm, without which a model of tied
    embeddings that has learnt nothing repeats the token before.
    """
    transformers.set_seed(seed)
    config = BartConfig(
        vocab_size=sizes.VOCABULARY,
        max_position_embeddings=sizes.MAX_CONTEXT_TOKENS,
        encoder_layers=sizes.LAYERS,
        decoder_layers=sizes.LAYERS,
        encoder_attention_heads=sizes.HEADS,
        decoder_attention_heads=sizes.HEADS,
        encoder_ffn_dim=sizes.FEED_FORWARD,
        decoder_ffn_dim=sizes.FEED_FORWARD,
        d_model=sizes.WIDTH,
        activation_function="relu",
        decoder_start_token_id=sizes.START_ID,
        forced_eos_token_id=None,
    )
    model = BartForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.model.shared.weight.normal_(std=sizes.EMBEDDING_DEVIATION)
        signs = torch.randint(0, 2, (sizes.WIDTH,)) * 2 - 1
        model.model.decoder.layers[-1].final_layer_norm.weight.copy_(signs)
    model.generation_config = generation_config()
    return model


def generation_config() -> GenerationConfig:
    """Exactly `sizes.NEW_TOKENS` tokens from the nucleus: without an end token no reply stops."""
    return GenerationConfig(
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=sizes.TOP_P,
        num_beams=1,
        max_new_tokens=sizes.NEW_TOKENS,
        decoder_start_token_id=sizes.START_ID,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=None,
        forced_eos_token_id=None,
        use_cache=True,
    )


class TransformersBart:
    """BART as transformers runs it; ``precision`` float32 or bfloat16."""

    name = "transformers"

    def __init__(
        self, precision: str, folder: pathlib.Path, threads: int = sizes.THREADS, top_p: float = sizes.TOP_P
    ) -> None:
        self.precision = precision
        torch.set_num_threads(threads)
        dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
        self._model = BartForConditionalGeneration.from_pretrained(folder / "transformers", dtype=dtype).eval()
        config = generation_config()
        config.top_p = top_p
        self._model.generation_config = config

    def write(self, context_ids: np.ndarray, seed: int) -> np.ndarray:
        """See `peers.Peer`."""
        torch.manual_seed(seed)
        ids = torch.from_numpy(context_ids.astype(np.int64))
        with torch.inference_mode():
            written = self._model.generate(input_ids=ids, attention_mask=torch.ones_like(ids))
        return written[:, 1:].numpy().astype(np.int32)


def make(precision: str, folder: pathlib.Path, threads: int) -> TransformersBart:
    """The factory that `peers.SYSTEMS` names."""
    return TransformersBart(precision, folder, threads)
