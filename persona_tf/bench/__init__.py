"""Speed, ours against something one could do instead, measured alternately in one run."""
