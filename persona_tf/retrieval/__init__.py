"""Which facts suit the moment: encoders of contexts and facts, their loss, an exact index over embeddings, and the
facts that a conversation remembers.

A *context* is what was said so far; a *fact* is one sentence. Whose facts they are, where dialogues come from and what
is done with what was found, this room does not know.

Shape letters of this room:
  B contexts, F facts, H context tokens, L fact tokens, P pairs of a context and a fact, D dimensions of a vector,
  m codes of a poly-encoder, Q queries of an index, N facts in it.
All padding is on the right, with id 0. Layers use `keras.ops` only; the index is NumPy.
"""
