"""lookalike-bench: does watching a human play make an LLM agent play better, and by how much?"""

__version__ = "0.1.0"
