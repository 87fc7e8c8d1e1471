"""The training loop, its losses, schedules, checkpoints and summaries. Knows nothing of decoding and talking."""
