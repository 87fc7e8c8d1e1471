"""What `python -m persona_tf VERB` does, verb by verb: ties rooms together, and imports each when it is needed."""
