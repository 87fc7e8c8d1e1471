"""What every system of the comparison has in common: the sizes of the model and of the work. No imports."""

WIDTH = 256
HEADS = 8
FEED_FORWARD = 1024
LAYERS = 4
"""Of the encoder, and as many of the decoder."""
VOCABULARY = 8000
MAX_CONTEXT_TOKENS = 1024
"""Positions that are learnt; BART's own number."""

START_ID = 2
"""The decoder's first input."""
FIRST_ID = 4
"""Ids below stand for start, end, padding and the unknown, and are in no context."""

NEW_TOKENS = 32
"""Each reply has as many, whatever was drawn: no id ends it."""
TOP_P = 0.9
THREADS = 2

EMBEDDING_DEVIATION = 0.25
"""Of the token embeddings, which also give the logits. A nucleus then has some 40 ids (quartiles 20, 70), as a bot's.

With BART's 0.02, next-token probabilities would be almost equal and the nucleus 6,900 ids.
"""
