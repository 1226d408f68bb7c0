"""/cache: what was said, for the people who look after it."""
