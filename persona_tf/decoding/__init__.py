"""Choosing the next word: filters on logits and one search loop over a step function. Knows no model class."""
