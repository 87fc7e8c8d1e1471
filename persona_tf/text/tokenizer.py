"""The tokenizer: exact for any string, inside the graph.

SentencePiece writes a blank as U+2581 and would turn a typed U+2581 into a blank. So that every string
comes back as it was, that character (and the escape itself) is escaped with a private-use character first.
A blank is put before each text, so that its first word has the same ids as in the middle of a sentence.
"""

import functools
from collections.abc import Sequence

import tensorflow as tf
import tensorflow_text as tf_text
from tensorflow_text.python.ops import sentencepiece_tokenizer

from persona_tf.text import vocabulary
from persona_tf.text.native_stderr import without_lines

_BLANK, ESCAPE = "\u2581", "\ue000"
_ESCAPED_ESCAPE, _ESCAPED_BLANK = ESCAPE + "0", ESCAPE + "1"
_INFO = rb"\w+\.cc\(\d+\) LOG\(INFO\)"
"""What tensorflow-text's own SentencePiece says of each model that it loads; it has no setting for that."""


class _SharedModel(sentencepiece_tokenizer._SentencepieceModelResource):
    """A SentencePiece model that has a name, and with it a life of its own.

    tensorflow-text leaves it to a nameless kernel, which goes with TensorFlow's caches: after one call of
    ``keras.utils.set_random_seed``, all tokenizers made before would fail with "Resource ... does not exist".
    """

    def _create_resource(self):
        make = sentencepiece_tokenizer.gen_sentencepiece_tokenizer.sentencepiece_op
        return make(model=self._model, shared_name=f"persona_tf_{self._name}")


class Tokenizer(tf.Module):
    """Strings -> ids and back, with special ids kept out of reach of text.

    Args:
      model: the serialised SentencePiece model (see `vocabulary.train_vocabulary`).

    Raises:
      ValueError: ``model`` is none.
    """

    def __init__(self, model: bytes):
        super().__init__(name="tokenizer")
        self.fingerprint = vocabulary.fingerprint(model)
        try:
            with without_lines(_INFO):
                self._pieces = tf_text.SentencepieceTokenizer(model=model, out_type=tf.int32)
                self._pieces._model_resource = _SharedModel(model, self.fingerprint)
        except tf.errors.OpError as error:
            raise ValueError(
                f"vocabulary.model ({self.fingerprint}) is damaged: no SentencePiece model; put the right one back "
                "(a run has it in checkpoints/ and bundle/), or train anew"
            ) from error
        self._offset = len(vocabulary.SPECIALS)

    @functools.cached_property
    def size(self) -> int:
        """Number of ids, special ones included."""
        return int(self._pieces.vocab_size()) + self._offset

    def tokenize(self, texts: tf.Tensor) -> tf.RaggedTensor:
        """Strings [N] -> ids, ragged int32 [N, (L)]. The empty string gives an empty row."""
        texts = tf.strings.regex_replace(texts, ESCAPE, _ESCAPED_ESCAPE)
        texts = tf.strings.regex_replace(texts, _BLANK, _ESCAPED_BLANK)
        texts = tf.where(texts == "", texts, tf.strings.join([" ", texts]))
        return self._pieces.tokenize(texts) + self._offset

    def detokenize(self, ids: tf.RaggedTensor) -> tf.Tensor:
        """Ids, ragged int32 [N, (L)] -> strings [N]. Special ids are left out."""
        ids = tf.ragged.boolean_mask(ids, ids >= self._offset)
        texts = tf.strings.regex_replace(self._pieces.detokenize(ids - self._offset), "^ ", "")
        texts = tf.strings.regex_replace(texts, _ESCAPED_BLANK, _BLANK)
        return tf.strings.regex_replace(texts, _ESCAPED_ESCAPE, ESCAPE)

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Python strings -> lists of ids."""
        return self.tokenize(tf.constant(texts, tf.string, [len(texts)])).to_list()

    def decode(self, ids: list[int]) -> str:
        """One list of ids as a Python string; bytes that are no UTF-8 become U+FFFD."""
        return self.decode_all([ids])[0]

    def decode_all(self, rows: Sequence[list[int]]) -> list[str]:
        """Many lists of ids as Python strings, in one call."""
        ids = tf.ragged.constant(rows, tf.int32, ragged_rank=1) if any(rows) else None
        if ids is None:
            return [""] * len(rows)
        return [text.decode("utf-8", errors="replace") for text in self.detokenize(ids).numpy().tolist()]
