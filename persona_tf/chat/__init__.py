"""Place, characters and history -> reply, action, emote and what they leant on. Knows no transport."""
