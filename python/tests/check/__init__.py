"""PERMITS_CHECK=1: a thread or task that would wait for its own release gets an error, and no other does."""
