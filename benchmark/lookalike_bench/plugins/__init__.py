"""The plug: hooks, the manager that finds what is plugged in, and the interfaces that plugins implement."""

from lookalike_bench.plugins.hookspecs import hookimpl

__all__ = ["hookimpl"]
