"""Records: what happened, a line a step, and nothing else is ever scored."""
