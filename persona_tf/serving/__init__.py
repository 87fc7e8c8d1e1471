"""How people reach a bot: the terminal. Transport only: what is said is decided in `persona_tf.chat`."""
