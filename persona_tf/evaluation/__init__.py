"""What the bots' answers are worth: metrics that add, probes, baselines, tables.

All but the evaluator reads predictions only, so that any bot, also a foreign one, can be scored. The room
does not know how a model is trained or served, and nothing here but the evaluator needs TensorFlow.
"""
