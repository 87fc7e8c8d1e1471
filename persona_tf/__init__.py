"""persona_tf: bots with a personality, in TensorFlow and Keras."""
