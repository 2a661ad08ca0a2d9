"""Metrics and statistics, computed from records only."""
