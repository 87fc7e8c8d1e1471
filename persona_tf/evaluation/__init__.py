"""What the bots' answers are worth: metrics that add, probes, baselines, tables.

Bots are asked by `evaluator`, `scoring`, `samples`, `decoders.comparison`, `override.experiment`, `self_chat.record`:
these need TensorFlow. Metrics and tables read what these have written down, so that any bot, also a foreign one, can be
scored. The room does not know how a model is trained or served.
"""
