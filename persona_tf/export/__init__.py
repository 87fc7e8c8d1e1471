"""What leaves a run: the bundle, which holds all that talking needs. Knows no data, training or gin."""
