"""What a bot with a memory still knows long after, how fast it answers, and whether it sticks to what it made up."""
