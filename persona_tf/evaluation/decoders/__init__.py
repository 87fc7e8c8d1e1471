"""Ways of choosing words, compared on one bot: the ways, the comparison, its table and its picture."""
