"""Features -> logits: the PersonaTransformer. Knows no strings, files, tokenizer or gin.

Shape letters of this room:
  B rows, S knowledge tokens, H history tokens, M = S + H memory tokens, T target tokens,
  D width, N heads, C = D / N channels of a head, V vocabulary, E emotes.
Masks are boolean; True means "may be seen". Layers use `keras.ops` only, so that the same code trains under
TensorFlow and JAX. Softmax, logits and losses are float32, whatever the precision of the layers.
"""
