"""Plays the episodes of a run: scheduling, isolation, limits. Knows nothing of pytest."""
