"""A trained bot on ONNX Runtime: graphs laid out by us, float32 or int8, and a `Writer` on them without TensorFlow.

files: ``write_onnx`` and the folder's manifest. reading, writing, cross_attention: the graphs, made with graph, a small
builder, of weights, heads padded as channels says.
tables: what is looked up or is too small for a graph, in NumPy. sessions, reader, group, writer: run the graphs.

Shape letters: as in `model`; G rows of a reading graph, L tokens of each; P tokens read before; Q targets side by side
in a row, hypotheses included; C channels of a head, padded to `channels.CHANNEL_STEP`.
"""
