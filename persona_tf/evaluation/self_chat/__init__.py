"""Two bots talk to each other: what they said, whether they contradicted themselves, figures over turns, a page."""
