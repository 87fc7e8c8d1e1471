"""CTranslate2: a Transformer in C++ with its own kernels, in float32 and int8."""

import pathlib
from typing import TYPE_CHECKING

import ctranslate2
import numpy as np

from persona_tf.bench.peers import sizes

if TYPE_CHECKING:
    from transformers import BartForConditionalGeneration

TOKENS = ["<unk>", "<pad>", "</s>", "<s>", *map(str, range(sizes.FIRST_ID, sizes.VOCABULARY))]
"""The translator takes and gives strings: here the ids in digits, but for the special ones."""


class CTranslate2Peer:
    """A translator that samples; ``precision`` float32 or int8 (weights; activations are quantised as it runs)."""

    name = "ctranslate2"

    def __init__(
        self, precision: str, folder: pathlib.Path, threads: int = sizes.THREADS, top_p: float = sizes.TOP_P
    ) -> None:
        self.precision = precision
        self._top_p = top_p
        self._ids = {token: number for number, token in enumerate(TOKENS)}
        self._translator = ctranslate2.Translator(
            str(folder / f"ctranslate2_{precision}"),
            device="cpu",
            compute_type=precision,
            inter_threads=1,
            intra_threads=threads,
        )

    def write(self, context_ids: np.ndarray, seed: int) -> np.ndarray:
        """See `peers.Peer`. The translation of ids to strings and back is part of it."""
        ctranslate2.set_random_seed(seed)
        results = self._translator.translate_batch(
            [[TOKENS[number] for number in row] for row in context_ids.tolist()],
            beam_size=1,
            sampling_topk=0,
            sampling_topp=self._top_p,
            sampling_temperature=1.0,
            min_decoding_length=sizes.NEW_TOKENS,
            max_decoding_length=sizes.NEW_TOKENS,
            max_input_length=0,
        )
        return np.array([[self._ids[token] for token in r.hypotheses[0]] for r in results], np.int32)


def convert(bart: "BartForConditionalGeneration", folder: pathlib.Path) -> None:
    """Writes the model as CTranslate2 takes it, once a precision."""
    from ctranslate2.converters.transformers import BartLoader

    # The published BART configurations say so; the class does not.
    bart.config.normalize_before = False
    for precision in ("float32", "int8"):
        loader = BartLoader()
        spec = loader.get_model_spec(bart)
        loader.set_vocabulary(spec, TOKENS)
        spec.config.unk_token, spec.config.bos_token, spec.config.eos_token = TOKENS[0], TOKENS[3], TOKENS[2]
        spec.config.decoder_start_token = TOKENS[sizes.START_ID]
        spec.validate()
        spec.optimize(quantization=precision)
        target = folder / f"ctranslate2_{precision}"
        target.mkdir(parents=True, exist_ok=True)
        spec.save(str(target))


def make(precision: str, folder: pathlib.Path, threads: int) -> CTranslate2Peer:
    """The factory that `peers.SYSTEMS` names."""
    return CTranslate2Peer(precision, folder, threads)
