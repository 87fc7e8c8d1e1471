"""Strings <-> ids: the vocabulary, the tokenizer, and the Packer that lays strings out as flat features.

Knows nothing of episodes and data files: it is given lists of strings.
"""
