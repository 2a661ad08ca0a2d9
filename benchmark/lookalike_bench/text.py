"""Text that came from a model, a game or a stranger's file, made safe to read and to print.

It may hold what steers a terminal (control characters) or what shows other text than it holds (marks that reverse
the direction, characters without width).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]+")


def printable(text: str) -> str:
    """The text for a terminal: a space for whatever does not show as itself."""
    return UNPRINTABLE.sub(" ", text)


def shortened(text: str, width: int = 80) -> str:
    """The text, or its beginning, so that an error that quotes it stays one line."""
    return text if len(text) <= width else text[: width - 3] + "..."


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error about a name that is not there: the nearest that is, or nothing."""
    # A name without end would be compared for as long.
    near = difflib.get_close_matches(shortened(name), list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def without_controls(text: str) -> str:
    """The text with one space for each run of control characters and marks that reverse the direction."""
    return _CONTROLS.sub(" ", text)
