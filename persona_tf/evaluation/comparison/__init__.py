"""Runs side by side: statistics over dialogues and seeds, tables, sweeps of experiments, learning curves."""
