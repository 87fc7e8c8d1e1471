"""Raw files -> Episode -> tf.data: one module a source, ``world`` (the built-in world), and the pipeline.

Readers and generators are pure Python and yield `persona_tf.episode.Episode`; only ``pipeline`` may import
TensorFlow. This room knows no model.
"""
