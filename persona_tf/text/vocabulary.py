"""Training a vocabulary: SentencePiece BPE with byte fallback and identity normalisation.

Ids: first our special tokens, then SentencePiece's pieces; for who writes facts, the marks of facts after those, so
that all others stay as they are without. Special tokens exist as ids only; no text, whatever a user types, is ever
turned into one.
"""

import hashlib
import io
import pathlib
from collections.abc import Iterable
from typing import NamedTuple

import sentencepiece

from persona_tf.atomic_file import write_atomically

SPECIALS = ("<pad>", "<history>", "<self>", "<partner>", "<reply>", "<action>", "<emote>")
PAD, HISTORY, SELF, PARTNER, REPLY, ACTION, EMOTE = range(len(SPECIALS))

FACT_MARKS = ("<extract>", "<invent>", "<world>", "<end>")
"""The special tokens of facts, which come after all pieces, if at all."""
EXTRACT_TASK, INVENT_TASK = 1, 2
"""Values of ``target_task`` in what the Packer takes; 0 is a reply."""

_BYTES_AND_UNKNOWN = 257


class FactIds(NamedTuple):
    """The ids that facts are written with.

    ``extract`` and ``invent`` begin what is written: the facts that the last turn states, or one that could answer it.
    Each fact begins with whose it is, one of ``owners``: self, partner, world; ``end`` comes last.
    """

    extract: int
    invent: int
    owners: tuple[int, int, int]
    end: int


def fact_ids(size: int) -> FactIds:
    """The ids of facts beside a vocabulary of ``size`` ids, which does not count them."""
    extract, invent, world, end = range(size, size + len(FACT_MARKS))
    return FactIds(extract, invent, (SELF, PARTNER, world), end)


def train_vocabulary(texts: Iterable[str], size: int, path: pathlib.Path) -> bytes:
    """Trains a SentencePiece model of ``size - len(SPECIALS)`` pieces and writes it to ``path``.

    Deterministic for the same texts in the same order. Sennrich et al. 2016 (arXiv 1508.07909); byte fallback
    and lossless text after Kudo and Richardson 2018 (arXiv 1808.06226).

    Args:
      texts: raw strings; line breaks inside are allowed. May be an iterator.
      size: number of ids in all.
      path: where the serialised model goes; written to a temporary name first.

    Returns:
      The serialised model.

    Raises:
      ValueError: the texts do not hold enough different characters and pairs for ``size``.
    """
    pieces = size - len(SPECIALS)
    if pieces <= _BYTES_AND_UNKNOWN:
        least = _BYTES_AND_UNKNOWN + len(SPECIALS) + 1
        raise ValueError(f"vocabulary_size {size} is too small: bytes and special tokens alone need {least}")
    model = io.BytesIO()
    lines = (line for text in texts for line in _short_lines(text))
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=lines,
            model_writer=model,
            model_type="bpe",
            vocab_size=pieces,
            byte_fallback=True,
            normalization_rule_name="identity",
            remove_extra_whitespaces=False,
            add_dummy_prefix=False,  # the tokenizer adds it: SentencePiece's own cannot be undone
            character_coverage=0.9999,
            max_sentence_length=16_384,
            num_threads=1,
            unk_id=0,
            bos_id=-1,
            eos_id=-1,
            pad_id=-1,
            minloglevel=2,
        )
    except RuntimeError as error:
        raise ValueError(f"cannot train a vocabulary of {size} ids on these texts: {error}") from error
    write_atomically(path, model.getvalue())
    return model.getvalue()


def pieces(model: bytes) -> list[str]:
    """What each id of a vocabulary stands for, U+2581 for a blank, ``<0x41>`` for a byte; "" for one without a text."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    texts = (
        "" if processor.is_unknown(number) else processor.id_to_piece(number)
        for number in range(processor.vocab_size())
    )
    return [*[""] * len(SPECIALS), *texts]


def fingerprint(model: bytes) -> str:
    """A short name for a vocabulary: weights and packed data of another one do not fit it."""
    return hashlib.sha256(model).hexdigest()[:16]


def _short_lines(text: str) -> Iterable[str]:
    for line in text.splitlines():
        for start in range(0, len(line), 4000):
            yield " " + line[start : start + 4000]
