"""One bot under several ways of choosing words: what each does to its answers, and what it costs."""
