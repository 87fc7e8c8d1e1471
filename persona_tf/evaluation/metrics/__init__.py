"""Metrics by the field's definitions, exact, as values that add. Know strings and numbers only, and one another."""
