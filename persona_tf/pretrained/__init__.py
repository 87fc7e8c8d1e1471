"""Starting points: a bot begins with the weights of a BERT, GPT-2, BART or T5 that others have trained.

Knows the model's config and the names of its weights; knows no data, no training and no gin. KerasHub reads the
presets, and is imported in `hub` alone.
"""
