"""KerasHub: BART on Keras and TensorFlow, with its own ``generate`` in one XLA program a shape.

Its sampler sorts the whole vocabulary, which takes half the time. Its argument k takes the k likeliest first; with
1,024, several times what the nuclei have here, it draws the same at half the cost, so both are measured.
"""

import pathlib

import keras
import keras_hub
import numpy as np

from persona_tf.bench.peers import sizes


class KerasHubBart:
    """The shared weights in KerasHub's BART, through its own converter. TensorFlow's threads are its process's."""

    name = "keras_hub"

    def __init__(
        self, precision: str, folder: pathlib.Path, threads: int = sizes.THREADS, top_p: float = sizes.TOP_P
    ) -> None:
        self.precision = precision
        dtype, _, first = precision.partition(", ")
        backbone = keras_hub.models.BartBackbone.from_preset(str(folder / "transformers"), dtype=dtype)
        # KerasHub's BART knows GELU only.
        for layer in (*backbone.encoder_transformer_layers, *backbone.decoder_transformer_layers):
            layer._feedforward_intermediate_dense.activation = keras.activations.relu
        self._model = keras_hub.models.BartSeq2SeqLM(backbone=backbone, preprocessor=None)
        self._sampler = keras_hub.samplers.TopPSampler(p=top_p, k=1024 if first else None, seed=0)
        self._model.compile(sampler=self._sampler, jit_compile=True)

    def write(self, context_ids: np.ndarray, seed: int) -> np.ndarray:
        """See `peers.Peer`."""
        self._sampler.seed_generator.state.assign(np.array([seed, 0], np.uint32))
        rows = len(context_ids)
        decoder_ids = np.full((rows, sizes.NEW_TOKENS + 1), sizes.START_ID, np.int32)
        given = np.zeros(decoder_ids.shape, np.int32)
        given[:, 0] = 1
        written = self._model.generate(
            {
                "encoder_token_ids": context_ids,
                "encoder_padding_mask": np.ones_like(context_ids),
                "decoder_token_ids": decoder_ids,
                "decoder_padding_mask": given,
            },
            stop_token_ids=None,
        )
        return np.asarray(written["decoder_token_ids"])[:, 1:].astype(np.int32)


def make(precision: str, folder: pathlib.Path, threads: int) -> KerasHubBart:
    """The factory that `peers.SYSTEMS` names."""
    return KerasHubBart(precision, folder, threads)
