"""How well facts are found: candidates, baselines, ranking figures, and a table for each split."""
